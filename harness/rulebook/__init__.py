"""Limits as dated, cited data, and the loader that finds the one in force."""
