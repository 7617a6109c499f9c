"""Networks for small images, trained for a short time: they judge images more like people do (Kumar et al. 2022)."""

from __future__ import annotations

LNKIT_INTERFACE = 1

__version__ = "0.1.0"
