"""From a request to records: open the data, load and cut the network, run the benchmark, store the result."""

from __future__ import annotations

import dataclasses
import hashlib
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit._text_paths import text_paths
from lnkit.benchmark import BenchmarkData, Outcome, RunContext, RunFacts
from lnkit.data.cache import cache_dir
from lnkit.data.storage import locked
from lnkit.errors import PluginError
from lnkit.evaluation.promises import check_promises
from lnkit.evaluation.record import RunEnvironment, identify_suppliers, make_record, run_key
from lnkit.evaluation.request import ResolvedRequest, RunRequest, require_data_folder, resolve
from lnkit.evaluation.run_clock import ClockedProgress, RunClock
from lnkit.evaluation.seeds import SeedProgress
from lnkit.evaluation.services import Services
from lnkit.plugins.benchmark_code import BenchmarkCode
from lnkit.plugins.load import default_registry
from lnkit.progress import Progress, SilentProgress, activity, load_torch
from lnkit.results.folder import ResultsFolder, results_dir
from lnkit.results.part_store import PARTS_FOLDER, FolderPartStore
from lnkit.results.records import RunKey, RunRecord, record_id
from lnkit.results.seeds import means_over_seeds
from lnkit.specs import LossNetworkId

if TYPE_CHECKING:
    from lnkit.networks.loss_network import LossNetwork
    from lnkit.networks.weights import LoadedBackbone
    from lnkit.plugins.registry import Registry

Keys = Mapping[LossNetworkId, RunKey]


