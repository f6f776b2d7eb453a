"""EV chargepoints."""
