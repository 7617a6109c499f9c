"""Suites: each benchmark whose data are there becomes a request of its own, and their records become one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lnkit.data.cache import cache_dir
from lnkit.data.fetch.dataset_download import announced_size
from lnkit.data.fetch.datasets import dataset_state
from lnkit.data.storage import human_size
from lnkit.errors import DataError, UsageError, did_you_mean, near_names
from lnkit.evaluation.request import RunRequest, require_data_folder
from lnkit.specs import SuiteSpec

if TYPE_CHECKING:
    from lnkit.benchmark import BenchmarkSpec
    from lnkit.plugins.registry import Registry
    from lnkit.results.records import RunRecord


@dataclass(frozen=True, slots=True)
class SuitePlan:
    """What a request for a suite comes to."""

    suite: SuiteSpec
    requests: tuple[RunRequest, ...]  # one for each benchmark that can run
    left_out: Mapping[str, str]  # benchmark -> why, and what to do: "`lnkit data fetch csiq` (379 MB)"


@dataclass(frozen=True, slots=True)
class SuiteTable:
    """The score of a suite, by loss network and benchmark."""

    sets: tuple[str, ...]  # benchmarks with a record, in the order of the suite
    values: Mapping[str, Mapping[str, float]]  # loss network -> benchmark -> score
    means: Mapping[str, float]  # loss network -> mean over all sets, for those with a score on each


def plan_suite(request: RunRequest, registry: Registry) -> SuitePlan | None:
    """Return what a request for a suite comes to; None for a request for one benchmark.

    Raises:
        UsageError: No benchmark of the suite has the protocol variant, or ``data`` is no folder.
        DataError: No benchmark of the suite has data here, or two folders are of one benchmark.
    """
    if (suite := registry.suites.get(request.bench)) is None:
        return None
    require_data_folder(request.data)
    requests, left_out = [], {}
    for name in suite.benchmarks:
        member = _in_folder(replace(request, bench=name), suite)
        reason = _why_not(registry.benchmarks.get(name), suite, member)
        if reason:
            left_out[name] = reason
        else:
            requests.append(member)
    if not requests:
        raise _nothing_to_run(request, suite, registry, left_out)
    return SuitePlan(suite, tuple(requests), left_out)


def member_request(request: RunRequest, registry: Registry) -> RunRequest:
    """Return a request for ``iqa/csiq`` as one for ``csiq``, on its folder in ``data`` if it has one there.

    Raises:
        UnknownNameError: The suite has no such benchmark.
        DataError: Two folders are of this benchmark.
    """
    suite, _, name = request.bench.partition("/")
    if request.bench in registry.benchmarks or suite not in registry.suites:
        return request
    registry.benchmark(request.bench)  # refuses one that is unknown
    member = replace(request, bench=name)
    require_data_folder(request.data)
    found = _in_folder(member, registry.suites[suite])
    return found if found.data else member


def suite_table(suite: SuiteSpec, records: Sequence[RunRecord]) -> SuiteTable:
    """Gather the score of a suite from records of its benchmarks."""
    values: dict[str, dict[str, float]] = {}
    for record in records:
        of_network = values.setdefault(record.loss_network, {})
        if score := record.scores.get(suite.score):
            of_network[record.key.benchmark] = score.value
    run = {record.key.benchmark for record in records}
    sets = tuple(name for name in suite.benchmarks if name in run)
    means = {
        network: sum(scores.values()) / len(sets) for network, scores in values.items() if len(scores) == len(sets)
    }
    return SuiteTable(sets, values, means)


def _in_folder(request: RunRequest, suite: SuiteSpec) -> RunRequest:
    """Return the request with the folder of its benchmark in ``data``; without data if there is none."""
    if request.data is None:
        return request
    names = {name.casefold() for name in (request.bench, *suite.folders.get(request.bench, ()))}
    try:
        found = sorted(path for path in request.data.iterdir() if path.name.casefold() in names and path.is_dir())
    except OSError as error:
        raise DataError(f"Cannot read the folder {request.data} ({error.strerror}). Check its permissions.") from error
    if len(found) > 1:
        raise DataError(
            f"Expected one folder with the data of {request.bench} in {request.data}, got "
            f"{' and '.join(path.name for path in found)}. Remove or rename the others."
        )
    return replace(request, data=found[0] if found else None)


def _why_not(benchmark: BenchmarkSpec | None, suite: SuiteSpec, request: RunRequest) -> str:
    """Return why a benchmark of a suite cannot run, and what to do; "" if it can."""
    if benchmark is None:
        return "no installed plugin provides this benchmark"
    if request.variant and request.variant not in benchmark.protocols:
        return f"has no protocol {request.variant}; it has {', '.join(benchmark.protocols)}"
    if suite.score not in (score.name for score in benchmark.scores):
        return f"has no score {suite.score}"
    if request.sample or request.data or is_cached(benchmark):
        return ""
    return _how_to_get(benchmark, suite)


def is_cached(benchmark: BenchmarkSpec) -> bool:
    """Return whether the cache has one of the benchmark's datasets; several are sources of the same data."""
    states = (dataset_state(spec, cache_dir()).state for spec in benchmark.datasets)
    return any(state not in ("missing", "begun") for state in states)


def _how_to_get(benchmark: BenchmarkSpec, suite: SuiteSpec) -> str:
    folder = (*suite.folders.get(benchmark.name, ()), benchmark.name)[0]
    for spec in benchmark.datasets:
        if spec.files or spec.list_files:
            size = announced_size(spec)
            return f"`lnkit data fetch {spec.name}`" + (f" ({human_size(size)})" if size else "")
    homepage = next((spec.homepage for spec in benchmark.datasets if spec.homepage), "")
    return (f"from {homepage}, " if homepage else "") + f"as {folder} in --data DIR"


def _nothing_to_run(
    request: RunRequest, suite: SuiteSpec, registry: Registry, left_out: Mapping[str, str]
) -> DataError | UsageError:
    installed = [registry.benchmarks[name] for name in suite.benchmarks if name in registry.benchmarks]
    variants = list(dict.fromkeys(variant for benchmark in installed for variant in benchmark.protocols))
    if request.variant and request.variant not in variants and installed:
        near = did_you_mean(near_names(request.variant, variants))
        return UsageError(
            f"No benchmark of the suite {suite.name!r} has a protocol {request.variant!r}; they have: "
            f"{', '.join(variants)}.{near}"
        )
    where = f"in {request.data} or in the cache" if request.data else "in the cache"
    return DataError(
        f"Expected the data of one or more benchmarks of the suite {suite.name!r} {where}, got none. "
        f"{_listed(left_out.items())}. Or run on the built-in samples with --sample."
    )


def _listed(reasons: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in reasons)
