"""Sweeps over one hyperparameter at a time, as K makes them (section 5)."""
