"""The benchmark's run: one training for each factor, then the test sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.results.images import keep_image
from lnkit.training.task import TrainingResult, TrainingSettings
from lnkit_superres import TITLES
from lnkit_superres.overview import Row, is_shown, row, write_sheet
from lnkit_superres.scores import score_all
from lnkit_superres.task import SuperresTask
from lnkit_superres.test_sets import measured, outputs

if TYPE_CHECKING:
    from torch import nn

    from lnkit.benchmark import RunContext
    from lnkit_superres.data import ImageSet, SuperresData
    from lnkit_superres.protocol import SuperresProtocol

SHEET = "contact_sheet.png"


@dataclass
class _Findings:
    """What comes together factor by factor."""

    arrays: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    collapsed: list[str] = field(default_factory=list)


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Train with the one loss network of the run, for each factor, and test what comes out."""
    (network,) = context.networks
    found = _Findings()
    for factor in context.protocol.chosen_factors:
        _run_factor(context, data.content, factor, found)
    context.folder.mkdir(parents=True, exist_ok=True)
    if found.rows:
        write_sheet(context.folder / SHEET, found.rows)
        found.files[SHEET] = context.folder / SHEET
    scored = score_all(found.arrays, context.protocol.resamples, context.seed)
    collapsed = "; ".join(found.collapsed)
    return {network: Outcome(scored.scores, scored.arrays, tuple(found.notes), found.files, collapsed)}


def _run_factor(context: RunContext, data: SuperresData, factor: int, found: _Findings) -> None:
    trained = _train(context, data, factor)
    found.files |= trained.files
    found.notes += trained.notes
    if trained.collapsed:
        found.collapsed.append(f"x{factor}: {trained.collapsed}")
    if trained.network is None:
        found.notes.append(f"x{factor} has no scores: its training collapsed before the first validation")
        return
    found.notes.append(f"x{factor}: the network after iteration {trained.best_iteration:,} was the best in validation")
    total = sum(len(test.names) for test in data.tests.values())
    with context.progress.task(f"testing x{factor}", total, unit="images") as advance:
        for name, test in data.tests.items():
            _test(context, trained.network, f"x{factor}/{name}", test, found, advance)


def _train(context: RunContext, data: SuperresData, factor: int) -> TrainingResult:
    protocol = context.protocol
    loss = context.services.feature_loss(protocol.distance_config())
    task = SuperresTask(factor, protocol, data, loss, context.progress)
    return context.services.train(task, _settings(protocol, factor, context))


def _settings(protocol: SuperresProtocol, factor: int, context: RunContext) -> TrainingSettings:
    return TrainingSettings(
        name=f"x{factor}",
        title=f"super-resolution x{factor} with {context.networks[0]}",
        iterations=protocol.iterations,
        batch_size=protocol.batch_size,
        validate_every=protocol.validate_every,
        seed=context.seed,
        validates="psnr",
        higher_is_better=True,
    )


def _test(context: RunContext, network: nn.Module, key: str, test: ImageSet, found: _Findings, advance: Any) -> None:
    """Measure every image of a test set; ``key`` is the factor and the name of the set."""
    factor, name = key.split("/")
    values: dict[str, list[float]] = {}
    for index, image in enumerate(outputs(network, test, context.protocol, int(factor[1:]))):
        for measure, value in measured(image, context.protocol.shave).items():
            values.setdefault(measure, []).append(value)
        if is_shown(index, len(test.names)):
            found.rows.append(row(f"{factor} {TITLES[name]} {image.name}", image, int(factor[1:])))
        if context.keep_images:
            found.files |= keep_image(context.folder, f"images/{key}/{image.name}.png", image.output)
        advance(1)
    found.arrays |= {f"{key}/{measure}": np.array(list_) for measure, list_ in values.items()}
