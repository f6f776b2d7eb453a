"""Gherkin phrases, by domain."""
