"""Inputs of the measurements: backbones with random weights, and triplets of known differences."""

from __future__ import annotations

import numpy as np
from skimage import data
from torch import nn

from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry
from lnkit.specs import ExtractionPoint

POINTS = ("early", "semi_early", "mid", "late")


def make_backbone(name: str) -> tuple[nn.Module, list[ExtractionPoint]]:
    """Build a backbone with random weights, and its four points."""
    registry = default_registry()
    return build_backbone(registry.backbone(name), "random").module, [registry.points[name][point] for point in POINTS]


def make_triplets(count: int, size: int = 64, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut patches (N, H, W, 3) from a photograph, each with a weaker and a stronger noise in random order."""
    rng = np.random.default_rng(seed)
    photo: np.ndarray = data.astronaut()  # type: ignore[no-untyped-call]
    rows, columns = rng.integers(0, 512 - size, (2, count))
    ref = np.stack([photo[r : r + size, c : c + size] for r, c in zip(rows, columns, strict=True)])
    strengths = rng.uniform(4, 40, (2, count, 1, 1, 1))
    p0, p1 = (np.clip(ref + rng.normal(0, 1, ref.shape) * strength, 0, 255).astype(np.uint8) for strength in strengths)
    return ref, p0, p1
