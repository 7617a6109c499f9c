"""How a finished run becomes a record: what determined it, what it found, and where it took place."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit import protocols
from lnkit.benchmark import BenchmarkData, BenchmarkSpec, Outcome, Score, ScoreSpec
from lnkit.errors import PluginError
from lnkit.evaluation.request import Resolved
from lnkit.plugins.registry import USER_CODE
from lnkit.results.folder import ARRAYS_FILES
from lnkit.results.records import RunKey, RunRecord, ScoreRecord
from lnkit.results.signature import score_signature
from lnkit.specs import BackboneSpec, LossNetworkId

if TYPE_CHECKING:
    from lnkit.networks.weights import LoadedBackbone
    from lnkit.plugins.isolation import Plugin
    from lnkit.plugins.registry import Registry


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """How a run went; none of it changes a score."""

    device: str  # "cpu"
    engine: str  # "inductor"
    seconds: float


def run_key(
    resolved: Resolved, network: LossNetworkId, registry: Registry, data: BenchmarkData, loaded: LoadedBackbone
) -> RunKey:
    """Everything that the scores of ``network`` depend on."""
    request, protocol = resolved.request, resolved.protocol
    return RunKey(
        benchmark=resolved.benchmark.name,
        benchmark_version=resolved.benchmark.version,
        variant=request.variant,
        protocol=_protocol_facts(protocol),
        backbone=network.backbone,
        points=_nodes(network, registry),
        weights_sha256=loaded.sha256,
        data=dict(data.fingerprints),
        seed=request.seed,
        precision=request.precision,
        plugins={
            "backbone": _supplier(registry.provider("backbone", network.backbone), loaded),
            "benchmark": _supplier(registry.provider("benchmark", resolved.benchmark.name), loaded),
        },
        input=_input_facts(resolved.backbone),
        extra={name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in _weight_files(protocol).items()},
    )


def _supplier(plugin: Plugin, loaded: LoadedBackbone) -> str:
    """``lnkit 0.1.0``; own code has no version, so that what it computes with stands for it."""
    if plugin is not USER_CODE:
        return f"{plugin.distribution} {plugin.version}"
    from lnkit.networks.fingerprint import fingerprint  # noqa: PLC0415 - torch, after a network was loaded

    return f"{plugin.distribution} {fingerprint(loaded.module)}"


def _input_facts(backbone: BackboneSpec) -> dict[str, Any]:
    return {"mean": list(backbone.mean), "std": list(backbone.std), "size": backbone.input_rule}


def make_record(
    resolved: Resolved,
    facts: RunKey,
    outcome: Outcome,
    data: BenchmarkData,
    loaded: LoadedBackbone,
    environment: RunEnvironment,
) -> RunRecord:
    """The record of one loss network's run.

    Raises:
        PluginError: the benchmark returned a score that it does not declare, or one out of its bounds.
    """
    return RunRecord(
        key=facts,
        scores={name: _score(resolved, facts, loaded, name, score) for name, score in outcome.scores.items()},
        weights=loaded.weights,
        weights_source=loaded.source,
        family=resolved.backbone.family,
        own_distance=resolved.own_distance,
        sample=resolved.request.sample,
        deviations=_deviations(resolved),
        notes=tuple(dict.fromkeys((*data.notes, *outcome.notes))),
        environment=describe_environment(environment.device, environment.engine),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(environment.seconds, 3),
        files=_file_names(resolved.benchmark, outcome),
        collapsed=outcome.collapsed,
    )


def _file_names(benchmark: BenchmarkSpec, outcome: Outcome) -> tuple[str, ...]:
    measured, made = ARRAYS_FILES
    arrays = [measured if not benchmark.trains else made] if outcome.arrays else []
    return (*arrays, *outcome.files)


def declared_score(benchmark: BenchmarkSpec, name: str, value: float) -> ScoreSpec:
    """The declaration behind a score that a benchmark returned.

    Raises:
        PluginError: the benchmark did not declare it, or the value is outside the declared bounds.
    """
    spec = next((spec for spec in benchmark.scores if _means(spec.name, name)), None)
    if spec is None:
        raise PluginError(f"Benchmark {benchmark.name!r} returned a score {name!r} that it does not declare.")
    if not isfinite(value) or not spec.lower <= value <= spec.upper:
        raise PluginError(
            f"Benchmark {benchmark.name!r} returned {name} = {value}, outside its bounds [{spec.lower}, {spec.upper}]."
        )
    return spec


def _means(declared: str, name: str) -> bool:
    """Whether a declared name, ``<placeholders>`` and all, covers ``name``."""
    parts = re.split(r"<\w+>", declared)
    return re.fullmatch(".+".join(re.escape(part) for part in parts), name) is not None


def _score(resolved: Resolved, facts: RunKey, loaded: LoadedBackbone, name: str, score: Score) -> ScoreRecord:
    spec = declared_score(resolved.benchmark, name, score.value)
    aggregation = score.aggregation or spec.aggregation
    return ScoreRecord(
        value=score.value,
        unit=spec.unit,
        higher_is_better=spec.higher_is_better,
        primary=spec.primary,
        aggregation=aggregation,
        signature=score_signature(name, aggregation, facts, loaded.weights, protocols.phrase(resolved.protocol)),
        n=score.n,
        interval=score.interval,
        ceilings=dict(score.ceilings),
        baselines=dict(score.baselines),
    )


def _deviations(resolved: Resolved) -> tuple[str, ...]:
    """Where the user had it otherwise than the variant says; a backbone's own distance is none of it."""
    found = protocols.deviations(resolved.benchmark, resolved.request.variant, resolved.protocol)
    return tuple(phrase for phrase in found if not (resolved.own_distance and phrase.startswith("distance is ")))


def _nodes(network: LossNetworkId, registry: Registry) -> dict[str, str]:
    """Point -> node, as the user named the points."""
    registered = registry.points_at(network.backbone)
    return {name: registered[name].node if name in registered else name for name in network.points}


def _weight_files(protocol: Any) -> dict[str, Path]:
    """The files that fields called ``..._weights`` name."""
    values = {name: value for name, value in protocols.as_dict(protocol).items() if name.endswith("_weights") and value}
    return {name: Path(value) for name, value in values.items() if Path(value).is_file()}


def _protocol_facts(protocol: Any) -> Mapping[str, Any]:
    """The protocol's fields; of a file the name only, since its content is hashed and its path says nothing."""
    return protocols.as_dict(protocol) | {name: file.name for name, file in _weight_files(protocol).items()}


PACKAGES = ("lnkit", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-image", "onnxruntime")


def describe_environment(device: str, engine: str) -> dict[str, str]:
    """Versions, device, engine and threads, which decide how sums are rounded; what is not installed is left out."""
    facts = {"python": platform.python_version(), "system": platform.platform(), "device": device, "engine": engine}
    if torch := sys.modules.get("torch"):  # which is there after every run
        facts["threads"] = str(torch.get_num_threads())
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    return facts
