"""Sweeps over one hyperparameter at a time (Kumar2022, section 6)."""
