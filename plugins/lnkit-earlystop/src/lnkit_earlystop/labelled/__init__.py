"""Labelled images to train and validate classifiers on, decoded once into packed arrays."""
