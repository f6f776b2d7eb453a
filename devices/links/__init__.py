"""Each wire wrapped once."""
