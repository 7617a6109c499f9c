"""Which tasks are finished: those whose loss networks all have a record.

A record is recognized by everything that is known before data and weights are opened: benchmark, protocol, loss
network, seed, precision, the kind of weights and the versions of the plugins. The task itself compares the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lnkit.errors import DataError
from lnkit.evaluation.request import ResolvedRequest
from lnkit.plugins.registry import USER_CODE
from lnkit.protocols import as_dict
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord, record_prefix
from lnkit.specs import LossNetworkId
from lnkit.sweep.claims import SWEEP_FOLDER
from lnkit.sweep.command_tasks import CommandTask
from lnkit.sweep.tasks import AnyTask, Task


class FinishedTasks:
    """Looks for the records of tasks; reads each record once."""

    def __init__(self, results: Path) -> None:
        self.results = ResultsFolder(results)
        self._read: dict[str, RunRecord | None] = {}  # name of a folder -> its record, None if it cannot be read
        self._names: dict[str, list[str]] = {}  # start of a name -> names of folders

    def refresh(self) -> None:
        """List the folder again."""
        self._names = {}
        try:
            with os.scandir(self.results.path) as entries:
                for entry in entries:
                    if not entry.name.startswith("."):
                        self._names.setdefault(entry.name.rpartition("_")[0], []).append(entry.name)
        except FileNotFoundError:
            pass

    def every_record(self) -> list[RunRecord]:
        """Return all records that can be read."""
        self.refresh()
        names = (name for group in self._names.values() for name in group)
        return [record for name in names if (record := self._record(name)) is not None]

    def records(self, task: AnyTask, resolved: ResolvedRequest | None) -> list[RunRecord] | None:
        """Return one record for each loss network of a task, none for a command; None unless it is finished."""
        if isinstance(task, CommandTask) or resolved is None:
            return [] if isinstance(task, CommandTask) and task.is_finished(self.results.path / SWEEP_FOLDER) else None
        found = []
        for network in resolved.networks:
            record = next(self._matching(task, resolved, network), None)
            if record is None:
                return None
            found.append(record)
        return found

    def _matching(self, task: Task, resolved: ResolvedRequest, network: LossNetworkId) -> Iterator[RunRecord]:
        prefix = record_prefix(resolved.benchmark.name, network.backbone, list(resolved.nodes[network]))
        for name in self._names.get(prefix, ()):
            record = self._record(name)
            if record is not None and is_record_of(record, task, resolved, network):
                yield record

    def _record(self, name: str) -> RunRecord | None:
        if self._read.get(name) is None:  # one that was unreadable may have been replaced
            try:
                self._read[name] = self.results.read(self.results.path / name)
            except DataError:
                self._read[name] = None
        return self._read[name]


def is_record_of(record: RunRecord, task: Task, resolved: ResolvedRequest, network: LossNetworkId) -> bool:
    """Whether a record is that of one loss network of a task, as far as names tell."""
    key, request = record.key, resolved.request
    fields = as_dict(resolved.protocol)
    return (
        (key.benchmark, key.benchmark_version) == (resolved.benchmark.name, resolved.benchmark.version)
        and (key.variant, key.seed, key.precision) == (request.variant, request.seed, request.precision)
        and record.sample == request.sample
        and key.backbone == network.backbone
        and dict(key.points) == dict(resolved.nodes[network])
        and dict(key.protocol) == {name: _named(name, value) for name, value in fields.items()}
        and _has_weights(record, task, resolved)
        and _has_suppliers(record, resolved)
    )


def _named(name: str, value: object) -> object:
    """Return the value of a field as a key has it: of a file of weights only the name."""
    return Path(value).name if name.endswith("_weights") and isinstance(value, str) and value else value


def _has_weights(record: RunRecord, task: Task, resolved: ResolvedRequest) -> bool:
    weights = resolved.request.weights
    if resolved.loss or not isinstance(weights, str | Path):
        return ("random" in record.weights) == (weights == "random")
    if weights == "random":
        return record.weights_source == f"random, seed {task.weights_seed}"
    if weights == "pretrained":
        return record.weights == resolved.backbone.weights
    return record.weights == "file" and record.weights_source.startswith(Path(weights).name)


def _has_suppliers(record: RunRecord, resolved: ResolvedRequest) -> bool:
    for role, plugin in resolved.suppliers.items():
        supplied = record.key.plugins.get(role, "")
        if plugin is USER_CODE:
            if not supplied.startswith(plugin.distribution):
                return False
        elif supplied != f"{plugin.distribution} {plugin.version}":
            return False
    return True
