"""The decisions of `bapps` on the device against those on the CPU: every one is the same, whatever the engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bench.gpu.backbones import VIT, why_missing
from bench.gpu.made_bapps import make_families, run_bapps
from bench.gpu.results import Row
from bench.gpu.settings import Settings
from lnkit.datasets.two_afc import JudgedFamily
from lnkit.distances.engines.selection import missing
from lnkit.results.folder import ResultsFolder

Array = np.ndarray[Any, Any]

BACKBONES = ("squeezenet1_1", "vgg16", "resnet50", VIT)
QUICK = ("squeezenet1_1",)
TRIPLETS = 2_000


@dataclass(frozen=True, slots=True)
class Distances:
    """Distances of all triplets by all four points."""

    first: Array  # (triplets, points), between reference and p0
    second: Array  # the same for p1

    @property
    def decisions(self) -> Array:
        """Return which image is closer: 1 for p1, -1 for p0, 0 for a tie."""
        decisions: Array = np.sign(self.first - self.second)
        return decisions


def check(settings: Settings) -> Iterator[Row]:
    """Compare the decisions of several backbones, and count those that bf16 changes."""
    triplets = settings.size(TRIPLETS, 16)
    families = make_families({"2afc": triplets}, settings.folder / "decisions")
    for backbone in settings.size(BACKBONES, QUICK):
        if reason := why_missing(backbone):
            yield Row(backbone, skipped=reason)
        else:
            yield from _check_backbone(backbone, families, settings)


def _check_backbone(backbone: str, families: tuple[JudgedFamily, ...], settings: Settings) -> Iterator[Row]:
    expected = measure(backbone, families, settings, settings.reference, "eager", "fp32")
    for engine in settings.engines:
        if reason := missing(engine, torch.device(settings.device)):
            yield Row(f"{backbone}, {engine}", skipped=f"it needs {reason}")
            continue
        actual = measure(backbone, families, settings, settings.device, engine, "fp32")
        yield _compare(f"{backbone}, {engine}", expected, actual)
    bf16 = measure(backbone, families, settings, settings.device, "eager", "bf16")
    share = float(np.mean(bf16.decisions != expected.decisions))
    yield Row(f"{backbone}, bf16", {"changed decisions": share, "of": expected.decisions.size})


def measure(
    backbone: str, families: tuple[JudgedFamily, ...], settings: Settings, device: str, engine: str, precision: str
) -> Distances:
    """Run `bapps` and read the distances that it stored."""
    name = "-".join((backbone.replace("/", "-"), device.replace(":", "-"), engine, precision))
    results = settings.folder / "results" / name
    runs = run_bapps(families, backbone, results, device=device, engine=engine, precision=precision)
    stored = [ResultsFolder(results).arrays(finished.record) for finished in runs]
    first, second = (np.stack([arrays[f"2afc/made/{name}"] for arrays in stored], axis=1) for name in ("d0", "d1"))
    return Distances(first, second)


def _compare(subject: str, expected: Distances, actual: Distances) -> Row:
    differing = int(np.count_nonzero(actual.decisions != expected.decisions))
    scale = np.maximum(expected.first, expected.second)
    error = float(np.max(np.abs(actual.first - expected.first) / scale))
    problem = f"{differing} of {expected.decisions.size} decisions differ from the CPU's" if differing else ""
    figures = {"differing": differing, "of": expected.decisions.size, "relative error of distances": error}
    return Row(subject, figures, problem)
