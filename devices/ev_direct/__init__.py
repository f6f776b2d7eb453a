"""Electric vehicles through their maker's cloud, without a charging station."""
