"""The run of `psychophysics`: show every stimulus to all loss networks at once, then score each of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData, DistanceAt, LossNetworkId, Outcome, UsageError
from lnkit.evaluation import Shards, open_shards
from lnkit.progress import Advance
from lnkit_psychophysics import human
from lnkit_psychophysics.answers import Answers, Matching
from lnkit_psychophysics.field import Field
from lnkit_psychophysics.matching import match
from lnkit_psychophysics.protocol import SMALLEST_SIDE, Viewing
from lnkit_psychophysics.scores import score_all
from lnkit_psychophysics.stimuli import (
    HIGHEST,
    LOWEST,
    MATCH_FREQUENCY,
    Scene,
    Test,
    all_tests,
    evenly,
    matching_scene,
    octave,
    uniform_field,
)

if TYPE_CHECKING:
    from lnkit.benchmark import Arrays, RunContext, RunFacts
    from lnkit_psychophysics.observer import Observer

Array = NDArray[Any]

STIMULI = "1"  # raised when other stimuli are drawn for the same protocol
BRENT_PASSES = 6  # images of a match that is found by Brent's method, about


def open_data(facts: RunFacts) -> BenchmarkData:
    """Choose the field of view; there are no data to open.

    Raises:
        UsageError: data are given, or the backbone takes only images that are no field of view.
    """
    if facts.data is not None:
        raise UsageError(
            "psychophysics draws its stimuli itself and needs no data: leave out --data. (`lnkit eval --sample` shows "
            "fewer of them.)"
        )
    side = _side(facts)
    field = facts.protocol.field(side)
    _require_noise(field)
    text = f"{STIMULI} {field} {human.digest()}"
    usual = f"{facts.protocol.side} x {facts.protocol.side}"
    notes = (
        f"partial: a field of {side} x {side} pixels ({field.degrees:.2f} degrees), the only size that the backbone "
        f"takes, instead of {usual}; scores compare only with those of the same field",
    ) * (side != facts.protocol.side)
    return BenchmarkData(field, {"stimuli": sha256(text.encode()).hexdigest()}, notes, side)


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Show every stimulus once to all loss networks, then score each of them."""
    session = _Session(context, data.content)
    columns = session.measure()
    named = [str(network) for network in context.networks]
    outcomes = {}
    for index, (network, name) in enumerate(zip(context.networks, named, strict=True)):
        answers = columns[index].beside(columns[-1])
        outcome = score_all(answers, context.protocol, context.seed)
        files, note = _pictures(context, answers, name, index)
        notes = (*_dead(session.dead, context, network), *outcome.notes, *note)
        outcomes[network] = Outcome(outcome.scores, outcome.arrays, notes, files)
    return outcomes


def rescore(arrays: Arrays, protocol: Viewing, seed: int) -> Outcome:
    """Score the distances of an earlier run."""
    return score_all(Answers.from_arrays(arrays), protocol, seed)


def _side(facts: RunFacts) -> int:
    """Return the pixels of a side of the field: those that the backbone takes, if it takes one size only."""
    size = facts.backbone.input_size
    if size is None:
        return int(facts.protocol.side)
    if size[0] != size[1] or size[0] < SMALLEST_SIDE:
        raise UsageError(
            f"{facts.backbone.name} takes images of {size[1]} x {size[0]} pixels only. Expected a square of at least "
            f"{SMALLEST_SIDE} pixels, on which the stimuli can be drawn without resizing; choose another backbone."
        )
    return size[0]


def _require_noise(field: Field) -> None:
    """Refuse a field whose Fourier plane has no bin in a band of the noise."""
    (noise,) = (test for test in all_tests() if test.name == "csf_noise_achromatic")
    for frequency in noise.positions:
        low, high = octave(float(frequency))
        if not field.kept_bins(low, high).any():
            raise UsageError(
                f"A field of {field.side} pixels at {field.pixels_per_degree:g} pixels per degree shows no noise of "
                f"{low:.3g} to {high:.3g} cycles per degree: choose other 'side' or 'pixels_per_degree' (Cai2025: 224 "
                "and 60)."
            )


