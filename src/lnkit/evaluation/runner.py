"""From a request to records: open the data, load and cut the network, run the benchmark, keep what it found."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lnkit.benchmark import BenchmarkData, Outcome, RunContext
from lnkit.data.cache import cache_dir
from lnkit.data.storage import locked
from lnkit.errors import PluginError
from lnkit.evaluation.request import Resolved, RunRequest, resolve
from lnkit.plugins.load import default_registry
from lnkit.progress import Progress, SilentProgress
from lnkit.results.build import RunEnvironment, make_record, run_key
from lnkit.results.folder import PARTS_FOLDER, FolderPartStore, ResultsFolder, results_dir
from lnkit.results.records import RunKey, RunRecord
from lnkit.specs import DistanceAt, DistanceConfig, ExtractionPoint, LossNetworkId

if TYPE_CHECKING:
    from lnkit.distances.comparer import ImageComparer
    from lnkit.networks.loss_network import LossNetwork
    from lnkit.networks.weights import LoadedBackbone
    from lnkit.plugins.registry import Registry
    from lnkit.training.task import TrainingSettings, TrainingTask
    from lnkit.training.trainer import Trainer

Networks = tuple[LossNetworkId, ...]


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A record and where it lies."""

    record: RunRecord
    folder: Path
    found: bool  # it was there before


def run(request: RunRequest, registry: Registry | None = None, progress: Progress | None = None) -> list[FinishedRun]:
    """Run a benchmark on every loss network that the request names, and keep a record of each.

    A run that was finished before is found again and not repeated. A run that was interrupted goes on where it stopped.

    Args:
        request: what to run, on what, and where results go.
        registry: what plugins registered; by default whatever is installed.
        progress: who is told how far it is; by default nobody.

    Returns:
        One finished run per loss network, in the order in which they were asked for.

    Raises:
        UsageError: a name, a point or a protocol field is unknown.
        LnkitError: data or weights are missing or damaged, or the run failed.
    """
    registry = registry or default_registry()
    return _Run(resolve(request, registry), registry, progress or SilentProgress()).finish()


