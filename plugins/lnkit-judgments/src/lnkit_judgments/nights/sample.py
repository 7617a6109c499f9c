"""A small dataset in the layout of NIGHTS, made from photographs that come with scikit-image.

It shows that everything works, and says nothing about quality: no person was asked. A piece of a photograph is cut out
twice more, moved, resized and recolored; the piece that was changed less counts as the more similar one.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from lnkit.data import cached_sample
from lnkit.datasets.photographs import NAMES, Draw, Size, brighten, cut_out, desaturate, load_photograph
from lnkit_judgments.nights.layout import COLUMNS, TABLE

SAMPLE_BYTES = 20_000_000  # about
SIZE = Size(192, 192)  # of an image in pixels; the originals have 768
TRIPLETS = {"test": 40, "val": 6, "train": 4}  # in each split
IN_IMAGENET = {"chelsea": True, "coffee": True}  # a cat and an espresso are categories there; the others are not
SEED = 2023
NOTE = (
    "sample: pieces of scikit-image's photographs; the judgments are constructions (what was changed less is more "
    "similar), not people's answers"
)


def sample_folder(cache: Path) -> Path:
    """Return the sample's folder in the cache; make it if there is none."""
    return cached_sample(cache, "nights-1", SAMPLE_BYTES, write_nights)


def write_nights(root: Path) -> None:
    """Write the sample under ``root``: the same bytes each time with the same Pillow and scikit-image."""
    draw = np.random.default_rng(SEED)
    sources = {name: load_photograph(name) for name in NAMES}
    splits = [split for split, count in TRIPLETS.items() for _ in range(count)]
    with (root / TABLE).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow([*COLUMNS, "prompt"])
        for number, split in enumerate(splits):
            name = NAMES[number % len(sources)]
            right_is_nearer = bool(draw.integers(2))
            paths = _write_triplet(root, number, sources[name], right_is_nearer, draw)
            votes = [int(not right_is_nearer), int(right_is_nearer), 5 if number % 10 == 9 else 8]
            table.writerow([number, *votes, *paths, split, IN_IMAGENET.get(name, False), f"An image of a {name}"])
    (root / "README.txt").write_text(_readme(), encoding="utf-8")


def _write_triplet(
    root: Path, number: int, photograph: Image.Image, right_is_nearer: bool, draw: Draw
) -> tuple[str, str, str]:
    folder, file = f"{number // 1000:03d}", f"{number % 1000:03d}"
    near = draw.uniform(0.1, 0.6)
    amounts = (near * draw.uniform(1.2, 2.0), near)
    left, right = amounts if right_is_nearer else amounts[::-1]
    width = draw.uniform(130, 190)
    corner = draw.uniform(40, [photograph.width - width - 40, photograph.height - width - 40])
    images = {
        f"ref/{folder}/{file}.png": _piece(photograph, corner, width, 0.0, draw),
        f"distort/{folder}/{file}_0.png": _piece(photograph, corner, width, left, draw),
        f"distort/{folder}/{file}_1.png": _piece(photograph, corner, width, right, draw),
    }
    for name, image in images.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(root / name, compress_level=1)
    reference, first, second = images
    return reference, first, second


def _piece(
    photograph: Image.Image,
    corner: np.ndarray[tuple[int], np.dtype[np.float64]],
    width: float,
    amount: float,
    draw: Draw,
) -> Image.Image:
    """Cut out a piece at ``corner``, changed by ``amount`` (0 to 1.2): moved, resized and recolored."""
    angle = draw.uniform(0, 2 * np.pi)
    left, top = corner + 30 * amount * np.array([np.cos(angle), np.sin(angle)])
    piece = cut_out(photograph, left, top, width * (1 - 0.2 * amount), SIZE)
    return (brighten if draw.integers(2) else desaturate)(piece, 0.5 * amount, draw)


def _readme() -> str:
    return (
        "A sample in the layout of NIGHTS, made by lnkit. It is not NIGHTS.\n\n"
        f"Pieces of {SIZE.width} x {SIZE.height} pixels from photographs that come with scikit-image:\n"
        f"{', '.join(NAMES)}.\n\n"
        "The judgments are constructions: of two pieces, the one that was changed less counts as the\n"
        "more similar one. No person was asked, so a score says that everything works, and nothing\n"
        "about quality.\n"
    )
