"""LPIPS calibration: channel weights, or whole networks, learned from human 2AFC judgments (Zhang2018).

References:
    Zhang2018: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", arXiv 1801.03924.
"""
