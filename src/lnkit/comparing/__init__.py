"""Comparing many images by their features, quickly and always with the same result."""
