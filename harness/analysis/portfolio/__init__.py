"""Many homes like the one on the bench, as arrays: what they would deliver together.

`distribution` says how homes differ, `ev` and `heat_pump` what they draw, `metering`
how they are read, `unit` puts them together, `needed` and `seen` judge the result.
"""
