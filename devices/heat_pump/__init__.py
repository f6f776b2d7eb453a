"""Heat pumps."""
