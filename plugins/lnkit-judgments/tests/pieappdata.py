"""PieAPP as it is published, and as its mirror has it, made of small images of noise."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import lnkit

SIDE = 16
PIXEL = {"backbone": "pixel", "bench": "pieapp", "engine": "eager", "device": "cpu"}
REFERENCES = {"train": 1, "val": 1, "test": 4}
META = [
    *("ref_img_path", "dist_imgA_path", "dist_imgB_path", "raw preference for A", "processed preference for A"),
    *("per_img score for dist_imgB", "split"),
]

Rows = list[list[Any]]


class Made:
    """PieAPP in its published layout, and what was written into it."""

    def __init__(self, root: Path) -> None:
        self.draw = np.random.default_rng(7)
        self.root, self.images = root, dict[str, np.ndarray[Any, Any]]()
        self.pairs: dict[str, Rows] = {split: [] for split in REFERENCES}  # reference, a, b, raw, processed: as paths
        self.scores: dict[str, float] = {}  # path -> score
        number = 0
        for split, count in REFERENCES.items():
            names = [f"ref_{number + index}.png" for index in range(count)]
            (root / f"{split}_reference_list.txt").write_text("".join(f"{name}\r\n" for name in names))
            for name in names:
                self._add(split, name)
            number += count

    def _add(self, split: str, reference: str) -> None:
        stem = reference[:-4]
        base = self.draw.integers(40, 200, (SIDE, SIDE, 3))
        self._save(f"reference_images/{split}/{reference}", base)
        names = [f"distort_{stem[4:]}_noise_inter_{index}.png" for index in range(3)]
        for index, name in enumerate(names):
            change = self.draw.normal(0, 6 + 12 * ((index + int(stem[4:])) % 3), (SIDE, SIDE, 3))
            self._save(f"distorted_images/{split}/{stem}/{name}", base + change)
        test = split == "test"
        rows: Rows = []
        for a, b in combinations([*([reference] if test else []), *names], 2):
            raw = "" if split == "train" and b == names[2] else round(int(self.draw.integers(0, 41)) / 40, 3)
            raw = 0.6 if (a, b) == (names[0], names[1]) and test else raw
            processed = "" if split == "val" else 0.25
            rows.append([reference, a, b, raw, *([] if test else [processed])])
            path = {reference: f"reference_images/{split}/{reference}"}
            path |= {name: f"distorted_images/{split}/{stem}/{name}" for name in names}
            self.pairs[split].append([path[reference], path[a], path[b], raw, "" if test else processed])
        columns = [" preference for A"] if test else [" raw preference for A", " processed preference for A"]
        self.write(
            f"labels/{split}/{stem}_pairwise_labels.csv", ["ref. image", " distorted image A", *B, *columns], rows
        )
        if test:
            scores = {name: round(float(self.draw.uniform(0, 3)), 4) for name in names}
            self.scores |= {f"distorted_images/{split}/{stem}/{name}": score for name, score in scores.items()}
            header = ["ref. image", " distorted image", " score for distorted image"]
            self.write(
                f"labels/{split}/{stem}_per_image_score.csv",
                header,
                [[reference, reference, 0.0], *([reference, name, score] for name, score in scores.items())],
            )

    def _save(self, name: str, pixels: np.ndarray[Any, Any]) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.images[name] = pixels.round().clip(0, 255).astype(np.uint8)
        Image.fromarray(self.images[name]).save(path)

    def write(self, name: str, header: Sequence[Any], rows: Rows) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    def distance(self, a: str, b: str) -> float:
        one, other = (self.images[name].astype(np.float64) for name in (a, b))
        return float(((one - other) ** 2).mean())


B = [" distorted image B"]


def mirror(made: Made, root: Path) -> Path:
    """The same data as the mirror has them: all labels in one table, the scores of second images only."""
    folder = root / "PieAPP_dataset_CVPR_2018"
    root.mkdir()
    shutil.copytree(made.root, folder)
    shutil.rmtree(folder / "labels")
    rows: Rows = []
    for number, (split, pairs) in enumerate(made.pairs.items()):
        for reference, a, b, raw, processed in pairs:
            share = raw if raw != "" else "nan"  # as pandas writes an empty cell
            rows.append([reference, a, b, share, processed, made.scores[b] if split == "test" else "", number])
    with (root / "meta_info_PieAPPDataset.csv").open("w", newline="") as file:
        csv.writer(file).writerows([META, *rows])
    return root


def evaluated(root: Path, overrides: dict[str, str] | None = None, **options: Any) -> lnkit.FinishedRun:
    changes = {"resolution": str(SIDE), "resamples": "50"} | (overrides or {})
    (finished,) = lnkit.evaluate(**PIXEL | {"data": root, "overrides": changes} | options)
    return finished


def scores_of(root: Path, overrides: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    return dict(evaluated(root, overrides, **options).record.scores)
