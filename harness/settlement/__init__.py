"""From metered half-hours to who pays whom: periods, baselines, payments (pure)."""
