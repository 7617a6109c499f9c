"""A small dataset in the layout of PieAPP, made from photographs that come with scikit-image.

It shows that everything works, and says nothing about quality: no person was asked. The stronger a distortion, the
higher the score of the image, and of two images the one with the lower score is preferred the more often, the more the
scores differ.
"""

from __future__ import annotations

import csv
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from lnkit.data import cached_sample
from lnkit.datasets.photographs import (
    NAMES,
    Draw,
    Size,
    add_noise,
    blur,
    compress,
    cut_out,
    desaturate,
    load_photograph,
)

SAMPLE_BYTES = 10_000_000  # about
SIZE = Size(128, 128)  # of an image in pixels; the originals have 256
REFERENCES = 6
VOTES = 40  # of each pair, as in PieAPP
SEED = 2018
DISTORTIONS = {  # name -> function, strengths, and the score of the strongest
    "gaussian_blur": (blur, (0.6, 2.0), 2.0),
    "white_noise": (add_noise, (8, 30), 1.5),
    "jpeg": (compress, (60, 92), 1.8),
    "saturation": (desaturate, (0.3, 0.9), 1.0),
}
NOTE = (
    "sample: pieces of scikit-image's photographs; the judgments are constructions (the stronger the distortion, the "
    "worse), not people's answers"
)


def sample_folder(cache: Path) -> Path:
    """Return the sample's folder in the cache; make it if there is none."""
    return cached_sample(cache, "pieapp-1", SAMPLE_BYTES, write_pieapp)


def write_pieapp(root: Path) -> None:
    """Write the sample in the layout of PieAPP: the same bytes each time with the same Pillow and scikit-image."""
    draw = np.random.default_rng(SEED)
    for folder in ("reference_images/test", "labels/test"):
        (root / folder).mkdir(parents=True)
    names = [f"ref_{number}.png" for number in range(1, REFERENCES + 1)]
    (root / "test_reference_list.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    for number, name in enumerate(names, start=1):
        photograph = load_photograph(NAMES[(number - 1) % len(NAMES)])
        left, top = draw.uniform(0, [photograph.width - 260, photograph.height - 260])
        reference = cut_out(photograph, left, top, 256, SIZE)
        reference.save(root / "reference_images" / "test" / name, compress_level=1)
        scores = _write_distorted(root / "distorted_images" / "test" / f"ref_{number}", number, reference, draw)
        _write_labels(root / "labels" / "test", number, scores, draw)
    (root / "README.txt").write_text(_readme(), encoding="utf-8")


def _write_distorted(folder: Path, number: int, reference: Image.Image, draw: Draw) -> dict[str, float]:
    """Write the distorted images of a reference; return their scores by name."""
    folder.mkdir(parents=True)
    scores = {}
    for kind, (distort, strengths, worst) in DISTORTIONS.items():
        for index, strength in enumerate(strengths, start=1):
            name = f"distort_{number}_{kind}_inter_{index}.png"
            distort(reference, strength, draw).save(folder / name, compress_level=1)
            scores[name] = worst * strength / strengths[-1] + draw.uniform(-0.1, 0.1)
    return scores


def _write_labels(folder: Path, number: int, scores: dict[str, float], draw: Draw) -> None:
    """Write the scores, and a preference for each pair, by the model of Bradley and Terry (1952)."""
    reference = f"ref_{number}.png"
    with (folder / f"ref_{number}_per_image_score.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ref. image", " distorted image", " score for distorted image"])
        table.writerows([reference, name, f"{score:.4f}"] for name, score in scores.items())
    with (folder / f"ref_{number}_pairwise_labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ref. image", " distorted image A", " distorted image B", " preference for A"])
        for a, b in combinations([reference, *scores], 2):
            chance = 1 / (1 + np.exp(2 * (scores.get(a, 0.0) - scores[b])))
            table.writerow([reference, a, b, draw.binomial(VOTES, chance) / VOTES])


def _readme() -> str:
    return (
        "A sample in the layout of PieAPP, made by lnkit. It is not PieAPP.\n\n"
        f"{REFERENCES} pieces of {SIZE.width} x {SIZE.height} pixels from photographs that come with scikit-image,\n"
        f"each with {len(DISTORTIONS)} distortions in 2 strengths. The judgments are constructions: the stronger, the\n"
        "worse. "
        "No person was asked, so a score says that everything works, and nothing about quality.\n"
    )
