"""Limit, decision rule, verdict."""
