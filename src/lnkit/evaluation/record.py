"""The record of a finished run: its key, its scores and its environment."""

from __future__ import annotations

import hashlib
import logging
import platform
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit import protocols
from lnkit.benchmark import BenchmarkData, Outcome, Score, ScoreSpec
from lnkit.evaluation.promises import variation_notes
from lnkit.evaluation.request import ResolvedRequest
from lnkit.plugins.outcome_check import declaration_of
from lnkit.plugins.registry import USER_CODE
from lnkit.results.record_files import ARRAYS_FILES
from lnkit.results.records import RunKey, RunRecord, ScoreRecord
from lnkit.results.signature import score_signature
from lnkit.specs import LossNetworkId

if TYPE_CHECKING:
    from lnkit.networks.weights import LoadedBackbone
    from lnkit.plugins.isolation import Plugin


logger = logging.getLogger("lnkit")

MOST_NAMED = 6  # scores in one note: 12 of `superres` have few items, and more than 70 of `tid2013`

PACKAGES = ("lnkit", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-image", "onnxruntime")


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """Where a run took place and how long it took; none of it changes a score."""

    device: str  # "cpu"
    engine: str  # "inductor"
    seconds: float


def run_key(
    resolved: ResolvedRequest,
    network: LossNetworkId,
    data: BenchmarkData,
    loaded: LoadedBackbone,
    suppliers: Mapping[str, str],
) -> RunKey:
    """Collect everything that the scores of ``network`` depend on.

    Args:
        resolved: the request of the run.
        network: one of its loss networks.
        data: opened data.
        loaded: the backbone with its weights.
        suppliers: as :func:`identify_suppliers` gives them.
    """
    request, protocol = resolved.request, resolved.protocol
    files, fields = _weight_files(protocol), protocols.as_dict(protocol)
    return RunKey(
        benchmark=resolved.benchmark.name,
        benchmark_version=resolved.benchmark.version,
        variant=request.variant,
        protocol=fields | {name: Path(fields[name]).name for name in files},  # paths say nothing
        backbone=network.backbone,
        points=dict(resolved.nodes[network]),
        weights_sha256=loaded.sha256,
        data=dict(data.fingerprints),
        seed=request.seed,
        precision=request.precision,
        plugins=suppliers,
        input={
            "mean": list(resolved.backbone.mean),
            "std": list(resolved.backbone.std),
            "size": resolved.backbone.input_rule,
            **_layouts(resolved, network),
        },
        extra={name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()},
    )


def identify_suppliers(resolved: ResolvedRequest, loaded: LoadedBackbone, unknown: str = "") -> dict[str, str]:
    """Name the plugins of a run with their versions: ``lnkit 0.1.0``; user code with the hash of its network instead.

    Args:
        resolved: the request of the run.
        loaded: the backbone with its weights.
        unknown: instead of the hash of a network that cannot be known by value; by default another text each time, so
            that no run of unknown code is mistaken for a finished one. A warning says why.
    """
    unknown = unknown or uuid.uuid4().hex[:8]
    return {role: _supplier(plugin, loaded, unknown) for role, plugin in resolved.suppliers.items()}


def _supplier(plugin: Plugin, loaded: LoadedBackbone, unknown: str) -> str:
    if plugin is not USER_CODE:
        return f"{plugin.distribution} {plugin.version}"
    from lnkit.networks.fingerprint import NotKnown, fingerprint  # noqa: PLC0415 - torch, after a network was loaded

    try:
        return f"{plugin.distribution} {fingerprint(loaded.module)}"
    except NotKnown as reason:
        _warn_once(f"Results of this network are not found again, because {reason}.", unknown)
        return f"{plugin.distribution} unknown-{unknown}"


@cache  # several seeds are several runs of one network
def _warn_once(sentence: str, _unknown: str) -> None:
    logger.warning(sentence)


def _layouts(resolved: ResolvedRequest, network: LossNetworkId) -> dict[str, dict[str, str]]:
    """Return how outputs are read at points of user code; those of plugins are identified by the plugin's version."""
    if resolved.suppliers["backbone"] is not USER_CODE:
        return {}
    layouts = {point.node: f"{point.layout} {point.prefix_tokens}" for point in resolved.layers[network]}
    unusual = {node: layout for node, layout in layouts.items() if layout not in ("NCHW 0", "auto 0")}
    return {"layouts": unusual} if unusual else {}


def make_record(
    resolved: ResolvedRequest,
    key: RunKey,
    outcome: Outcome,
    data: BenchmarkData,
    loaded: LoadedBackbone,
    environment: RunEnvironment,
    attributes: Mapping[str, float | None],
) -> RunRecord:
    """Make the record of one loss network's run.

    Args:
        resolved: the request of the run.
        key: of the run.
        outcome: scores and files, as the benchmark returned them.
        data: opened data; their notes belong into the record.
        loaded: the backbone with its weights.
        environment: device, engine and duration.
        attributes: of the loss network; see lnkit.networks.attributes.
    """
    return RunRecord(
        key=key,
        scores={name: _score(resolved, key, loaded, name, score) for name, score in outcome.scores.items()},
        weights=loaded.weights,
        weights_source=loaded.source,
        family=resolved.backbone.family,
        own_distance=resolved.own_distance,
        sample=resolved.request.sample,
        deviations=_deviations(resolved),
        notes=tuple(dict.fromkeys((*data.notes, *outcome.notes, *few_items(outcome.scores), *variation_notes(key)))),
        environment=describe_environment(environment.device, environment.engine),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(environment.seconds, 3),
        files=(*([ARRAYS_FILES[int(resolved.benchmark.trains)]] if outcome.arrays else []), *outcome.files),
        collapsed=outcome.collapsed,
        attributes=attributes,
        trained=resolved.benchmark.trains,
    )


def few_items(scores: Mapping[str, Score]) -> tuple[str, ...]:
    """Return a note that names the scores whose intervals come from too few items to be trusted, if there are any."""
    from lnkit.stats.intervals import FEWEST_ITEMS  # noqa: PLC0415 - scipy

    cases = {name: score.cases or score.n for name, score in scores.items() if score.interval}
    few = [f"{name} ({number})" for name, number in cases.items() if number < FEWEST_ITEMS]
    if not few:
        return ()
    more = f" and {len(few) - MOST_NAMED} more" if len(few) > MOST_NAMED else ""
    return (
        f"few items: 95 % intervals of fewer than {FEWEST_ITEMS} independent items may miss in more than 5 % of the "
        f"cases: {', '.join(few[:MOST_NAMED])}{more}",
    )


def _score(resolved: ResolvedRequest, key: RunKey, loaded: LoadedBackbone, name: str, score: Score) -> ScoreRecord:
    spec = declaration_of(resolved.benchmark, name)
    assert spec is not None, "checked when the benchmark returned it"
    aggregation, trained = score.aggregation or spec.aggregation, resolved.benchmark.trains
    phrase = protocols.phrase(resolved.protocol)
    return ScoreRecord(
        value=score.value,
        unit=spec.unit,
        higher_is_better=spec.higher_is_better,
        primary=spec.primary,
        aggregation=aggregation,
        signature=score_signature(name, aggregation, key, loaded.weights, phrase, trained=trained),
        n=score.n,
        interval=_within(score.interval, spec),
        ceilings=dict(score.ceilings),
        baselines=dict(score.baselines),
        bounds=(spec.lower, spec.upper) if isfinite(spec.lower) and isfinite(spec.upper) else None,
    )


def _within(interval: tuple[float, float] | None, spec: ScoreSpec) -> tuple[float, float] | None:
    """Leave out what the score cannot be: of few tiles, more than 100 percent."""
    return interval and (max(spec.lower, interval[0]), min(spec.upper, interval[1]))


def _deviations(resolved: ResolvedRequest) -> tuple[str, ...]:
    """List where the user changed the variant. A backbone's own distance is no deviation."""
    phrases = protocols.deviations(resolved.benchmark, resolved.request.variant, resolved.protocol)
    return tuple(phrase for phrase in phrases if not (resolved.own_distance and phrase.startswith("distance is ")))


def _weight_files(protocol: Any) -> dict[str, Path]:
    """Return the files that protocol fields called ``..._weights`` name."""
    from lnkit.networks.weight_readings import split_label  # noqa: PLC0415 - torch

    values = {name: value for name, value in protocols.as_dict(protocol).items() if name.endswith("_weights") and value}
    files = {name: split_label(value)[0] for name, value in values.items()}
    return {name: file for name, file in files.items() if file.is_file()}


def describe_environment(device: str, engine: str) -> dict[str, str]:
    """List versions, device, engine and threads, on which rounding depends; packages that are missing are left out."""
    facts = {"python": platform.python_version(), "system": platform.platform(), "device": device, "engine": engine}
    if torch := sys.modules.get("torch"):  # imported by every run
        facts["threads"] = str(torch.get_num_threads())
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            facts[package] = version(package)
    return facts
