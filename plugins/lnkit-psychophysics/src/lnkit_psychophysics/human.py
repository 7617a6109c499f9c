"""What people see: thresholds and matches that the scores are measured against.

The figures are those of the data files of Cai2025. The six contrast sensitivities are predictions of castleCSF, a model
of measurements, and not measurements themselves. Masking on a grating is Foley 1994. The file of masking on noise names
no study; Gegenfurtner and Kiper 1992 is presumed. Matching is the average of Georgeson and Sullivan 1975.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MATCHING = "contrast_matching"


@dataclass(frozen=True)
class Curve:
    """A human curve: sensitivity (1 / threshold) or threshold contrast over a variable."""

    position: Array  # cycles per degree, cd/m2, degrees^2 or contrast of a mask; ascending
    value: Array

    def at(self, position: Array) -> Array:
        """Interpolate linearly, as Cai2025 does."""
        return np.interp(position, self.position, self.value)


@dataclass(frozen=True)
class Matches:
    """Contrasts at other frequencies that look like a grating of 5 cycles per degree."""

    reference: Array  # (8,), contrasts at 5 cycles per degree
    frequency: Array  # (9,), cycles per degree
    contrast: Array  # (8, 9)


@cache
def read_curve(test: str) -> Curve:
    """Return the human curve of one of the eight tests of detection and masking."""
    rows = [(float(row["position"]), float(row["value"])) for row in _rows() if row["test"] == test]
    position, value = np.array(rows).T
    return Curve(position, value)


@cache
def read_matches() -> Matches:
    """Return the human matches."""
    rows = [row for row in _rows() if row["test"] == MATCHING]
    reference = dict.fromkeys(float(row["reference_contrast"]) for row in rows)
    frequency = dict.fromkeys(float(row["position"]) for row in rows)
    contrast = np.array([float(row["value"]) for row in rows]).reshape(len(reference), len(frequency))
    return Matches(np.array(list(reference)), np.array(list(frequency)), contrast)


def digest() -> str:
    """Return what identifies the figures: the SHA-256 of their file."""
    return sha256(_text().encode()).hexdigest()


@cache
def _rows() -> tuple[dict[str, str], ...]:
    return tuple(csv.DictReader(_text().splitlines()))


def _text() -> str:
    return (files("lnkit_psychophysics") / "human.csv").read_text(encoding="utf-8")
