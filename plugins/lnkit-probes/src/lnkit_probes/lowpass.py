"""Classification of images of which only low frequencies are left (Kumar2022 8.6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def low_pass(images: NDArray[np.uint8], side: int) -> Array:
    """Keep a square of the Fourier plane (Kumar2022 8.6).

    Args:
        images: (N, R, R, 3), 8-bit.
        side: edge length of the square, from 1, which leaves the mean of each channel, to R, which changes nothing.

    Returns:
        (N, R, R, 3), clipped to [0, 1].
    """
    values = images.astype(np.float64) / 255
    passes = [_share_in_square(length, side) for length in images.shape[1:3]]
    spectrum = np.fft.fft2(values, axes=(1, 2)) * np.outer(*passes)[None, :, :, None]
    return np.clip(np.fft.ifft2(spectrum, axes=(1, 2)).real, 0, 1)


def _share_in_square(length: int, side: int) -> Array:
    """Return by how much each frequency of an axis passes.

    A frequency of f periods an image stands for the interval from f - 1/2 to f + 1/2, and the square reaches from
    -side / 2 to side / 2. A frequency on the edge of an even side passes by half, as it does where one of the pair -f
    and f is kept; so every side lets more pass than the one before.
    """
    frequencies = np.abs(np.fft.fftfreq(length, 1 / length))
    shares: Array = np.clip(side / 2 - frequencies + 0.5, 0, 1)
    shares[frequencies == length / 2] *= 2  # of an even length: -f and f in one
    return shares


class NearestClassMean:
    """Classifies features by the nearest class mean, each feature at unit variance over the training images.

    Ours, not Kumar2022's: it takes any backbone, also one whose head was trained on other classes.
    """

    def __init__(self, features: Array, labels: NDArray[np.int64]) -> None:
        """Learn from ``features`` (N, D) and the numbers (N,) of their classes."""
        spread = features.std(axis=0)
        self._shift, self._scale = features.mean(axis=0), np.where(spread > 0, spread, 1)
        self._classes = np.unique(labels)
        normal = self._normalized(features)
        self._means = np.stack([normal[labels == label].mean(axis=0) for label in self._classes])

    def predict(self, features: Array) -> NDArray[np.int64]:
        """Return the classes (N,) of ``features`` (N, D)."""
        # |x - m|^2 without |x|^2, which is the same for all classes
        scores = (self._means**2).sum(axis=1) - 2 * self._normalized(features) @ self._means.T
        classes: NDArray[np.int64] = self._classes[scores.argmin(axis=1)]
        return classes

    def _normalized(self, features: Array) -> Array:
        normal: Array = (features - self._shift) / self._scale
        return normal


def first_of_each(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the rows of the first ``count`` images of each class, ascending."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:count] for label in np.unique(labels)]))
