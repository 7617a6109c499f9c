"""The run of `superres`: one training for each factor, then the test sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.training import OutcomeBuilder, TrainingResult, TrainingSettings, evenly_spread
from lnkit_superres import TITLES
from lnkit_superres.evaluation import COLUMNS, HEIGHT, PER_SET, evaluate
from lnkit_superres.sample import CAPTION
from lnkit_superres.scores import score_all
from lnkit_superres.task import SuperresTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from lnkit.benchmark import RunContext
    from lnkit_superres.data import SuperresData
    from lnkit_superres.metrics import Pixels

Rows = list[tuple[str, "Sequence[Pixels]"]]  # of the contact sheet


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Train with the one loss network of the run, for each factor, and test the best network."""
    (network,) = context.networks
    builder, rows = OutcomeBuilder(context.folder), Rows()
    images: SuperresData = data.content
    for factor in context.protocol.chosen_factors:
        trained = builder.add_training(_train(context, images, factor), f"x{factor}")
        if trained is not None:
            total = sum(len(test.names) for test in images.tests.values())
            with context.progress.task(f"testing x{factor}", total, unit="images") as advance:
                rows += _test(context, trained, images, factor, builder, advance)
    builder.add_sheet("contact_sheet.png", COLUMNS, rows, HEIGHT, CAPTION if context.sample else "")
    return {network: builder.build(score_all(builder.arrays, context.protocol, context.seed))}


def _train(context: RunContext, data: SuperresData, factor: int) -> TrainingResult:
    protocol = context.protocol
    loss = context.services.feature_loss(protocol.distance_config())
    task = SuperresTask(factor, protocol, data, loss, context.progress)
    settings = TrainingSettings(
        name=f"x{factor}",
        title=f"super-resolution x{factor} with {context.networks[0]}",
        iterations=protocol.iterations,
        batch_size=protocol.batch_size,
        validate_every=protocol.validate_every,
        seed=context.seed,
        validates=protocol.validate_by,
        higher_is_better=True,
    )
    return context.services.train(task, settings)


def _test(
    context: RunContext,
    network: nn.Module,
    data: SuperresData,
    factor: int,
    builder: OutcomeBuilder,
    advance: Callable[[int], None],
) -> Rows:
    """Measure every image of the test sets; return rows of the contact sheet."""
    rows = Rows()
    for name, test in data.tests.items():
        shown = evenly_spread(len(test.names), PER_SET)
        for index, image in enumerate(evaluate(network, test, context.protocol, factor)):
            builder.add_values(f"x{factor}/{name}/", image.measures(context.protocol.shave))
            if index in shown:
                rows.append((f"x{factor} {TITLES[name]} {image.name}", image.details(factor)))
            if context.keep_images:
                builder.add_image(f"images/x{factor}/{name}/{image.name}.png", image.output)
            advance(1)
    return rows
