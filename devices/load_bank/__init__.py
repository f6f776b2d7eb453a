"""Loads for the tests of meters: they draw what they are told."""
