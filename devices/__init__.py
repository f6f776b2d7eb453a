"""Drivers and emulators, one folder per family."""
