"""The run of `delineation`: one training, then the marks of every test tile."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.training import OutcomeBuilder, TrainingResult, TrainingSettings, batches_per_epoch, evenly_spread
from lnkit_delineation.metrics import buffered, pixelwise
from lnkit_delineation.network import UNet
from lnkit_delineation.overlay import COLUMNS, HEIGHT, draw_overlay, sheet_row
from lnkit_delineation.sample import CAPTION
from lnkit_delineation.scores import score_all
from lnkit_delineation.task import DelineationTask, to_device
from lnkit_delineation.windows import mark_in_windows

if TYPE_CHECKING:
    from torch import Tensor

    from lnkit.benchmark import RunContext
    from lnkit_delineation.data import DelineationData, Pixels
    from lnkit_delineation.protocol import DelineationProtocol

SHOWN = 6  # tiles on the sheet
Rows = list[tuple[str, "Sequence[Pixels]"]]  # of the sheet


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Train with the one loss network of the run, and test the best network."""
    (network,) = context.networks
    builder = OutcomeBuilder(context.folder)
    trained = builder.add_training(_train(context, data.content))
    if trained is not None:
        rows = _test(context, cast(UNet, trained), data.content, builder)
        builder.add_sheet("overlay.png", COLUMNS, rows, HEIGHT, CAPTION if context.sample else "")
    return {network: builder.build(score_all(builder.arrays, context.protocol, context.seed))}


def _train(context: RunContext, data: DelineationData) -> TrainingResult:
    protocol = context.protocol
    task = DelineationTask(protocol, data, context.services.feature_loss(protocol.distance_config()))
    per_epoch = batches_per_epoch(task.items, protocol.batch_size)
    settings = TrainingSettings(
        name="unet",
        title=f"road delineation with {context.networks[0]}",
        iterations=protocol.epochs * per_epoch,
        batch_size=protocol.batch_size,
        validate_every=per_epoch,
        seed=context.seed,
        validates=protocol.keeps,
        constant_below=1e-4,  # early on, roads are improbable everywhere
    )
    return context.services.train(task, settings)


def _test(context: RunContext, network: UNet, data: DelineationData, builder: OutcomeBuilder) -> Rows:
    """Measure the marks of every tile; return rows of the sheet."""
    test, protocol, rows = data.test, context.protocol, Rows()
    network = copy.deepcopy(network).train(protocol.test_mode == "train")
    count = min(protocol.test_tiles or len(test.names), len(test.names))
    shown = evenly_spread(count, SHOWN)
    with context.progress.task("marking roads", count, unit="tiles") as advance:
        for index, name in enumerate(test.names[:count]):
            image, road_map = np.array(test.images[index]), np.array(test.maps[index])
            probability = mark(network, image, protocol)
            marks, truth = probability >= protocol.threshold, road_map >= 255 * protocol.truth_threshold
            builder.add_values("", pixelwise(marks, truth))
            builder.add_values("buffered_", buffered(marks, truth, protocol.buffer))
            prediction = np.round(probability * 255).astype(np.uint8)
            overlay = draw_overlay(image, marks, truth)
            if index in shown:
                rows.append(sheet_row(name, image, road_map, prediction, overlay))
            if context.keep_images:
                builder.add_image(f"images/{name}.png", prediction)
                builder.add_image(f"images/{name}_overlay.png", overlay)
            advance(1)
    return rows


def mark(network: UNet, image: Pixels, protocol: DelineationProtocol) -> np.ndarray[Any, Any]:
    """Return the probability of a road (H, W) in every pixel of an image (H, W, 3)."""

    def apply(part: Tensor) -> Tensor:
        return network.apply_repeatedly(part, protocol.k_test)[-1]

    with torch.inference_mode():
        tensor = to_device(image[np.newaxis], next(network.parameters()).device)
        marks = apply(tensor) if protocol.tiles == "resized" else mark_in_windows(apply, tensor, protocol.crop)
    return marks[0, 0].float().cpu().numpy()
