"""The words every room shares: time, errors, channels, capabilities, circuit."""
