"""From names to records: resolve, open the data, load and cut the network, run the benchmark, keep what it found."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit import protocols
from lnkit.context import RunContext
from lnkit.data.cache import cache_dir
from lnkit.environment import describe_environment
from lnkit.errors import PluginError
from lnkit.progress import Progress, SilentProgress
from lnkit.records import Determinants, RunRecord, ScoreRecord
from lnkit.registry import default_registry
from lnkit.results import PARTS_FOLDER, FolderParts, ResultsFolder, results_dir
from lnkit.signature import score_signature
from lnkit.specs import (
    BackboneSpec,
    BenchmarkData,
    BenchmarkSpec,
    DistanceConfig,
    LossNetworkId,
    Outcome,
    Score,
    ScoreSpec,
)

if TYPE_CHECKING:
    from lnkit.comparing import ImageComparer
    from lnkit.registry import Registry
    from lnkit.weights import LoadedBackbone


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a user asks for."""

    backbone: str  # "squeezenet1_1"
    points: str = "all"  # "mid", "all", "early+mid", "early,late", a node path
    bench: str = "bapps"
    variant: str = "paper"
    overrides: Mapping[str, str] = field(default_factory=dict)  # protocol field -> value as text
    weights: str = "pretrained"  # or "random", or a file
    seed: int = 0
    data: Path | None = None  # None: the cache
    sample: bool = False
    results: Path | None = None  # None: LNKIT_RESULTS, or ./results
    force: bool = False  # run again what was already run
    device: str = "auto"  # "cuda", "mps", "cpu"
    precision: str = "fp32"  # or "bf16"
    engine: str = "auto"
    batch_size: int | None = None  # None: whatever the engine does best with


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A record and where it lies."""

    record: RunRecord
    folder: Path
    found: bool  # it was there before


def evaluate(
    request: RunRequest, registry: Registry | None = None, progress: Progress | None = None
) -> list[FinishedRun]:
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
    return _Run(request, registry or default_registry(), progress or SilentProgress()).finish()


class _Run:
    """One request being carried out; each step needs what the step before it found."""

    def __init__(self, request: RunRequest, registry: Registry, progress: Progress) -> None:
        self.started = time.monotonic()
        self.request, self.registry, self.progress = request, registry, progress
        self.backbone: BackboneSpec = registry.backbone(request.backbone)
        self.benchmark: BenchmarkSpec = registry.benchmark(request.bench)
        self.protocol = protocols.choose_protocol(self.benchmark, request.variant, request.overrides, self.backbone)
        points = registry.resolve_points(request.backbone, request.points)
        self.networks = tuple(LossNetworkId(request.backbone, names) for names in points)
        self.results = ResultsFolder(results_dir(request.results))
        self.comparers: list[ImageComparer] = []

    def finish(self) -> list[FinishedRun]:
        """Do what is missing and return all runs in the order in which they were asked for."""
        data = self.benchmark.open_data(self._context(self.networks, FolderParts(self.results.path)))
        loaded = self._load_backbone()
        facts = {network: self._determinants(network, data, loaded) for network in self.networks}
        done = {network: run for network in self.networks if (run := self._find(facts[network]))}
        missing = tuple(network for network in self.networks if network not in done)
        groups = [missing] if self.benchmark.measures_only and missing else [(network,) for network in missing]
        for group in groups:
            done |= self._measure(group, facts, data, loaded)
        return [done[network] for network in self.networks]

    def _load_backbone(self) -> LoadedBackbone:
        from lnkit.weights import load_backbone  # noqa: PLC0415 - torch, after names and data were found to be right

        return load_backbone(self.backbone, self.request.weights, self.request.seed, self.progress)

    def _find(self, facts: Determinants) -> FinishedRun | None:
        if self.request.force:
            return None
        record = self.results.find(facts)
        return FinishedRun(record, self.results.path / record.id, found=True) if record else None

    def _measure(
        self,
        group: tuple[LossNetworkId, ...],
        facts: Mapping[LossNetworkId, Determinants],
        data: BenchmarkData,
        loaded: LoadedBackbone,
    ) -> dict[LossNetworkId, FinishedRun]:
        parts = self._parts([facts[network] for network in group])
        context = self._context(group, parts, loaded)
        outcomes = self.benchmark.run(context, data)
        finished = {}
        for network in group:
            record = self._record(facts[network], outcomes[network], data, loaded)
            folder = self.results.write(record, outcomes[network].arrays, replace=self.request.force)
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

    def _context(
        self, networks: tuple[LossNetworkId, ...], parts: FolderParts, loaded: LoadedBackbone | None = None
    ) -> RunContext:
        def comparer(distance: DistanceConfig, expected_items: int) -> ImageComparer:
            if loaded is None:
                raise PluginError(f"Benchmark {self.benchmark.name!r} asked for a network while opening its data.")
            return self._comparer(networks, loaded, distance, expected_items)

        return RunContext(
            protocol=self.protocol,
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
        self, networks: tuple[LossNetworkId, ...], loaded: LoadedBackbone, distance: DistanceConfig, expected_items: int
    ) -> ImageComparer:
        from lnkit.comparing import ImageComparer  # noqa: PLC0415 - torch
        from lnkit.loading import cut  # noqa: PLC0415 - torch

        points = {network: self.registry.points_of(network) for network in networks}
        union = {point.name: point for group in points.values() for point in group}
        normalization = getattr(self.protocol, "normalization", "backbone")
        transform_input = getattr(self.protocol, "transform_input", True)
        comparer = ImageComparer(
            cut(loaded, self.backbone, tuple(union.values()), normalization, transform_input),
            [tuple(point.name for point in points[network]) for network in networks],
            distance,
            device=self.request.device,
            precision=self.request.precision,
            engine=self.request.engine,
            batch_size=self.request.batch_size,
            expected_items=expected_items,
        )
        self.comparers.append(comparer)
        return comparer

    def _determinants(self, network: LossNetworkId, data: BenchmarkData, loaded: LoadedBackbone) -> Determinants:
        return Determinants(
            benchmark=self.benchmark.name,
            benchmark_version=self.benchmark.version,
            variant=self.request.variant,
            protocol=_protocol_facts(self.protocol),
            backbone=network.backbone,
            points=_nodes(network, self.registry),
            weights_sha256=loaded.sha256,
            data=dict(data.fingerprints),
            seed=self.request.seed,
            precision=self.request.precision,
            plugins={
                kind: f"{plugin.distribution} {plugin.version}"
                for kind, name in (("backbone", network.backbone), ("benchmark", self.benchmark.name))
                if (plugin := self.registry.provider(kind, name))
            },
            extra=_file_hashes(self.protocol),
        )

    def _record(self, facts: Determinants, outcome: Outcome, data: BenchmarkData, loaded: LoadedBackbone) -> RunRecord:
        return RunRecord(
            determinants=facts,
            scores={name: self._score(name, score, facts, loaded) for name, score in outcome.scores.items()},
            weights=loaded.weights,
            weights_source=loaded.source,
            family=self.backbone.family,
            own_distance=bool(self.backbone.distance) and "distance" not in self.request.overrides,
            sample=self.request.sample,
            deviations=self._deviations(),
            notes=tuple(dict.fromkeys((*data.notes, *outcome.notes))),
            environment=describe_environment(**self._machinery()),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self.started, 3),
            files=tuple(sorted(outcome.arrays) and ("distances.npz",)),
        )

    def _deviations(self) -> tuple[str, ...]:
        """Where the user had it otherwise than the variant says; a backbone's own distance is none of it."""
        found = protocols.deviations(self.benchmark, self.request.variant, self.protocol)
        own = self.backbone.distance and "distance" not in self.request.overrides
        return tuple(phrase for phrase in found if not (own and phrase.startswith("distance is ")))

    def _machinery(self) -> dict[str, str]:
        """The device and the engine that did the work; none where every part had been kept."""
        used = self.comparers[-1] if self.comparers else None
        return {"device": str(used.device) if used else "none", "engine": used.engine if used else "none"}

    def _score(self, name: str, score: Score, facts: Determinants, loaded: LoadedBackbone) -> ScoreRecord:
        spec = declared_score(self.benchmark, name, score.value)
        aggregation = score.aggregation or spec.aggregation
        return ScoreRecord(
            value=score.value,
            unit=spec.unit,
            higher_is_better=spec.higher_is_better,
            primary=spec.primary,
            aggregation=aggregation,
            signature=score_signature(name, aggregation, facts, loaded.weights, protocols.phrase(self.protocol)),
            n=score.n,
            interval=score.interval,
            ceilings=dict(score.ceilings),
        )


