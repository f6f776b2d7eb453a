"""Smart plugs."""
