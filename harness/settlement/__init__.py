"""Settlement periods and volumes (pure)."""
