"""Photovoltaic inverters."""
