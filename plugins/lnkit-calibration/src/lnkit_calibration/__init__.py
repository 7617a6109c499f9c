"""LPIPS calibration: channel weights, or whole networks, learned from human 2AFC judgments (Zhang et al. 2018)."""

__version__ = "0.1.0"
