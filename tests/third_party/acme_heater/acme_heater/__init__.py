"""Acme's water heater WH-3 for Flexrig."""
