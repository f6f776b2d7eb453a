"""How many malformed frames each link's parser is given."""

from __future__ import annotations

import os

FRAMES = int(os.environ.get("FLEXRIG_FUZZ_FRAMES", "2000"))
"""2,000 in CI; ``make nightly`` asks for 100,000."""
