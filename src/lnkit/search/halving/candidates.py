"""The loss networks that a search tries, and the trainings with them as tasks of a sweep."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit.errors import UsageError
from lnkit.evaluation.request import ResolvedRequest, resolve
from lnkit.search.halving.options import TrainingSearchOptions
from lnkit.specs import LossNetworkId
from lnkit.sweep.study import Study, StudyBenchmark
from lnkit.sweep.tasks import Task, make_tasks

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

LENGTHS = ("iterations", "steps", "epochs")  # usual names of the field that is the length of a training


@dataclass(frozen=True, slots=True)
class Candidate:
    """A loss network, with its training as the options ask for it."""

    task: Task
    resolved: ResolvedRequest

    @property
    def network(self) -> LossNetworkId:
        """The backbone and points."""
        return self.resolved.networks[0]

    @property
    def name(self) -> str:
        """``vgg16:late``; the text of a loss."""
        return str(self.network)

    def training(self, field: str, length: int, seed: int, registry: Registry) -> Candidate:
        """Return the same loss network with a training of some length and seed; random weights stay the same.

        Args:
            field: Of the protocol, the length.
            length: Its value.
            seed: Of the training.
            registry: Knows every name.
        """
        request = self.task.request
        request = replace(request, overrides={**request.overrides, field: str(length)}, seed=seed)
        return Candidate(Task(request, self.task.weights_seed), resolve(request, registry))


def make_candidates(options: TrainingSearchOptions, registry: Registry) -> list[Candidate]:
    """Return the loss networks of a search, each once.

    Raises:
        UsageError: A name is unknown, the benchmark does not train, or there are not two loss networks.
    """
    if not options.backbones and not options.losses:
        raise UsageError("Expected backbones to search among, such as --backbone squeezenet1_1, got none.")
    if options.data and options.sample:
        raise UsageError("--sample uses data of its own, and --data names other data: give one of the two.")
    if not registry.benchmark(options.bench).trains:
        raise UsageError(f"{options.bench} only measures: successive halving is for benchmarks that train.")
    study = Study(
        bench=(
            StudyBenchmark(options.bench, options.variant, options.overrides, data=options.data, sample=options.sample),
        ),
        backbones=options.backbones,
        losses=options.losses,
        points=",".join(options.points) or "all",
        weights=_weights(options),
        results=options.results,
        seed=options.seed,
        precision=options.precision,
        where="The search",
    )
    candidates = [Candidate(*pair) for pair in zip(*make_tasks(study, registry), strict=True)]
    if len(candidates) < 2:
        raise UsageError(
            f"Expected two loss networks or more to search among, got {candidates[0].name} alone: name more with "
            f"--backbone or --point, or train with it by `lnkit eval --bench {options.bench} --seeds 5`."
        )
    return candidates


def _weights(options: TrainingSearchOptions) -> str | Mapping[str, str]:
    if isinstance(options.weights, Mapping):
        return {name: _absolute(value) for name, value in options.weights.items()}
    if str(options.weights) not in ("pretrained", "random") and len(options.backbones) != 1:
        raise UsageError(
            f"Expected the file of each backbone as --weights BACKBONE=FILE, got {str(options.weights)!r} for all."
        )
    return _absolute(options.weights)


def _absolute(weights: str | Path) -> str:
    """Return a file of weights with its folder, as workers may run elsewhere."""
    text = str(weights)
    return text if text in ("pretrained", "random") else str(Path(text).expanduser().absolute())


def length_field(candidates: Sequence[Candidate], named: str = "") -> tuple[str, int]:
    """Return the field of the protocol that is the length of a training, and its value.

    Args:
        candidates: Of one benchmark.
        named: By the user; "" looks for one of the usual names.

    Raises:
        UsageError: There is no such field, or it is no whole number.
    """
    protocol, bench = candidates[0].resolved.protocol, candidates[0].resolved.benchmark.name
    names = [field.name for field in dataclasses.fields(protocol)]
    numbers = [name for name in names if type(getattr(protocol, name)) is int]
    found = named or next((name for name in LENGTHS if name in numbers), "")
    if found not in numbers:
        got = f"{named!r}" if named else "none of the usual names"
        raise UsageError(
            f"Expected a whole number of {bench}'s protocol as the length of a training, such as "
            f"{', '.join(LENGTHS)}, got {got}. Name it with --length; the protocol has: {', '.join(numbers)}."
        )
    value: int = getattr(protocol, found)
    if value < 1:
        raise UsageError(f"Expected {found} of 1 or more as the length of a training, got {value}.")
    return found, value
