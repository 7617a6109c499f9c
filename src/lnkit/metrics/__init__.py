"""Losses as metrics of torchmetrics, which the extra ``torchmetrics`` brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.metrics.perceptual_distance import PerceptualDistance as PerceptualDistance

__getattr__, __all__ = lazy_exports(__name__, {"lnkit.metrics.perceptual_distance": ("PerceptualDistance",)})
