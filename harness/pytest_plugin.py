"""pytest meets the harness."""
