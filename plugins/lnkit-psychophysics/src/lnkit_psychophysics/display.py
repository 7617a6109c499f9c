"""Light and color: from contrast to what a display shows, as linear RGB in cd/m2 and encoded in [0, 1].

Every constant is that of the public code of Cai2025 (Cai, Yin, Hammou and Mantiuk, "Do computer vision foundation
models learn the low-level characteristics of the human visual system?", CVPR 2025).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WHITE_XYZ = np.array([0.9505, 1.0, 1.0888])
XYZ_TO_LMS = np.array(  # the cone fundamentals of 2006
    [
        [0.187596268556126, 0.585168649077728, -0.026384263306304],
        [-0.133397430663221, 0.405505777260049, 0.034502127690364],
        [0.000244379021663, -0.000542995890619, 0.019406849066323],
    ]
)
LMS_TO_XYZ = np.array(
    [
        [2.629129278399650, -3.780202391780134, 10.294956387893450],
        [0.865649062438827, 1.215555811642301, -0.984175688105352],
        [-0.008886561474676, 0.081612628990755, 51.371024830897888],
    ]
)
GRAY_LMS = (0.739876529525622, 0.320136241543338, 0.020793708751515)
XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])

_L, _M, _S = GRAY_LMS
LMS_TO_DKL = np.array([[1, 1, 0], [1, -_L / _M, 0], [-1, -1, (_L + _M) / _S]])
DKL_TO_RGB = XYZ_TO_RGB @ LMS_TO_XYZ @ np.linalg.inv(LMS_TO_DKL)

AXES = ("achromatic", "red_green", "yellow_violet")  # of the DKL space
BACKGROUND_RGB = DKL_TO_RGB @ LMS_TO_DKL @ XYZ_TO_LMS @ WHITE_XYZ  # of 1 cd/m2; not exactly neutral

LINEAR_BELOW = 0.04045 / 12.92  # of sRGB's encoding


def rgb_change(axis: str) -> Array:
    """Return by how much linear RGB (3,) changes for a unit of contrast along an axis, on a background of 1 cd/m2."""
    change: Array = DKL_TO_RGB[:, AXES.index(axis)]
    return change


def encode(luminance: Array, peak: float) -> Array:
    """Encode linear RGB as a display with the sRGB curve does, without clipping and without rounding.

    Args:
        luminance: of any shape, in cd/m2, from 0.
        peak: luminance in cd/m2 that is encoded as 1.

    Returns:
        Values of the same shape, above 1 where the luminance is above ``peak``.

    Example:
        >>> import numpy as np
        >>> encode(np.array([0.1, 100.0, 400.0]), 400.0).round(5)
        array([0.00323, 0.5371 , 1.     ])
    """
    x = luminance / peak
    encoded: Array = np.where(x <= LINEAR_BELOW, 12.92 * x, 1.055 * np.maximum(x, LINEAR_BELOW) ** (1 / 2.4) - 0.055)
    return encoded
