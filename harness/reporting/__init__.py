"""Allure bridge, figures, HTML and tables."""