def declared_score(benchmark: BenchmarkSpec, name: str, value: float) -> ScoreSpec:
    """The declaration behind a score that a benchmark returned.

    Raises:
        PluginError: the benchmark did not declare it, or the value is outside the declared bounds.
    """
    for spec in benchmark.scores:
        pattern = re.sub(r"<\w+>", ".+", re.escape(spec.name).replace(r"\<", "<").replace(r"\>", ">"))
        if re.fullmatch(pattern, name):
            if not isfinite(value) or not spec.lower <= value <= spec.upper:
                raise PluginError(
                    f"Benchmark {benchmark.name!r} returned {name} = {value}, outside [{spec.lower}, {spec.upper}]."
                )
            return spec
    raise PluginError(f"Benchmark {benchmark.name!r} returned a score {name!r} that it does not declare.")


def _nodes(network: LossNetworkId, registry: Registry) -> dict[str, str]:
    """Point -> node, as the user named the points."""
    registered = registry.points.get(network.backbone, {})
    return {name: registered[name].node if name in registered else name for name in network.points}


def _weight_files(protocol: Any) -> dict[str, Path]:
    """The files that fields called ``..._weights`` name."""
    values = {name: value for name, value in protocols.as_dict(protocol).items() if name.endswith("_weights") and value}
    return {name: Path(value) for name, value in values.items() if Path(value).is_file()}


def _file_hashes(protocol: Any) -> dict[str, str]:
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in _weight_files(protocol).items()}


def _protocol_facts(protocol: Any) -> dict[str, Any]:
    """The protocol's fields; of a file the name only, since its content is hashed and its path says nothing."""
    return protocols.as_dict(protocol) | {name: file.name for name, file in _weight_files(protocol).items()}