@text_paths
@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A record and its folder, or the mean over the seeds of a request with the runs that it is of."""

    record: RunRecord
    folder: Path  # of a mean: the folder of all results
    reused: bool  # finished by an earlier command
    runs: tuple[FinishedRun, ...] = ()  # of a mean: one for each seed


def run(
    request: RunRequest,
    registry: Registry | None = None,
    progress: Progress | None = None,
    *,
    weights_seed: int | None = None,
    unknown: str = "",
) -> list[FinishedRun]:
    """Run a benchmark on every loss network that the request names, and store a record of each.

    A finished run is found again and not repeated. An interrupted run goes on where it stopped. Several seeds are
    several runs; random weights of the loss network are drawn once, with the first seed.

    Args:
        request: what to run, on what, and where results go.
        registry: registered names; by default those of all installed plugins.
        progress: receives the progress; by default nothing does.
        weights_seed: of random weights of the loss network; by default the seed of the request.
        unknown: identifies a network of the user that cannot be known by value; by default another text each time.

    Returns:
        One finished run per loss network, in the order of the request; for several seeds the mean of its runs.

    Raises:
        UsageError: a name, a point or a protocol field is unknown.
        LnkitError: data or weights are missing or damaged, or the run failed.
    """
    results_dir(request.results)  # refused first: in a directory that was removed, torch's libraries end the process
    registry, progress = registry or default_registry(), progress or SilentProgress()
    resolved = resolve(request, registry)
    if request.seeds:
        return _run_seeds(request, registry, progress)
    load_torch()  # once all names are known to be right
    from lnkit.networks.device import (  # noqa: PLC0415 - torch
        full_float32,
        standard_defaults,
    )

    with standard_defaults(), full_float32():  # on every device: the precision is a part of the signature
        return _run_resolved(resolved, request.seed if weights_seed is None else weights_seed, unknown, progress)


def _run_resolved(resolved: ResolvedRequest, weights_seed: int, unknown: str, progress: Progress) -> list[FinishedRun]:
    """Run a request whose names are known to be right."""
    runner = _Runner(resolved, progress)
    facts = runner.facts(runner.check())
    with activity(f"opening the data of {resolved.benchmark.name}"):
        data = runner.code.open_data(facts)
    with activity(f"loading {resolved.backbone.name}"):
        loaded = resolved.load(weights_seed, progress)
    suppliers = identify_suppliers(resolved, loaded, unknown)
    keys = {network: run_key(resolved, network, data, loaded, suppliers) for network in facts.networks}
    done = {network: run for network, key in keys.items() if (run := runner.finished(key))}
    if new := {network: key for network, key in keys.items() if network not in done}:
        marked, runner.checked = check_promises(new, resolved, loaded, data.image_size)
        keys |= marked
        done |= {network: run for network, key in marked.items() if (run := runner.finished(key))}
    missing = tuple(network for network in keys if network not in done)
    for group in runner.groups(keys, missing):
        group_facts = dataclasses.replace(facts, networks=group)
        done = runner.run_group(group_facts, {network: keys[network] for network in group}, data, loaded) | done
    return [done[network] for network in facts.networks]


def check(request: RunRequest, registry: Registry, progress: Progress) -> None:
    """Check all names and options of a request as :func:`run` does first, and run nothing.

    Raises:
        UsageError: a name, a point, an option or a protocol field is wrong.
        LnkitError: a file of weights is missing or damaged.
    """
    results_dir(request.results)
    runner = _Runner(resolve(request, registry), progress)
    load_torch()
    runner.check()


def open_data(request: RunRequest, registry: Registry, progress: Progress) -> BenchmarkData:
    """Open the data of a request as :func:`run` does, and run nothing.

    Raises:
        LnkitError: as for :func:`run`.
    """
    runner = _Runner(resolve(request, registry), progress)
    return runner.code.open_data(runner.facts(runner.check()))


def _run_seeds(request: RunRequest, registry: Registry, progress: Progress) -> list[FinishedRun]:
    """Run a request with each of its seeds, and return the means."""
    first, folder, unknown = request.seeds[0], results_dir(request.results), uuid.uuid4().hex[:8]
    by_seed = [
        run(
            dataclasses.replace(request, seed=seed, seeds=()),
            registry,
            SeedProgress(progress, seed),
            weights_seed=first,
            unknown=unknown,
        )
        for seed in request.seeds
    ]
    return [_mean(runs, folder) for runs in zip(*by_seed, strict=True)]


def _mean(runs: tuple[FinishedRun, ...], folder: Path) -> FinishedRun:
    means = means_over_seeds([finished.record for finished in runs])
    if len(means) > 1:
        key = runs[0].record.key
        raise PluginError(
            f"The data of {key.benchmark} or the weights of {key.backbone} differ from seed to seed, so there is no "
            f"mean over seeds. Every training is stored in {folder}; `lnkit results list` lists them."
        )
    return FinishedRun(means[0], folder, all(finished.reused for finished in runs), runs)


class _Runner:
    """Carries out one request, cheapest step first, so that errors are raised before anything costs time."""

    def __init__(self, resolved: ResolvedRequest, progress: Progress) -> None:
        self.started = time.monotonic()
        self.resolved, self.request, self.benchmark = resolved, resolved.request, resolved.benchmark
        self.code = BenchmarkCode(resolved.benchmark, resolved.suppliers["benchmark"])
        self.progress = progress
        self.results = ResultsFolder(results_dir(self.request.results))
        self.checked: LossNetwork | None = None  # cut by check_promises

    def check(self) -> str:
        """Refuse what is known to be wrong before data are fetched and packed; return the device to use."""
        from lnkit.distances.engines.selection import check_engine  # noqa: PLC0415 - torch
        from lnkit.networks.device import open_device  # noqa: PLC0415 - torch
        from lnkit.networks.load import check_nodes  # noqa: PLC0415 - torch

        require_data_folder(self.request.data)
        self.resolved.check_weights()
        check_nodes(self.resolved.backbone, self.resolved.unregistered)
        device = open_device(self.request.device)
        check_engine(self.request.engine, device)
        return str(device)

    def facts(self, device: str) -> RunFacts:
        """Gather the facts of the run, for all of its loss networks."""
        return RunFacts(
            protocol=self.resolved.protocol,
            backbone=self.resolved.backbone,
            networks=self.resolved.networks,
            layers=self.resolved.layers,
            data=self.request.data,
            cache=cache_dir(),
            sample=self.request.sample,
            seed=self.request.seed,
            progress=self.progress,
            device=device,
            batch_size=self.request.batch_size,
            keep_images=self.request.keep_images,
        )

    def finished(self, key: RunKey) -> FinishedRun | None:
        """Find the run of an earlier command, unless the user wants it anew or images that it lacks."""
        record = None if self.request.force else self.results.find(key)
        if record is None or (self.request.keep_images and not record.has_images):
            return None
        return FinishedRun(record, self.results.folder_of(record), reused=True)

    def groups(self, keys: Keys, missing: Sequence[LossNetworkId]) -> list[tuple[LossNetworkId, ...]]:
        """Return the loss networks that run together: each for itself in a training, else all that are missing.

        What killed runs left is removed. Where one of all loss networks was killed while it stored its records, all of
        them run again, from its parts.
        """
        self.results.clear_leftovers(map(record_id, keys.values()))
        if self.benchmark.trains:
            return [(network,) for network in missing]
        together = keys if missing and self._parts(keys.values()).path.is_dir() else missing
        return [tuple(together)] if together else []

    def run_group(
        self, facts: RunFacts, keys: Keys, data: BenchmarkData, loaded: LoadedBackbone
    ) -> dict[LossNetworkId, FinishedRun]:
        """Run loss networks together, or the one that the benchmark trains with, and store their records."""
        parts, first = self._parts(keys.values()), facts.networks[0]
        with self._only_trainer(parts.path, first):
            if self.benchmark.trains and (run := self.finished(keys[first])):  # by the process that held the lock
                return {first: run}
            with parts.in_use([record_id(key) for key in keys.values()]), RunClock(parts, self.started) as clock:
                if self.benchmark.trains:
                    self._restore_trainings(keys[first], parts.path)
                progress = ClockedProgress(self.progress, clock)
                services = Services(
                    self.resolved, facts.networks, loaded, keys[first], parts.path, facts.device, progress
                )
                services.checked = self.checked
                work = {"store": parts, "folder": parts.path, "services": services}
                context = RunContext(**vars(facts) | {"progress": progress} | work)
                outcomes = self.code.run(context, data)
                finished = self._store(outcomes, keys, data, loaded, services, clock.seconds)
            parts.finish()
        self.started = time.monotonic()  # of the next group
        return finished

    def _only_trainer(self, folder: Path, network: LossNetworkId) -> AbstractContextManager[object]:
        """Let one process at a time train; measurements may run twice at once, and store the same."""
        if not self.benchmark.trains:
            return nullcontext()
        return locked(folder, f"running {self.request.bench} on {network}", self.progress)

    def _store(
        self,
        outcomes: Mapping[LossNetworkId, Outcome],
        keys: Keys,
        data: BenchmarkData,
        loaded: LoadedBackbone,
        services: Services,
        seconds: float,
    ) -> dict[LossNetworkId, FinishedRun]:
        from lnkit.networks.attributes import attributes_of  # noqa: PLC0415 - torch

        attributes = attributes_of(self.resolved.backbone, {network: self.resolved.layers[network] for network in keys})
        environment = RunEnvironment(*services.device_and_engine, seconds)
        finished = {}
        for network, key in keys.items():
            outcome = outcomes[network]
            outcome = dataclasses.replace(outcome, notes=tuple(dict.fromkeys((*outcome.notes, *services.notes))))
            record = make_record(self.resolved, key, outcome, data, loaded, environment, attributes[network])
            replace = self.request.force or self.request.keep_images
            folder = self.results.write(record, outcome.arrays, outcome.files, replace=replace)
            finished[network] = FinishedRun(record, folder, reused=False)
        return finished

    def _restore_trainings(self, key: RunKey, folder: Path) -> None:
        """Restore the trained networks of an earlier run when only its images are missing."""
        if not self.request.force and (record := self.results.find(key)):
            from lnkit.training.trainer import restore_trainings  # noqa: PLC0415 - torch

            restore_trainings(self.results.folder_of(record), record.files, folder)

    def _parts(self, keys: Iterable[RunKey]) -> FolderPartStore:
        """Open the store for unfinished work of exactly these runs; empty it when the user wants everything anew."""
        digest = hashlib.sha256("".join(sorted(key.digest() for key in keys)).encode()).hexdigest()[:16]
        parts = FolderPartStore(self.results.path / PARTS_FOLDER / digest)
        if self.request.force:
            parts.clear()
        return parts
