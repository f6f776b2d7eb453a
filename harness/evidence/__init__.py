"""Write, seal, verify and read back what a trial recorded."""
