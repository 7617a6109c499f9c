"""Losses: weighted sums of distances at points of one or more backbones, as text, as TOML or built in Python."""
