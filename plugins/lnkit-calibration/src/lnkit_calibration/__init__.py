"""LPIPS calibration: channel weights, or whole networks, learned from human 2AFC judgments (Zhang2018).

References:
    Zhang2018: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", arXiv 1801.03924.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit_calibration.calibration import CalibrationRequest as CalibrationRequest
    from lnkit_calibration.calibration import CalibrationResult as CalibrationResult
    from lnkit_calibration.calibration import calibrate as calibrate
    from lnkit_calibration.task import Schedule as Schedule

__version__ = "0.1.0"

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit_calibration.calibration": ("CalibrationRequest", "CalibrationResult", "calibrate"),
        "lnkit_calibration.task": ("Schedule",),
    },
)
