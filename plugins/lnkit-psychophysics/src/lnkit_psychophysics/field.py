"""The field of view and what is drawn in it: Gabors, gratings and noise, as functions of position alone.

Coordinates run from end to end inclusive, so that the pitch of the pixels is n / (n - 1) of nominal, as in the public
code of Cai2025. Noise is filtered in the Fourier plane and has no such error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Field:
    """A square field of a display."""

    side: int = 224  # pixels
    pixels_per_degree: float = 60.0
    peak: float = 400.0  # cd/m2
    noise_seed: int = 8

    @property
    def degrees(self) -> float:
        """Its side in degrees."""
        return self.side / self.pixels_per_degree

    def gabor(self, frequency: float, sigma: float) -> Array:
        """Return a Gabor of vertical bars in sine phase, around 0, (side, side).

        Args:
            frequency: in cycles per degree.
            sigma: standard deviation of its envelope in degrees.
        """
        x = self._from_center()
        envelope = np.exp(-(x**2) / (2 * sigma**2))
        return np.outer(envelope, envelope * np.sin(2 * np.pi * frequency * x))

    def grating(self, frequency: float) -> Array:
        """Return a grating of vertical bars in sine phase over the whole field, around 0, (side, side)."""
        return np.tile(np.sin(2 * np.pi * frequency * self._from_center()), (self.side, 1))

    def masking_grating(self, frequency: float) -> Array:
        """Return the same in cosine phase at the left edge, as a mask, (side, side)."""
        return np.tile(np.cos(2 * np.pi * frequency * self._from_edge()), (self.side, 1))

    def masked_gabor(self, frequency: float, sigma: float) -> Array:
        """Return a Gabor in the phase of :meth:`masking_grating`, with its envelope in the center, (side, side)."""
        u = self._from_edge() - self.degrees / 2
        envelope = np.exp(-(u**2) / (2 * sigma**2))
        return np.outer(envelope, envelope) * self.masking_grating(frequency)

    def noise(self, low: float, high: float) -> Array:
        """Return noise of unit standard deviation (side, side), of frequencies from ``low`` to ``high`` (cpd)."""
        return _noise(self, low, high)

    def kept_bins(self, low: float, high: float) -> NDArray[np.bool_]:
        """Return which bins (side, side) of the Fourier plane have frequencies from ``low`` to ``high`` (cpd)."""
        frequencies = np.fft.fftfreq(self.side, 1 / self.pixels_per_degree)
        radial = np.hypot(frequencies[:, None], frequencies)
        kept: NDArray[np.bool_] = (radial >= low) & (radial <= high)
        return kept

    def _from_center(self) -> Array:
        return np.linspace(-self.side / 2, self.side / 2, self.side) / self.pixels_per_degree

    def _from_edge(self) -> Array:
        return np.linspace(0, self.degrees, self.side)


@lru_cache(maxsize=4)
def _noise(field: Field, low: float, high: float) -> Array:
    """Filter the one noise field of a seed; numpy's legacy generator, as Cai2025 uses."""
    white = np.random.RandomState(field.noise_seed).standard_normal((field.side, field.side))
    filtered = np.fft.ifft2(np.fft.fft2(white) * field.kept_bins(low, high)).real
    noise: Array = filtered / filtered.std()
    return noise
