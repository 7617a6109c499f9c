"""Plugins: discovery, import, validation, isolation from each other, and the registry of what they provide."""
