"""Batteries, on the wall and on wheels."""
