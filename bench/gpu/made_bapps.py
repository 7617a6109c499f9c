"""Packed images and judgments in the form of BAPPS, made on the spot, and runs of `bapps` on them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.gpu.backbones import FOUR_POINTS
from bench.inputs import make_triplets
from lnkit.benchmark import BenchmarkData
from lnkit.data.pack.columns import PackedTable
from lnkit.datasets.two_afc import JudgedFamily
from lnkit.datasets.two_afc_layout import IMAGES, JND, LABEL, TWO_AFC, FamilyFiles
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import FinishedRun, run
from lnkit.plugins.load import default_registry

Array = np.ndarray[Any, Any]

SIDE = 64  # pixels
DIFFERENT = 2048  # triplets that differ in more than a shift; more would only take longer to make
FULL_SIZE = {"2afc": sum(TWO_AFC.values()), "jnd": sum(JND.values())}  # 36,344 triplets and 9,600 pairs


def make_families(items: Mapping[str, int], folder: Path) -> tuple[JudgedFamily, ...]:
    """Make one family of each part.

    Args:
        items: Number of items of each part: {"2afc": 36344, "jnd": 9600}.
        folder: For the packed images; the families map them into memory.
    """
    return tuple(_make_family(part, count, folder) for part, count in items.items())


def _make_family(part: str, count: int, folder: Path) -> JudgedFamily:
    folder.mkdir(parents=True, exist_ok=True)
    columns = IMAGES[part]
    files = {column: folder / f"{part}-{column}.npy" for column in columns}
    arrays: dict[str, Array] = {
        column: np.lib.format.open_memmap(file, "w+", np.uint8, (count, SIDE, SIDE, 3))
        for column, file in files.items()
    }
    start = 0
    for block in _blocks(count):
        for column, images in zip(columns, block, strict=False):  # pairs have no p1
            arrays[column][start : start + len(images)] = images
        start += len(block[0])
    packed: dict[str, Array] = {column: np.load(file, mmap_mode="r") for column, file in files.items()}
    judgments = np.random.default_rng(0).integers(0, 6, count) / np.float32(5)
    digest = hashlib.sha256(f"made {part} {count}".encode()).hexdigest()
    table = PackedTable(packed | {LABEL[part]: judgments.astype(np.float32)}, digest, {}, 0)
    return JudgedFamily(FamilyFiles(part, "made", folder, {}, {}), table)


def _blocks(count: int) -> Iterator[tuple[Array, ...]]:
    """Yield triplets of images; each block after the first is shifted by one more pixel."""
    first = make_triplets(min(count, DIFFERENT), SIDE)
    for shift, start in enumerate(range(0, count, DIFFERENT)):
        rows = min(DIFFERENT, count - start)
        yield tuple(np.roll(images[:rows], shift, axis=2) for images in first)


def run_bapps(
    families: tuple[JudgedFamily, ...],
    backbone: str,
    results: Path,
    *,
    device: str,
    engine: str = "auto",
    precision: str = "fp32",
) -> list[FinishedRun]:
    """Run `bapps` on made families, at the four points of a backbone with random weights.

    Args:
        families: What :func:`make_families` returned.
        backbone: Its name.
        results: Folder of the records.
        device: As for `lnkit eval`.
        engine: As for `lnkit eval`.
        precision: As for `lnkit eval`.
    """
    registry = default_registry()
    data = BenchmarkData(families, {str(family): family.table.sha256 for family in families}, ("made images",))
    spec = replace(registry.benchmark("bapps"), open_data=lambda _facts: data)
    request = RunRequest(
        backbone,
        points=",".join(FOUR_POINTS),
        bench="bapps",
        overrides={"parts": "+".join(family.part for family in families)},
        weights="random",
        results=results,
        force=True,
        device=device,
        engine=engine,
        precision=precision,
    )
    return run(request, replace(registry, benchmarks={**registry.benchmarks, "bapps": spec}))
