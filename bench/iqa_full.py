"""Datasets of mean opinions with as many rows as published: read, identified, compared and scored; time and memory.

The images are made, and small: how time and memory grow with rows is measured, beside decoding the same files by
Pillow, and beside a tenth of the rows. Seconds are those of the processor, since others may use the machine too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.harness import Ratio
from bench.startup import ENVIRONMENT

SIDE = 32  # pixels of the made images
# Images of each class per reference in PIPAL's training part, 116 in all.
PIPAL_CLASSES = (12, 16, 10, 24, 13, 14, 27)
# Targets: the time of decoding every file once by Pillow (each is also found, hashed, compared and scored in 1,000
# bootstrap samples), and the peak memory of a tenth of the references.
TIME_RATIO = 40.0
MEMORY_RATIO = 1.25
MEASURED = "lnkit", "eval", "--backbone", "pixel", "--device", "cpu", "--engine", "eager"


@dataclass(frozen=True, slots=True)
class MadeSet:
    """A dataset in the layout of a published one."""

    bench: str
    references: int
    images: int  # per reference
    write: Callable[[Path, int], None]  # folder, number of references


def measure(quick: bool = False) -> Iterator[Ratio]:
    """Measure KADID-10k's and PIPAL's number of rows; with ``quick`` a tenth of them."""
    for made in (KADID, PIPAL):
        full = made.references // 10 if quick else made.references
        with tempfile.TemporaryDirectory() as place:
            yield from _measure(made, full, Path(place))


def _measure(made: MadeSet, full: int, place: Path) -> Iterator[Ratio]:
    tenth = max(3, full // 10)
    few, all_of_it = place / "few", place / "all"
    made.write(few, tenth)
    made.write(all_of_it, full)
    start, small_peak = _evaluate(made, few, place / "results_few")
    seconds, peak = _evaluate(made, all_of_it, place / "results")
    again, _ = _evaluate(made, all_of_it, place / "results")
    decoding = _decode(all_of_it)
    rows, few_rows = full * made.images, tenth * made.images
    added = (seconds - start) * rows / (rows - few_rows)  # without the start of a process and of torch
    yield Ratio(
        f"{made.bench}, {rows:,} rows of {SIDE} px",
        f"lnkit eval: {seconds:.1f} s of the processor",
        f"Pillow decodes them: {decoding:.1f} s",
        added / decoding,
        TIME_RATIO,
        at_most=True,
        note=f"{rows / added:,.0f} rows/s after the start; the finished run is found again in {again:.1f} s",
    )
    yield Ratio(
        f"{made.bench}, peak memory",
        f"{rows:,} rows: {peak / 1e6:.0f} MB",
        f"{few_rows:,} rows: {small_peak / 1e6:.0f} MB",
        peak / small_peak,
        MEMORY_RATIO,
        at_most=True,
    )


def _evaluate(made: MadeSet, data: Path, results: Path) -> tuple[float, float]:
    """Run ``lnkit eval`` with a cache of its own; return its processor seconds and its peak memory in bytes."""
    words = ["-m", *MEASURED, "--bench", made.bench, "--data", str(data), "--results", str(results)]
    environment = ENVIRONMENT | {"LNKIT_CACHE": str(data.parent / "cache")}
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    kilobyte = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * kilobyte


def _decode(folder: Path) -> float:
    start = time.process_time()
    for path in folder.rglob("*"):
        if path.suffix in {".png", ".bmp"}:
            with Image.open(path) as image:
                np.asarray(image)
    return time.process_time() - start


def _write_kadid(root: Path, references: int) -> None:
    images = root / "images"
    images.mkdir(parents=True)
    lines = ["dist_img,ref_img,dmos,var\n"]
    rng = np.random.default_rng(2019)
    for number in range(1, references + 1):
        reference = _save_reference(images / f"I{number:02d}.png", rng)
        for kind in range(1, 26):
            for level in range(1, 6):
                name = f"I{number:02d}_{kind:02d}_{level:02d}.png"
                _save_distorted(images / name, reference, level * (1 + kind / 10), rng)
                lines.append(f"{name},I{number:02d}.png,{5 - 0.78 * level + rng.uniform(0, 0.2):.2f},0.1\n")
    (root / "dmos.csv").write_text("".join(lines))


def _write_pipal(root: Path, references: int) -> None:
    for name in ("Train_Ref", "Train_Label", *(f"Distortion_{part}" for part in range(1, 5))):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(2020)
    for number in range(1, references + 1):
        reference = _save_reference(root / "Train_Ref" / f"A{number:04d}.bmp", rng)
        folder = root / f"Distortion_{1 + 4 * (number - 1) // references}"
        lines = []
        for kind, count in enumerate(PIPAL_CLASSES):
            for variant in range(count):
                name = f"A{number:04d}_{kind:02d}_{variant:02d}.bmp"
                strength = 1 + rng.uniform(0, 20)
                _save_distorted(folder / name, reference, strength, rng)
                lines.append(f"{name},{1800 - 30 * strength:.4f}\n")
        (root / "Train_Label" / f"A{number:04d}.txt").write_text("".join(lines))


def _save_reference(path: Path, rng: np.random.Generator) -> np.ndarray:
    pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def _save_distorted(path: Path, reference: np.ndarray, strength: float, rng: np.random.Generator) -> None:
    noisy = reference + rng.normal(0, strength, reference.shape)
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path)


KADID = MadeSet("kadid10k", 81, 125, _write_kadid)
PIPAL = MadeSet("pipal", 200, sum(PIPAL_CLASSES), _write_pipal)
