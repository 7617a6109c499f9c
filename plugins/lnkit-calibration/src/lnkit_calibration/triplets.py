"""Triplets with human judgments to learn from, of all families together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnkit.datasets.two_afc import JudgedFamily, fingerprint, open_families
from lnkit.datasets.two_afc_layout import COLUMNS
from lnkit.progress import Progress


@dataclass(frozen=True, slots=True)
class Triplets:
    """Triplets of several families, which stay mapped into memory."""

    families: tuple[JudgedFamily, ...]
    rows: NDArray[np.int64]  # which of all of them, counted through the families

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, items: NDArray[np.int64]) -> tuple[dict[str, NDArray[np.uint8]], NDArray[np.float32]]:
        """The images (N, 64, 64, 3) of each column, and the fractions (N,) of people who found p1 closer."""
        starts = np.cumsum([0, *map(len, self.families)])
        rows = self.rows[items]
        owners = np.searchsorted(starts, rows, side="right") - 1
        places = [(self.families[f].table, row - starts[f]) for f, row in zip(owners, rows, strict=True)]
        images = {column: np.stack([table.images[column][row] for table, row in places]) for column in COLUMNS}
        return images, np.array([table.labels["judge"][row] for table, row in places], dtype=np.float32)

    def parted(self, share: float, seed: int) -> tuple[Triplets, Triplets]:
        """Part them at random: all but a share of them, and that share."""
        order = np.random.default_rng(seed).permutation(self.rows)
        held = round(share * len(order))
        return Triplets(self.families, np.sort(order[held:])), Triplets(self.families, np.sort(order[:held]))


@dataclass(frozen=True, slots=True)
class Split:
    """The triplets of a split, and what identifies them."""

    triplets: Triplets
    sha256: str


def open_split(root: Path, split: str, cache: Path, progress: Progress) -> Split:
    """Open the triplets of a split, decoding what is not decoded yet.

    Raises:
        lnkit.DataError: the split is not there, or a file is missing or damaged.
    """
    families = tuple(sorted(open_families(root, cache, progress, split=split), key=lambda family: family.name))
    return Split(Triplets(families, np.arange(sum(map(len, families)))), fingerprint(families))
