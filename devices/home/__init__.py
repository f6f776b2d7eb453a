"""The home as a whole: the people in it, asked by message."""