class _Run:
    """One request being carried out, cheapest step first, so that what is wrong is said before anything costs time."""

    def __init__(self, resolved: Resolved, registry: Registry, progress: Progress) -> None:
        self.started = time.monotonic()
        self.resolved, self.request = resolved, resolved.request
        self.registry, self.progress = registry, progress
        self.results = ResultsFolder(results_dir(self.request.results))
        self.comparers: list[ImageComparer] = []
        self.trainer: Trainer | None = None
        self.device = "cpu"  # until the one that was asked for was found to be there

    def finish(self) -> list[FinishedRun]:
        """Do what is missing, and return all runs in the order in which they were asked for."""
        self._check()
        networks = self.resolved.networks
        data = self.resolved.benchmark.open_data(self._context(networks, FolderPartStore(self.results.path)))
        loaded = self._load_backbone()
        facts = {network: run_key(self.resolved, network, self.registry, data, loaded) for network in networks}
        done = {network: run for network in networks if (run := self._find(facts[network]))}
        for group in self._groups(tuple(network for network in networks if network not in done)):
            done |= self._measure(group, facts, data, loaded)
        return [done[network] for network in networks]

    def _check(self) -> None:
        """Refuse what can be known to be wrong before data are fetched and packed."""
        from lnkit.distances.engines.selection import check_engine  # noqa: PLC0415
        from lnkit.networks.device import open_device  # noqa: PLC0415 - torch, once all names were found to be right
        from lnkit.networks.load import check_nodes  # noqa: PLC0415
        from lnkit.networks.weights import check_weights  # noqa: PLC0415

        check_weights(self.request.weights)
        registered = self.registry.points_at(self.request.backbone)
        check_nodes(
            self.resolved.backbone,
            [n for network in self.resolved.networks for n in network.points if n not in registered],
        )
        device = open_device(self.request.device)
        check_engine(self.request.engine, device)
        self.device = str(device)

    def _load_backbone(self) -> LoadedBackbone:
        from lnkit.networks.weights import load_backbone  # noqa: PLC0415 - torch, once names and data were found to be right

        return load_backbone(self.resolved.backbone, self.request.weights, self.request.seed, self.progress)

    def _find(self, facts: RunKey) -> FinishedRun | None:
        record = None if self.request.force else self.results.find(facts)
        if record is None or (self.request.keep_images and not record.has_images):
            return None
        return FinishedRun(record, self.results.path / record.id, found=True)

    def _groups(self, missing: Networks) -> list[Networks]:
        """Which loss networks are run together: all, if the benchmark only measures; else one at a time."""
        if not self.resolved.benchmark.trains and missing:
            return [missing]
        return [(network,) for network in missing]

    def _measure(
        self, group: Networks, facts: Mapping[LossNetworkId, RunKey], data: BenchmarkData, loaded: LoadedBackbone
    ) -> dict[LossNetworkId, FinishedRun]:
        parts = self._parts([facts[network] for network in group])
        if not self.resolved.benchmark.trains:
            return self._carry_out(group, facts, data, loaded, parts)
        (network,) = group
        with locked(parts.path, f"running {self.request.bench} on {network}", self.progress):
            if found := self._find(facts[network]):
                return {network: found}  # by the process that had the lock
            self._take_up_finished(facts[network], parts)
            return self._carry_out(group, facts, data, loaded, parts)

    def _carry_out(
        self,
        group: Networks,
        facts: Mapping[LossNetworkId, RunKey],
        data: BenchmarkData,
        loaded: LoadedBackbone,
        parts: FolderPartStore,
    ) -> dict[LossNetworkId, FinishedRun]:
        outcomes = self.resolved.benchmark.run(self._context(group, parts, loaded, facts[group[0]]), data)
        attributes = self._attributes(group)
        finished = {}
        for network in group:
            outcome = self._with_notes(outcomes[network])
            record = make_record(self.resolved, facts[network], outcome, data, loaded, self._environment())
            record = dataclasses.replace(record, attributes=attributes[network])
            replace = self.request.force or self.request.keep_images
            folder = self.results.write(record, outcome.arrays, outcome.files, replace=replace)
            finished[network] = FinishedRun(record, folder, found=False)
        parts.clear()
        return finished

    def _attributes(self, group: Networks) -> dict[LossNetworkId, Mapping[str, float | None]]:
        """What the loss networks are like, beside what they score."""
        from lnkit.networks.attributes import attributes_of  # noqa: PLC0415 - torch, after a network was loaded

        points = {network: self.registry.points_of(network) for network in group}
        return attributes_of(self.resolved.backbone, points)

    def _with_notes(self, outcome: Outcome) -> Outcome:
        """What the training loop noted belongs into the record, whatever the benchmark did with it."""
        notes = self.trainer.notes if self.trainer else ()
        return dataclasses.replace(outcome, notes=tuple(dict.fromkeys((*outcome.notes, *notes))))

    def _take_up_finished(self, facts: RunKey, parts: FolderPartStore) -> None:
        """Before a run that is only to keep its images: bring back what it had trained, so that it is not again."""
        record = None if self.request.force else self.results.find(facts)
        if record is not None:
            from lnkit.training.trainer import restore_trainings  # noqa: PLC0415 - torch

            restore_trainings(self.results.path / record.id, record.files, parts.path)

    def _parts(self, facts: Iterable[RunKey]) -> FolderPartStore:
        """The place for finished parts of this very group of runs; emptied when the user wants everything anew."""
        digest = hashlib.sha256("".join(sorted(one.digest() for one in facts)).encode()).hexdigest()[:16]
        parts = FolderPartStore(self.results.path / PARTS_FOLDER / digest)
        if self.request.force:
            parts.clear()
        return parts

    def _environment(self) -> RunEnvironment:
        """How it went; no device and no engine where every part had been kept."""
        used = self.comparers[-1] if self.comparers else self.trainer
        device, engine = (str(used.device), used.engine) if used else ("none", "none")
        return RunEnvironment(device, engine, time.monotonic() - self.started)

    def _context(
        self,
        networks: Networks,
        parts: FolderPartStore,
        loaded: LoadedBackbone | None = None,
        facts: RunKey | None = None,
    ) -> RunContext:
        def comparer(what: DistanceConfig | Sequence[DistanceAt], expected_items: int) -> ImageComparer:
            measures = self._by_each(networks, what) if isinstance(what, DistanceConfig) else what
            return self._comparer(networks, self._once_loaded(loaded), measures, expected_items)

        def loss_network() -> LossNetwork:
            return self._cut(self._once_loaded(loaded), self._layers(networks)).to(self.device)

        trainer: Trainer | _NoTrainer = _NoTrainer(self.request.bench)
        if loaded and facts and self.resolved.benchmark.trains:
            trainer = self._trainer(networks, loaded, parts, facts)
        return RunContext(
            protocol=self.resolved.protocol,
            networks=networks,
            data=self.request.data,
            cache=cache_dir(),
            sample=self.request.sample,
            seed=self.request.seed,
            progress=self.progress,
            store=parts,
            comparer=comparer,
            backbone=self.resolved.backbone,
            layers=self.registry.points_of,
            loss_network=loss_network,
            feature_loss=trainer.feature_loss,
            train=trainer.train,
            folder=parts.path,
            device=self.device,
            batch_size=self.request.batch_size,
            keep_images=self.request.keep_images,
        )

    def _once_loaded(self, loaded: LoadedBackbone | None) -> LoadedBackbone:
        if loaded is None:
            raise PluginError(f"Benchmark {self.request.bench!r} asked for a network while opening its data.")
        return loaded

    def _trainer(self, networks: Networks, loaded: LoadedBackbone, parts: FolderPartStore, facts: RunKey) -> Trainer:
        """What trains with the loss network of this run."""
        from lnkit.training.trainer import Trainer  # noqa: PLC0415 - torch

        points = self.registry.points_of(networks[0])
        self.trainer = Trainer(
            lambda: self._cut(loaded, points),
            device=self.request.device,
            precision=self.request.precision,
            folder=parts.path,
            facts=dataclasses.asdict(facts),
            progress=self.progress,
        )
        return self.trainer

    def _cut(self, loaded: LoadedBackbone, points: Sequence[ExtractionPoint]) -> LossNetwork:
        from lnkit.networks.load import cut  # noqa: PLC0415 - torch

        normalization = getattr(self.resolved.protocol, "normalization", "backbone")
        transform_input = getattr(self.resolved.protocol, "transform_input", True)
        return cut(loaded, self.resolved.backbone, points, normalization, transform_input)

    def _layers(self, networks: Networks) -> tuple[ExtractionPoint, ...]:
        """All points of these loss networks, joined ones taken apart, each once."""
        return tuple({point.name: point for network in networks for point in self.registry.points_of(network)}.values())

    def _by_each(self, networks: Networks, distance: DistanceConfig) -> list[DistanceAt]:
        """One distance, measured by each loss network."""
        layers = [tuple(point.name for point in self.registry.points_of(network)) for network in networks]
        return [DistanceAt(names, distance) for names in layers]

    def _comparer(
        self, networks: Networks, loaded: LoadedBackbone, measures: Sequence[DistanceAt], expected_items: int
    ) -> ImageComparer:
        """What compares images for these loss networks: one network, cut at all of their points."""
        from lnkit.distances.comparer import ImageComparer  # noqa: PLC0415 - torch

        comparer = ImageComparer(
            self._cut(loaded, self._layers(networks)),
            [measure.layers for measure in measures],
            [measure.distance for measure in measures],
            device=self.request.device,
            precision=self.request.precision,
            engine=self.request.engine,
            batch_size=self.request.batch_size,
            expected_items=expected_items,
            lookup=self.registry.distance,
        )
        self.comparers.append(comparer)
        return comparer


class _NoTrainer:
    """Stands where a Trainer would be, for what may not train."""

    def __init__(self, bench: str) -> None:
        self._bench = bench

    def feature_loss(self, distance: DistanceConfig) -> NoReturn:
        self._refuse()

    def train(self, task: TrainingTask, settings: TrainingSettings) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise PluginError(
            f"Benchmark {self._bench!r} wants to train, but is registered as one that only measures, or is still "
            "opening its data: it takes trains=True in its BenchmarkSpec, and training belongs into run."
        )
