"""From a rig file to a connected bench."""
