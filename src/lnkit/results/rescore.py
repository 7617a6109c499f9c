"""Compute scores again from the stored arrays of a run, without a network."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from lnkit.benchmark import Arrays, BenchmarkSpec
from lnkit.errors import DataError, PluginError, UsageError
from lnkit.plugins.benchmark_code import BenchmarkCode
from lnkit.plugins.registry import USER_CODE
from lnkit.results.records import RunRecord

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry


def benchmark_to_rescore(record: RunRecord, registry: Registry) -> BenchmarkSpec:
    """Return the benchmark of a run, which can score the arrays that the run stored.

    Raises:
        UsageError: the benchmark cannot score stored arrays, or has another version than the record, or the record is a
            mean over seeds.
    """
    key = record.key
    if record.runs:
        raise UsageError(f"{record.id} is a mean over seeds; name one of its runs: {', '.join(record.runs)}.")
    benchmark = registry.benchmark(key.benchmark)
    if benchmark.rescore is None:
        raise UsageError(
            f"Benchmark {benchmark.name!r} cannot compute scores from stored arrays: it has no 'rescore'. "
            f"See the stored scores with 'lnkit results show {record.id}'."
        )
    if benchmark.version != key.benchmark_version:
        raise UsageError(
            f"Expected a result of version {benchmark.version} of {benchmark.name!r}, which is installed, got one of "
            f"version {key.benchmark_version}; run the benchmark again."
        )
    return benchmark


class Rescorer:
    """Scores arrays as the benchmark of a run does."""

    def __init__(self, record: RunRecord, registry: Registry) -> None:
        """Look up the benchmark.

        Args:
            record: of the run.
            registry: knows the benchmark.

        Raises:
            UsageError: see :func:`benchmark_to_rescore`.
        """
        key = record.key
        benchmark = benchmark_to_rescore(record, registry)
        assert key.seed is not None, "a mean was refused there"
        self._record, self._seed, self._checked = record, key.seed, False
        self._protocol = type(benchmark.protocols[key.variant])(**key.protocol)
        self._code = BenchmarkCode(benchmark, registry.providers.get(("benchmark", benchmark.name), USER_CODE))

    def open(self) -> AbstractContextManager[None]:
        """Restore process state after any number of calls inside."""
        return self._code.rescoring()

    def __call__(self, arrays: Arrays) -> dict[str, float]:
        """Return the scores of arrays, inside :meth:`open`.

        Raises:
            DataError: the arrays do not have the form that the benchmark stores.
            PluginError: the benchmark fails.
        """
        try:
            scores = self._code.rescore(arrays, self._protocol, self._seed, check=not self._checked)
        except PluginError as error:
            if not isinstance(error.__cause__, KeyError | ValueError | IndexError):
                raise
            raise DataError(
                f"{self._record.id}: the stored arrays do not have the form that {self._record.key.benchmark!r} gives "
                "them; run the same command again with --force."
            ) from error
        self._checked = True
        return scores


def rescore(record: RunRecord, arrays: Arrays, registry: Registry) -> dict[str, float]:
    """Return the scores of a run, computed again from its stored arrays.

    Args:
        record: of the run.
        arrays: stored beside it, see :meth:`lnkit.results.folder.ResultsFolder.arrays`.
        registry: knows the benchmark.

    Raises:
        UsageError: see :func:`benchmark_to_rescore`.
        DataError: the arrays do not have the form that the benchmark stores.
        PluginError: the benchmark fails.
    """
    rescorer = Rescorer(record, registry)
    with rescorer.open():
        return rescorer(arrays)
