"""Plugins: found, imported, checked, and kept apart from each other."""
