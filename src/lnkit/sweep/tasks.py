"""The tasks of a study: each is one request that a process runs as a whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit.analysis.backbone_selection import select_backbones
from lnkit.errors import UsageError
from lnkit.evaluation.request import ResolvedRequest, RunRequest, resolve
from lnkit.losses.definition import Loss
from lnkit.losses.given import given_loss
from lnkit.sweep.command_tasks import CommandTask
from lnkit.sweep.study import Study, StudyBenchmark

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry


@dataclass(frozen=True, slots=True)
class Task:
    """A request, of which either all loss networks are measured in one pass, or one is trained with."""

    request: RunRequest
    weights_seed: int = 0  # of random weights; the same for all seeds of a training

    @property
    def name(self) -> str:
        """``bapps vgg16``, or ``superres vgg16:late, seed 1``."""
        request = self.request
        points = "" if isinstance(request.backbone, Loss) or request.points == "all" else f":{request.points}"
        seed = f", seed {request.seed}" if request.seed else ""
        return f"{request.bench} {request.backbone}{points}{seed}"

    @property
    def group(self) -> str:
        """The benchmark, under which the task is counted."""
        return self.request.bench

    @property
    def id(self) -> str:
        """A hash of what the task computes, wherever and on whatever it runs."""
        plain = {name: value for name, value in _to_plain(self).items() if name not in ELSEWHERE}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


AnyTask = Task | CommandTask

ELSEWHERE = ("results", "device", "force", "batch_size", "engine")  # fields that change no score


def make_tasks(study: Study, registry: Registry) -> tuple[list[Task], list[ResolvedRequest]]:
    """Return the tasks of a study with every name resolved, each task once.

    A benchmark that only measures has one task for a backbone, at all points in one pass. One that trains has one for
    each loss network and seed.

    Raises:
        UsageError: A name, a point or a field of a protocol is unknown; the sentence names the line of the study.
    """
    subjects: list[str | Loss] = [*_backbones(study, registry), *_losses(study)]
    tasks: dict[str, tuple[Task, ResolvedRequest]] = {}
    for bench in study.bench:
        try:
            registry.benchmark(bench.name)
        except UsageError as error:
            raise study.fault(str(error), bench.name) from error
        for subject in subjects:
            for task, resolved in _tasks_of(subject, bench, study, registry):
                tasks.setdefault(task.id, (task, resolved))
    return [task for task, _ in tasks.values()], [resolved for _, resolved in tasks.values()]


def _backbones(study: Study, registry: Registry) -> list[str]:
    names: dict[str, None] = {}
    for selector in study.backbones:
        try:
            names |= dict.fromkeys(select_backbones(registry, [selector]))
        except UsageError as error:
            raise study.fault(str(error), selector) from error
    for name in study.weights if isinstance(study.weights, Mapping) else ():
        if name not in names and not study.losses:
            raise study.fault(f"Weights are given for {name!r}, which is none of the backbones. Leave them out.", name)
    return list(names)


def _losses(study: Study) -> list[Loss]:
    losses = []
    for text in study.losses:
        try:
            losses.append(given_loss(text))
        except UsageError as error:
            raise study.fault(str(error), text) from error
    return losses


def _tasks_of(
    subject: str | Loss, bench: StudyBenchmark, study: Study, registry: Registry
) -> Iterator[tuple[Task, ResolvedRequest]]:
    request = RunRequest(
        subject,
        points="all" if isinstance(subject, Loss) else study.points,
        bench=bench.name,
        variant=bench.variant,
        overrides=bench.overrides,
        weights=_weights_of(subject, study),
        seed=study.seed,
        data=bench.data,
        sample=bench.sample,
        results=study.results,
        precision=study.precision,
        engine=study.engine,
        batch_size=study.batch_size,
        allow_varying=study.allow_varying,
    )
    try:
        resolved = resolve(request, registry)
    except UsageError as error:
        raise study.fault(f"{bench.name} {subject}: {error}", bench.name) from error
    if not resolved.benchmark.trains:
        if bench.seeds:
            raise study.fault(f"{bench.name} only measures, and seeds repeat trainings. Leave them out.", "seeds")
        yield Task(request, study.seed), resolved
        return
    seeds = bench.seeds or (study.seed,)
    for network in resolved.networks:
        points = request.points if resolved.loss else "+".join(network.points)
        for seed in seeds:
            one = replace(request, points=points, seed=seed)
            yield Task(one, seeds[0]), resolve(one, registry)


def _weights_of(subject: str | Loss, study: Study) -> Any:
    if isinstance(study.weights, str):
        return study.weights
    if isinstance(subject, str):
        return study.weights.get(subject, "pretrained")
    return {name: study.weights[name] for name in subject.backbones if name in study.weights} or "pretrained"


def to_plain(task: AnyTask) -> dict[str, Any]:
    """Return a task as values of JSON; :func:`from_plain` reads it back."""
    if isinstance(task, CommandTask):
        return {"name": task.name, "words": list(task.words), "done": str(task.done.absolute()), "group": task.group}
    return _to_plain(task)


def _to_plain(task: Task) -> dict[str, Any]:
    plain = {name: getattr(task.request, name) for name in FIELDS}
    loss = isinstance(task.request.backbone, Loss)
    plain |= {"backbone": str(task.request.backbone), "loss": loss, "weights_seed": task.weights_seed}
    for name in ("data", "results"):
        plain[name] = None if plain[name] is None else str(plain[name].absolute())
    weights = plain["weights"]
    plain["weights"] = {k: str(v) for k, v in weights.items()} if isinstance(weights, Mapping) else str(weights)
    return plain | {"overrides": dict(plain["overrides"]), "seeds": list(plain["seeds"])}


def from_plain(plain: Mapping[str, Any]) -> AnyTask:
    """Read a task from values of JSON."""
    if "words" in plain:
        return CommandTask(plain["name"], tuple(plain["words"]), Path(plain["done"]), plain["group"])
    values = {name: plain[name] for name in FIELDS}
    for name in ("data", "results"):
        values[name] = None if values[name] is None else Path(values[name])
    backbone = given_loss(plain["backbone"]) if plain["loss"] else plain["backbone"]
    values |= {"backbone": backbone, "seeds": tuple(values["seeds"])}
    return Task(RunRequest(**values), plain["weights_seed"])


FIELDS = tuple(field.name for field in dataclasses.fields(RunRequest))
