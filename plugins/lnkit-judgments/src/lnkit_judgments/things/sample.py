"""A small set of odd-one-out triplets, made from photographs that come with scikit-image.

It shows that everything works, and says nothing about quality: no person was asked. Two images of a triplet are pieces
of the same photograph, and the third one, of another, counts as the odd one out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lnkit.data import cached_sample
from lnkit.datasets.photographs import NAMES, Size, cut_out, load_photograph

SAMPLE_BYTES = 4_000_000  # about
SIZE = Size(160, 160)  # of an image in pixels
PIECES = 4  # of each photograph
SIDE = 150  # of a piece, in pixels of the photograph
TRIPLETS = 300
SEED = 2020
NOTE = (
    "sample: pieces of scikit-image's photographs; the judgments are constructions (two pieces of one photograph "
    "belong together), not people's answers"
)


def sample_folder(cache: Path) -> Path:
    """Return the sample's folder in the cache; make it if there is none."""
    return cached_sample(cache, "things-1", SAMPLE_BYTES, write_things)


def write_things(root: Path) -> None:
    """Write the sample in the layout of THINGS: the same bytes each time with the same Pillow and scikit-image."""
    draw = np.random.default_rng(SEED)
    (root / "images").mkdir()
    for number, name in enumerate(name for name in NAMES for _ in range(PIECES)):
        photograph = load_photograph(name)
        left, top = draw.uniform(0, [photograph.width - SIDE, photograph.height - SIDE])
        cut_out(photograph, left, top, SIDE, SIZE).save(root / "images" / f"{number}.png", compress_level=1)
    lines = []
    for _ in range(TRIPLETS):
        kept, odd = draw.permutation(len(NAMES))[:2] * PIECES
        first, second = kept + draw.permutation(PIECES)[:2]
        lines.append(f"{first} {second} {odd + draw.integers(PIECES)}\n")
    (root / "data1854_batch5_test10.txt").write_text("".join(lines), encoding="utf-8")
    (root / "README.txt").write_text(_readme(), encoding="utf-8")


def _readme() -> str:
    return (
        "A sample in the layout of THINGS, made by lnkit. It is not THINGS.\n\n"
        f"{PIECES} pieces each of photographs that come with scikit-image: {', '.join(NAMES)}.\n"
        "The judgments are constructions: of two pieces of one photograph and one of another, the last\n"
        "counts as the odd one out. No person was asked, so a score says that everything works, and\n"
        "nothing about quality.\n"
    )
