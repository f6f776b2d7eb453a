"""Neighbourhoods for a year in half-hours: who needs what, what coordination brings.

A rig file's ``[neighbourhood]`` says what the homes have; `energy.simulate` works out
every half-hour of a year, `money.settle` what it is worth, `pathways.compare` holds
several against each other and against the figures of their source. It is a model: the
wire is for proving that devices do what it takes for granted.
"""
