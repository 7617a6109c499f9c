"""The range of perceptual scores: what a score is worth, on the judgments at hand (Kumar2022 3.2, Fig. 3).

Distances are simulated from the judgments, with more or less noise, and scored as those of a network are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import truncnorm

from lnkit import DataError
from lnkit.data import read_arrays
from lnkit.datasets.two_afc import read_judgments as read_family
from lnkit.datasets.two_afc_layout import find_families
from lnkit.stats import named_generator, two_afc_agreement

Array = NDArray[Any]

LABEL = "/judge"  # after the family, in the names of an archive's arrays


def read_judgments(data: Path) -> dict[str, Array]:
    """Read the judgments of triplets, without their images.

    Args:
        data: a folder in BAPPS's layout, or an .npz file with an array ``<family>/judge`` for each family.

    Returns:
        For each family the fractions of people (N,) who found p1 closer.

    Raises:
        lnkit.DataError: there are no judgments, or some are damaged.
    """
    if not data.is_dir():
        return _read_archive(data)
    return {family.name: read_family(family) for family in find_families(data, ("2afc",))}


def _read_archive(file: Path) -> dict[str, Array]:
    stored = read_arrays(file)
    judgments = {name.removesuffix(LABEL): array for name, array in stored.items() if name.endswith(LABEL)}
    if not judgments:
        raise DataError(f"{file} has no array <family>{LABEL}.")
    for family, judge in judgments.items():
        numeric = judge.dtype.kind in "fiub" and judge.ndim == 1 and len(judge)
        if not (numeric and ((judge >= 0) & (judge <= 1)).all()):
            raise DataError(f"Expected fractions of people in [0, 1] as {family}{LABEL} in {file}.")
    return {family: judge.astype(np.float64) for family, judge in judgments.items()}


def simulate_distances(judge: Array, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw distances of p0 and p1 that fit the judgments, up to noise (Kumar2022 3.2).

    The patch that more than half of the people found farther has a distance around 1, and the other one around 0. Where
    people were split in halves, p1 counts as the farther one.

    Args:
        judge: (N,) in [0, 1], the fraction of people who found p1 closer.
        noise: standard deviation of the normal distributions, before they are cut to [0, 1].
        rng: draws.

    Returns:
        Two arrays (N,) in [0, 1].
    """
    p0_is_farther = judge > 0.5
    centers = np.where(p0_is_farther, 1.0, 0.0), np.where(p0_is_farther, 0.0, 1.0)
    d0, d1 = (
        truncnorm.rvs((0 - center) / noise, (1 - center) / noise, center, noise, random_state=rng) for center in centers
    )
    return d0, d1


def simulated_score(judgments: Mapping[str, Array], noise: float, seed: int = 0) -> float:
    """Return the perceptual score of simulated distances: 100 x 2AFC, mean of families.

    Args:
        judgments: for each family the fractions of people who found p1 closer.
        noise: of the distances; see :func:`simulate_distances`.
        seed: of the draws, which are the same for every noise.
    """
    scores = []
    for family, judge in judgments.items():
        d0, d1 = simulate_distances(judge, noise, named_generator(seed, family))
        scores.append(two_afc_agreement(judge, d0, d1).mean())
    return 100 * float(np.mean(scores))
