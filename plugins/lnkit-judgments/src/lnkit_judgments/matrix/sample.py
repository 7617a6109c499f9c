"""A small set of images and a similarity matrix, made from photographs that come with scikit-image.

It shows that everything works, and says nothing about quality: no person was asked. Pieces of the same photograph
count as more similar than pieces of different ones, and the more so the more they overlap.
"""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lnkit.data import cached_sample
from lnkit.datasets.photographs import NAMES, Size, cut_out, load_photograph

SAMPLE_BYTES = 2_000_000  # about
SIZE = Size(160, 160)  # of an image in pixels
PIECES = 5  # of each photograph
SIDE = 150  # of a piece, in pixels of the photograph
SAME_PHOTOGRAPH = 0.3  # similarity of pieces that do not overlap; of pieces of different ones it is 0
SEED = 2008
NOTE = (
    "sample: pieces of scikit-image's photographs; the judgments are constructions (pieces are the more similar, the "
    "more they overlap), not people's answers"
)


class Piece(NamedTuple):
    """The position of a piece in its photograph."""

    photograph: str
    left: float
    top: float

    def similarity(self, other: Piece) -> float:
        """Return the similarity to another piece: 0 for different photographs, 1 for the same piece."""
        if self.photograph != other.photograph:
            return 0.0
        across, down = (max(0.0, SIDE - abs(a - b)) for a, b in ((self.left, other.left), (self.top, other.top)))
        return SAME_PHOTOGRAPH + (1 - SAME_PHOTOGRAPH) * across * down / SIDE**2


def sample_folder(cache: Path) -> Path:
    """Return the sample's folder in the cache; make it if there is none."""
    return cached_sample(cache, "similarity_matrix-1", SAMPLE_BYTES, write_matrix)


def write_matrix(root: Path) -> None:
    """Write the sample under ``root``: the same bytes each time with the same Pillow and scikit-image."""
    draw = np.random.default_rng(SEED)
    (root / "images").mkdir()
    pieces: dict[str, Piece] = {}
    for name in NAMES:
        photograph = load_photograph(name)
        for letter in "abcdefgh"[:PIECES]:
            left, top = draw.uniform(0, [photograph.width - SIDE, photograph.height - SIDE])
            pieces[f"{name}_{letter}.png"] = Piece(name, left, top)
            image = cut_out(photograph, left, top, SIDE, SIZE)
            image.save(root / "images" / f"{name}_{letter}.png", compress_level=1)
    _write_csv(root / "similarity.csv", pieces)
    (root / "README.txt").write_text(_readme(), encoding="utf-8")


def _write_csv(path: Path, pieces: dict[str, Piece]) -> None:
    values = iter(a.similarity(b) for a, b in product(pieces.values(), repeat=2))
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["", *pieces])
        table.writerows([name, *(f"{next(values):.4f}" for _ in pieces)] for name in pieces)


def _readme() -> str:
    return (
        "A sample of a similarity matrix over a set of images, made by lnkit.\n\n"
        f"{PIECES} pieces each of photographs that come with scikit-image: {', '.join(NAMES)}.\n"
        "The judgments are constructions: pieces of one photograph are the more similar, the more they\n"
        "overlap. No person was asked, so a score says that everything works, and nothing about quality.\n"
    )
