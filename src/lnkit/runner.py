"""From a request to records: open the data, load and cut the network, run the benchmark, keep what it found."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit.context import RunContext
from lnkit.data.cache import cache_dir
from lnkit.errors import PluginError
from lnkit.progress import Progress, SilentProgress
from lnkit.registry import default_registry
from lnkit.requests import Resolved, RunRequest, resolve
from lnkit.results.folder import PARTS_FOLDER, FolderParts, ResultsFolder, results_dir
from lnkit.results.recording import Circumstances, determinants, make_record
from lnkit.results.records import Determinants, RunRecord
from lnkit.specs import BenchmarkData, DistanceConfig, LossNetworkId

if TYPE_CHECKING:
    from lnkit.comparing.comparer import ImageComparer
    from lnkit.networks.weights import LoadedBackbone
    from lnkit.registry import Registry

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

    def finish(self) -> list[FinishedRun]:
        """Do what is missing, and return all runs in the order in which they were asked for."""
        self._check()
        networks = self.resolved.networks
        data = self.resolved.benchmark.open_data(self._context(networks, FolderParts(self.results.path)))
        loaded = self._load_backbone()
        facts = {network: determinants(self.resolved, network, self.registry, data, loaded) for network in networks}
        done = {network: run for network in networks if (run := self._find(facts[network]))}
        for group in self._groups(tuple(network for network in networks if network not in done)):
            done |= self._measure(group, facts, data, loaded)
        return [done[network] for network in networks]

    def _check(self) -> None:
        """Refuse what can be known to be wrong before data are fetched and packed."""
        from lnkit.comparing.comparer import open_device  # noqa: PLC0415 - torch, once all names were found to be right
        from lnkit.comparing.engines.choosing import check_engine  # noqa: PLC0415
        from lnkit.networks.loading import check_nodes  # noqa: PLC0415
        from lnkit.networks.weights import check_weights  # noqa: PLC0415

        check_weights(self.request.weights)
        registered = self.registry.points_at(self.request.backbone)
        check_nodes(
            self.resolved.backbone,
            [n for network in self.resolved.networks for n in network.points if n not in registered],
        )
        check_engine(self.request.engine, open_device(self.request.device))

    def _load_backbone(self) -> LoadedBackbone:
        from lnkit.networks.weights import load_backbone  # noqa: PLC0415 - torch, once names and data were found to be right

        return load_backbone(self.resolved.backbone, self.request.weights, self.request.seed, self.progress)

    def _find(self, facts: Determinants) -> FinishedRun | None:
        record = None if self.request.force else self.results.find(facts)
        return FinishedRun(record, self.results.path / record.id, found=True) if record else None

    def _groups(self, missing: Networks) -> list[Networks]:
        """Which loss networks are run together: all, if the benchmark only measures; else one at a time."""
        if self.resolved.benchmark.measures_only and missing:
            return [missing]
        return [(network,) for network in missing]

    def _measure(
        self, group: Networks, facts: Mapping[LossNetworkId, Determinants], data: BenchmarkData, loaded: LoadedBackbone
    ) -> dict[LossNetworkId, FinishedRun]:
        parts = self._parts([facts[network] for network in group])
        outcomes = self.resolved.benchmark.run(self._context(group, parts, loaded), data)
        finished = {}
        for network in group:
            outcome = outcomes[network]
            record = make_record(self.resolved, facts[network], outcome, data, loaded, self._circumstances())
            folder = self.results.write(record, outcome.arrays, replace=self.request.force)
            finished[network] = FinishedRun(record, folder, found=False)
        parts.clear()
        return finished

    def _parts(self, facts: Iterable[Determinants]) -> FolderParts:
        """The place for finished parts of this very group of runs; emptied when the user wants everything anew."""
        digest = hashlib.sha256("".join(sorted(one.digest() for one in facts)).encode()).hexdigest()[:16]
        parts = FolderParts(self.results.path / PARTS_FOLDER / digest)
        if self.request.force:
            parts.clear()
        return parts

    def _circumstances(self) -> Circumstances:
        """How it went; no device and no engine where every part had been kept."""
        used = self.comparers[-1] if self.comparers else None
        device, engine = (str(used.device), used.engine) if used else ("none", "none")
        return Circumstances(device, engine, time.monotonic() - self.started)

    def _context(self, networks: Networks, parts: FolderParts, loaded: LoadedBackbone | None = None) -> RunContext:
        def comparer(distance: DistanceConfig, expected_items: int) -> ImageComparer:
            if loaded is None:
                raise PluginError(f"Benchmark {self.request.bench!r} asked for a network while opening its data.")
            return self._comparer(networks, loaded, distance, expected_items)

        return RunContext(
            protocol=self.resolved.protocol,
            networks=networks,
            data=self.request.data,
            cache=cache_dir(),
            sample=self.request.sample,
            seed=self.request.seed,
            progress=self.progress,
            parts=parts,
            comparer=comparer,
        )

    def _comparer(
        self, networks: Networks, loaded: LoadedBackbone, distance: DistanceConfig, expected_items: int
    ) -> ImageComparer:
        """What compares images for these loss networks: one network, cut at all of their points."""
        from lnkit.comparing.comparer import ImageComparer  # noqa: PLC0415 - torch
        from lnkit.networks.loading import cut  # noqa: PLC0415 - torch

        points = [self.registry.points_of(network) for network in networks]
        union = {point.name: point for group in points for point in group}
        normalization = getattr(self.resolved.protocol, "normalization", "backbone")
        transform_input = getattr(self.resolved.protocol, "transform_input", True)
        comparer = ImageComparer(
            cut(loaded, self.resolved.backbone, tuple(union.values()), normalization, transform_input),
            [tuple(point.name for point in group) for group in points],
            distance,
            device=self.request.device,
            precision=self.request.precision,
            engine=self.request.engine,
            batch_size=self.request.batch_size,
            expected_items=expected_items,
            lookup=self.registry.distance,
        )
        self.comparers.append(comparer)
        return comparer
