"""Scores computed again from what a run kept, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit.benchmark import Arrays
from lnkit.errors import DataError, UsageError
from lnkit.results.records import RunRecord
from lnkit.specs import load_object

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry


def rescore(record: RunRecord, arrays: Arrays, registry: Registry) -> dict[str, float]:
    """The scores of ``record`` as its benchmark computes them now from the kept ``arrays``.

    Raises:
        UsageError: the benchmark cannot score kept arrays, or has another version than the record.
        DataError: the arrays are not what the benchmark keeps.
    """
    facts = record.key
    benchmark = registry.benchmark(facts.benchmark)
    if benchmark.rescore is None:
        raise UsageError(
            f"Benchmark {benchmark.name!r} cannot compute scores from kept arrays; run it again with --force."
        )
    if benchmark.version != facts.benchmark_version:
        raise UsageError(
            f"The result was made by version {facts.benchmark_version} of {benchmark.name!r}, and version "
            f"{benchmark.version} is installed; run it again."
        )
    protocol = type(benchmark.protocols[facts.variant])(**facts.protocol)
    try:
        outcome = load_object(benchmark.rescore)(arrays, protocol, facts.seed)
    except (KeyError, ValueError, IndexError) as error:
        raise DataError(
            f"{record.id}: the kept distances do not have the form that {benchmark.name!r} gives them; "
            "run the same command again with --force."
        ) from error
    return {name: score.value for name, score in outcome.scores.items()}
