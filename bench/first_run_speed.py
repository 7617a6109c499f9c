"""A first run with decoding, from PNG files to decisions, against published code."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bench import published_code
from bench.harness import Ratio, seconds_in_turns
from bench.inputs import POINTS, make_backbone, make_triplets
from lnkit.datasets.two_afc import open_families
from lnkit.distances.comparer import ImageComparer
from lnkit.networks.loss_network import LossNetwork
from lnkit.progress import SilentProgress
from lnkit.specs import DistanceConfig

TARGETS = {"squeezenet1_1": 15.0, "resnet50": 4.5}  # speed relative to published code, on two cores
TRIPLETS = 256
BAPPS_TRIPLETS = 36_344  # number of items for which the engine is chosen; its compilation is not measured
KINDS = ("ref", "p0", "p1")


def measure(quick: bool = False) -> Iterator[Ratio]:
    """Measure first runs of several backbones."""
    with tempfile.TemporaryDirectory(prefix="lnkit-bench-") as folder:
        root = Path(folder) / "data"
        write_triplets(root)
        for name in TARGETS:
            yield _measure_backbone(name, Path(folder), 2 if quick else 4)


def write_triplets(root: Path) -> None:
    """Write a family of judged triplets in BAPPS's layout."""
    family = root / "2afc" / "val" / "bench"
    for kind, images in zip(KINDS, make_triplets(TRIPLETS), strict=True):
        (family / kind).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(family / kind / f"{number:06d}.png")
    (family / "judge").mkdir()
    for number in range(TRIPLETS):
        np.save(family / "judge" / f"{number:06d}.npy", np.array([0.6], np.float32))


def _measure_backbone(name: str, folder: Path, repeats: int) -> Ratio:
    backbone, points = make_backbone(name)
    truncated = [published_code.truncate(backbone, point.node) for point in points]
    comparer = ImageComparer(
        LossNetwork(backbone, points), [(point,) for point in POINTS], DistanceConfig(), expected_items=BAPPS_TRIPLETS
    )
    seconds = seconds_in_turns(
        {
            "published": lambda: _published(truncated, folder / "data"),
            "lnkit": lambda: _lnkit(comparer, folder / "data"),
        },
        repeats,
    )
    rate = {way: f"{TRIPLETS / duration:,.1f} triplets/s" for way, duration in seconds.items()}
    return Ratio(
        f"{name}, four points, first run with decoding",
        f"lnkit ({comparer.engine}): {rate['lnkit']}",
        f"published code: {rate['published']}",
        seconds["published"] / seconds["lnkit"],
        TARGETS[name],
    )


def _lnkit(comparer: ImageComparer, root: Path) -> np.ndarray:
    """Decode to an empty cache, then compare."""
    with tempfile.TemporaryDirectory(prefix="lnkit-bench-") as cache:
        family = open_families(root, Path(cache), SilentProgress())[0]
        return comparer.compare(*family.images)


def _published(networks: list[torch.nn.Module], root: Path) -> np.ndarray:
    """Decode again for each point, which is a separate run."""
    return np.concatenate([published_code.decide([network], _decode(root)) for network in networks], axis=1)


def _decode(root: Path) -> list[np.ndarray]:
    folders = [root / "2afc" / "val" / "bench" / kind for kind in KINDS]
    return [np.stack([_open(file) for file in sorted(folder.iterdir())]) for folder in folders]


def _open(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR))
