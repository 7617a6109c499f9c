"""The benchmark's run: one training, then the marks of every test tile."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.results.images import keep_image
from lnkit.training.task import TrainingResult, TrainingSettings
from lnkit_delineation.metrics import buffered, pixelwise
from lnkit_delineation.network import UNet
from lnkit_delineation.overview import Row, is_shown, overlay, row, write_sheet
from lnkit_delineation.scores import score_all
from lnkit_delineation.task import DelineationTask, to_device
from lnkit_delineation.tiles import in_windows

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lnkit.benchmark import RunContext
    from lnkit_delineation.data import DelineationData, Pixels
    from lnkit_delineation.protocol import DelineationProtocol

NAME = "unet"  # of the training
SHEET = "overlay.png"


@dataclass
class _Findings:
    """What comes together tile by tile."""

    values: dict[str, list[float]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Train with the one loss network of the run, and test the best network."""
    (network,) = context.networks
    trained, found = _train(context, data.content), _Findings()
    found.files |= trained.files
    if trained.network is None:
        note = "no scores: the training collapsed before the first validation"
        return {network: Outcome({}, notes=(note, *trained.notes), files=found.files, collapsed=trained.collapsed)}
    _test(context, trained.network, data.content, found)
    write_sheet(context.folder / SHEET, found.rows)
    found.files[SHEET] = context.folder / SHEET
    protocol = context.protocol
    scored = score_all({name: np.array(v) for name, v in found.values.items()}, protocol.resamples, context.seed)
    note = f"the network after iteration {trained.best_iteration:,} was the best in validation"
    return {network: Outcome(scored.scores, scored.arrays, (note, *trained.notes), found.files, trained.collapsed)}


def _train(context: RunContext, data: DelineationData) -> TrainingResult:
    protocol = context.protocol
    task = DelineationTask(protocol, data, context.services.feature_loss(protocol.distance_config()))
    settings = TrainingSettings(
        name=NAME,
        title=f"road delineation with {context.networks[0]}",
        iterations=protocol.epochs * task.iterations_per_epoch,
        batch_size=protocol.batch_size,
        validate_every=task.iterations_per_epoch,
        seed=context.seed,
        validates=protocol.keeps,
        constant_below=1e-4,  # early on, roads are improbable everywhere
    )
    return context.services.train(task, settings)


def _test(context: RunContext, network: nn.Module, data: DelineationData, found: _Findings) -> None:
    """Measure the marks of every tile."""
    test, protocol = data.test, context.protocol
    count = min(protocol.test_tiles or len(test.names), len(test.names))
    with context.progress.task("marking roads", count, unit="tiles") as advance:
        for index in range(count):
            image, truth = np.array(test.images[index]), np.array(test.maps[index])
            probability = mark(network, image, protocol)
            _measure(context, test.names[index], image, truth, probability, found, is_shown(index, count))
            advance(1)


def mark(network: nn.Module, image: Pixels, protocol: DelineationProtocol) -> np.ndarray[Any, Any]:
    """The probability of a road (H, W) in every pixel of an image (H, W, 3)."""
    assert isinstance(network, UNet)
    unet = network

    def apply(part: Tensor) -> Tensor:
        return unet.applied(part, protocol.k_test)[-1]

    with torch.inference_mode():
        tensor = to_device(image[np.newaxis], next(network.parameters()).device)
        marks = apply(tensor) if protocol.tiles == "resized" else in_windows(apply, tensor, protocol.crop)
    return marks[0, 0].float().cpu().numpy()


def _measure(
    context: RunContext,
    name: str,
    image: Pixels,
    map_: Pixels,
    probability: np.ndarray[Any, Any],
    found: _Findings,
    shown: bool,
) -> None:
    protocol = context.protocol
    marks, truth = probability >= protocol.threshold, map_ >= 255 * protocol.truth_threshold
    measured = pixelwise(marks, truth)
    measured |= {f"buffered_{n}": value for n, value in buffered(marks, truth, protocol.buffer).items()}
    for measure, value in measured.items():
        found.values.setdefault(measure, []).append(value)
    pictures = {"": np.round(probability * 255).astype(np.uint8), "_overlay": overlay(image, marks, truth)}
    if shown:
        found.rows.append(row(name, image, map_, pictures[""], pictures["_overlay"]))
    if context.keep_images:
        for ending, pixels in pictures.items():
            found.files |= keep_image(context.folder, f"images/{name}{ending}.png", pixels)
