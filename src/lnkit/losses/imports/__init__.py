"""Losses of other projects, read from their option files and names."""
