"""Actors, agreements, instructions and notices as pure state machines."""
