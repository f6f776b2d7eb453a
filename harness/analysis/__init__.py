"""Pure numpy: what a recording says about response, ramp, delivery and agreement."""
