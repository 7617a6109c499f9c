"""Draws of the bootstrap: samples of the items, from which standard errors of scores are computed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Sampling:
    """The number of bootstrap samples, and the seed that draws them."""

    resamples: int = 2000  # Efron and Tibshirani 1993: 200 are enough for a standard error; ours are more, for p-values
    seed: int = 0


def named_generator(seed: int, name: str) -> np.random.Generator:
    """Make a random generator for each name, so that no interval depends on which other parts are scored.

    Example:
        >>> named_generator(0, "cnn").integers(10, size=3).shape
        (3,)
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])