class _Session:
    """The measurements of a run; the network is cut only if one of them is not stored yet."""

    def __init__(self, context: RunContext, field: Field) -> None:
        self._context, self._field = context, field
        self.protocol: Viewing = context.protocol
        self.tests = [test.evenly(self.protocol.positions) for test in all_tests()]
        self.matches = human.read_matches()
        self.frequencies = evenly(len(self.matches.frequency), self.protocol.positions)
        self.contrasts = np.geomspace(LOWEST, HIGHEST, self.protocol.table)
        self.dead: dict[str, Array] = {}

    @cached_property
    def observer(self) -> Observer:
        from lnkit_psychophysics.observer import Observer  # noqa: PLC0415 - torch, only if something is not stored

        context = self._context
        at = [
            DistanceAt(tuple(point.name for point in context.layers[network]), context.protocol.distance_config())
            for network in context.networks
        ]
        functions = context.services.feature_distances(at)
        columns = [list(zip(one.layers, made, strict=True)) for one, made in zip(at, functions, strict=True)]
        return Observer(context.services.loss_network(), columns, [str(network) for network in context.networks])

    def measure(self) -> list[Answers]:
        """Return the answers of each loss network, and those of the image itself as the last."""
        each = sum(len(test.positions) for test in self.tests) * (10 + self.protocol.curve)
        brent = BRENT_PASSES * len(self.matches.reference) * len(self._context.networks)
        of_match = len(self.contrasts) + (brent if self.protocol.matching == "brent" else 0)
        total = 1 + each + len(self.matches.reference) + of_match * len(self.frequencies)
        with open_shards(self._context, total, "images", title="showing stimuli", distances=()) as shards:
            self.dead = dict(shards.get_or_compute("dead", 1, self._count_dead))
            scored = {test.name: self._measure_test(shards, test) for test in self.tests}
            targets = shards.get_or_compute("matching-targets", len(self.matches.reference), self._targets)["distance"]
            steps = of_match
            tables = [
                shards.get_or_compute(f"matching-{row}", steps, partial(self._match, int(row), targets))
                for row in self.frequencies
            ]
        return [
            Answers(
                {name: (parts[0][..., column], parts[1][..., column]) for name, parts in scored.items()},
                Matching(
                    self.frequencies,
                    self.contrasts,
                    np.stack([table["distance"][:, column] for table in tables]),
                    targets[:, column],
                    np.stack([table["match"][:, column] for table in tables], axis=1),
                ),
                self.tests,
            )
            for column in range(targets.shape[1])
        ]

    def _count_dead(self, _advance: Advance) -> dict[str, Array]:
        return self.observer.count_dead(uniform_field(self._field, 100.0))

    def _measure_test(self, shards: Shards, test: Test) -> tuple[Array, Array]:
        """Return the distances of a test: (positions, multiples, columns), and those of the pictures."""
        parts = [
            shards.get_or_compute(
                f"{test.name}-{position:.6g}",
                test.contrasts.shape[1] + self.protocol.curve,
                partial(self._measure_position, test, index),
            )
            for index, position in enumerate(test.positions)
        ]
        return np.stack([part["scored"] for part in parts]), np.stack([part["curve"] for part in parts])

    def _measure_position(self, test: Test, index: int, advance: Advance) -> dict[str, Array]:
        scene = test.draw(self._field, float(test.positions[index]))
        further = test.further(self.protocol.curve)
        self.observer.show_reference(scene.reference)
        scored = self._compare(scene, test.contrasts[index], advance)
        return {"scored": scored, "curve": self._compare(scene, further, advance, scored.shape[1])}

    def _targets(self, advance: Advance) -> dict[str, Array]:
        scene = matching_scene(self._field, MATCH_FREQUENCY)
        self.observer.show_reference(scene.reference)
        return {"distance": self._compare(scene, self.matches.reference, advance)}

    def _match(self, row: int, targets: Array, advance: Advance) -> dict[str, Array]:
        """Return the table (contrasts, columns) of one frequency, and the matches (references, columns) in it."""
        scene = matching_scene(self._field, float(self.matches.frequency[row]))
        self.observer.show_reference(scene.reference)
        table = self._compare(scene, self.contrasts, advance)

        def distance_at(contrast: float, column: int) -> float:
            advance(1)
            return float(self.observer.compare(scene.test(contrast))[column])

        exact = [partial(distance_at, column=column) for column in range(table.shape[1])]
        found = [
            [
                match(self.contrasts, table[:, column], target, at if self.protocol.matching == "brent" else None)
                for column, (target, at) in enumerate(zip(each, exact, strict=True))
            ]
            for each in targets
        ]
        return {"distance": table, "match": np.array(found)}

    def _compare(self, scene: Scene, contrasts: Array, advance: Advance, width: int = 0) -> Array:
        """Return the distances (contrasts, columns) of tests from the reference that is shown."""
        rows = []
        for contrast in contrasts:
            rows.append(self.observer.compare(scene.test(float(contrast))))
            advance(1)
        return np.stack(rows) if rows else np.empty((0, width))


def _dead(counts: Mapping[str, Array], context: RunContext, network: LossNetworkId) -> tuple[str, ...]:
    """Name the channels that are 0 everywhere on a uniform field, on which unit lengths are not defined."""
    layers = [point.name for point in context.layers[network]]
    found = [f"{counts[layer][0]} of {counts[layer][1]} at {layer}" for layer in layers if counts[layer][0]]
    text = f"dead channels: 0 everywhere on a uniform field of 100 cd/m²: {', '.join(found)}"
    return (text,) if found else ()


def _pictures(context: RunContext, answers: Answers, name: str, index: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Draw the pictures of a loss network; without the packages for it, say so."""
    if not context.protocol.curve:
        return {}, ()
    from lnkit_psychophysics.pictures import PICTURE, draw  # noqa: PLC0415 - slow to import

    path = context.folder / f"psychophysics-{index}.svg"
    try:
        draw(answers, name, path)
    except UsageError as error:
        return {}, (f"no pictures were drawn: {error}",)
    return {PICTURE: path}, ()
