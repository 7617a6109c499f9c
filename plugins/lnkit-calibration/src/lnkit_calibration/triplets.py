"""Triplets with human judgments, of all families together, for training and for scoring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnkit.datasets.two_afc import JudgedFamily, fingerprint, open_families
from lnkit.datasets.two_afc_layout import COLUMNS, split_folder
from lnkit.progress import Progress


@dataclass(frozen=True, slots=True)
class Triplets:
    """Triplets of several families, mapped into memory."""

    families: tuple[JudgedFamily, ...]
    rows: NDArray[np.int64]  # numbers of the triplets, counted through the families

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, items: NDArray[np.int64]) -> tuple[dict[str, NDArray[np.uint8]], NDArray[np.float32]]:
        """Return the images (N, 64, 64, 3) of ref, p0 and p1, and the fractions (N,) of people who found p1 closer."""
        starts = np.cumsum([0, *map(len, self.families)])
        rows = self.rows[items]
        owners = np.searchsorted(starts, rows, side="right") - 1
        places = [(self.families[f].table, row - starts[f]) for f, row in zip(owners, rows, strict=True)]
        images = {column: np.stack([table.arrays[column][row] for table, row in places]) for column in COLUMNS}
        return images, np.array([table.arrays["judge"][row] for table, row in places], dtype=np.float32)

    def split(self, share: float, seed: int) -> tuple[Triplets, Triplets]:
        """Split at random into all but a share of the triplets, and that share."""
        order = np.random.default_rng(seed).permutation(self.rows)
        count = round(share * len(order))
        return Triplets(self.families, np.sort(order[count:])), Triplets(self.families, np.sort(order[:count]))

    @property
    def sha256(self) -> str:
        """A hash of all triplets of the families."""
        return fingerprint(self.families)


def open_triplets(root: Path, split: str, cache: Path, progress: Progress) -> Triplets:
    """Open the triplets of a split, and decode images that are not in the cache yet.

    Args:
        root: a folder in BAPPS's layout, ``2afc/<split>/<family>/{ref,p0,p1,judge}``.
        split: "train" or "val".
        cache: folder of decoded images.
        progress: shows the decoding.

    Raises:
        lnkit.DataError: the split is missing, or a file is missing or damaged.
    """
    families = tuple(sorted(open_families(root, cache, progress, split=split), key=lambda family: family.name))
    return Triplets(families, np.arange(sum(map(len, families))))


def has_validation(root: Path, split: str) -> bool:
    """Return whether the data have a split "val" beside the given one."""
    return split != "val" and split_folder(root, "2afc", "val").is_dir()
