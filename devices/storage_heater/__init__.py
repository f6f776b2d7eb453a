"""Storage heaters."""
