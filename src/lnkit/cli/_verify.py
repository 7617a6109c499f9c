"""`lnkit data verify`: files compared with their checksums, and readers with published values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit.benchmark import BenchmarkSpec, ReaderCheck
from lnkit.cli._output import echo, note
from lnkit.data.fetch.checksums import compare_inventory
from lnkit.errors import DataError
from lnkit.progress import Progress

if TYPE_CHECKING:
    from lnkit.data.fetch.datasets import DatasetState
    from lnkit.datasets.opinions import OpinionSet
    from lnkit.plugins.benchmark_code import BenchmarkCode

MAX_NAMES = 5  # of damaged files in an error; --json lists all


def compare_files(name: str, state: DatasetState, progress: Progress, as_json: bool) -> dict[str, Any]:
    """Compare the files of a dataset in the cache with its checksums; print the result unless it is for JSON.

    Raises:
        DataError: Files differ, and the result is not for JSON.
    """
    comparison = compare_inventory(state.folder, progress)
    if as_json:
        facts = {"name": name, "folder": state.folder, "partial": state.missing, "intact": comparison.intact}
        return facts | asdict(comparison)
    if not comparison.intact:
        faults = {"missing": comparison.missing, "changed": comparison.changed, "not listed": comparison.extra}
        changes = "; ".join(f"{len(names):,} {kind}: {_some(names)}" for kind, names in faults.items() if names)
        raise DataError(f"{state.folder} has changed: {changes}. Import or fetch it again.")
    echo(f"{name}: {'the' if state.missing else 'all'} {comparison.files:,} files are unchanged.")
    return {}


def check_readers(
    benchmarks: Sequence[BenchmarkSpec], folder: Path, progress: Progress, as_json: bool
) -> list[dict[str, Any]]:
    """Compute the published values of the data in a folder; print the results unless they are for JSON.

    Raises:
        DataError: The data cannot be read; or a value is another one, and the results are not for JSON.
    """
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - plugins
    from lnkit.datasets.reader_check import check_reader, squared_differences  # noqa: PLC0415 - scipy, and only where there is a check
    from lnkit.plugins.benchmark_code import BenchmarkCode  # noqa: PLC0415

    results = []
    for benchmark in benchmarks:
        code = BenchmarkCode(benchmark, open_registry().provider("benchmark", benchmark.name))
        parts = _read_parts(code, folder)
        differences = squared_differences((opinion for _, part in parts for opinion in part.opinions), progress)
        for check, opinions in parts:
            result = check_reader(check, opinions, differences)
            results.append(result)
            if not as_json and (result.right or result.partial):
                echo(f"{benchmark.name}, {result.sentence()}.")
            elif not as_json:
                raise DataError(f"{benchmark.name}, {result.sentence()}. Compare {folder} with the published layout.")
    return [
        {
            "part": result.check.part,
            "expected": result.check.expected,
            "value": result.value,
            "images": result.images,
            "partial": result.partial,
            "right": result.right,
            "source": result.check.source,
        }
        for result in results
    ]


def _read_parts(code: BenchmarkCode, folder: Path) -> list[tuple[ReaderCheck, OpinionSet]]:
    """Read the opinions of each check; note parts that cannot be read, since a folder may hold one part alone.

    Raises:
        DataError: None can be read.
    """
    parts = []
    failed = None
    for check in code.spec.checks:
        try:
            parts.append((check, code.read_opinions(check, folder)))
        except DataError as error:
            failed = failed or error
            if len(code.spec.checks) > 1:
                note(f"{code.spec.name}, {check.part}: not checked. {error}")
    if failed and not parts:
        raise failed
    return parts


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")
