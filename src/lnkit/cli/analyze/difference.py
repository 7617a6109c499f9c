"""`lnkit analyze difference`: test whether two runs differ by more than the choice of test items explains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lnkit.cli._analysis import results_option
from lnkit.cli._output import note, print_table
from lnkit.cli.analyze._tables import format_p, output_options, print_or_write, sampling_options, score_option

if TYPE_CHECKING:
    import pandas as pd

    from lnkit.analysis.significance import Differences, StoredRun
    from lnkit.plugins.registry import Registry
    from lnkit.stats import Sampling


@click.command("difference")
@click.argument("runs", nargs=2, metavar="RUN RUN")
@results_option
@score_option
@click.option(
    "--together",
    metavar="ARRAY",
    default="",
    help="Draw items together that are equal in this stored array, such as `reference`; they are not independent.",
)
@sampling_options
@output_options
def difference(
    runs: tuple[str, str],
    folder: Path | None,
    scores: Sequence[str],
    together: str,
    resamples: int,
    seed: int,
    **forms: object,
) -> None:
    """Test whether two results really differ.

    That is, by more than the choice of test items explains.

    RUN is an id, the start of an id or hash, or backbone:points. Both are scored again, from stored arrays, on the same
    items drawn with replacement (paired bootstrap), whose spread is the standard error of a t test. The difference is
    the second run's score minus the first's.
    """
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - plugins
    from lnkit.stats import Sampling  # noqa: PLC0415 - numpy

    registry = open_registry()
    stored = _read(runs, folder, registry)
    differences = _differences(stored, registry, scores, Sampling(resamples, seed), together)
    names = [run.record.loss_network for run in stored]
    print_or_write(differences.table, lambda: _show(differences.table, names), **forms)  # type: ignore[arg-type]
    for remark in differences.remarks:
        note(remark)


def _read(runs: Sequence[str], folder: Path | None, registry: Registry) -> tuple[StoredRun, StoredRun]:
    from lnkit.analysis.significance import StoredRun  # noqa: PLC0415 - pandas
    from lnkit.results.folder import ResultsFolder, results_dir  # noqa: PLC0415 - not for help
    from lnkit.results.rescore import benchmark_to_rescore  # noqa: PLC0415 - numpy

    results = ResultsFolder(results_dir(folder))
    first, second = (results.choose(run) for run in runs)
    for record in (first, second):
        benchmark_to_rescore(record, registry)  # before the arrays: such a benchmark may have stored none
    return StoredRun(first, results.arrays(first)), StoredRun(second, results.arrays(second))


def _differences(
    stored: tuple[StoredRun, StoredRun], registry: Registry, scores: Sequence[str], sampling: Sampling, together: str
) -> Differences:
    from lnkit.analysis.significance import paired_differences  # noqa: PLC0415 - pandas
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - only while working

    with make_progress().task("scoring resamples", sampling.resamples, unit="resamples") as advance:
        return paired_differences(
            stored, registry, scores=scores, sampling=sampling, together=together, advance=lambda steps: advance(steps)
        )


def _show(table: pd.DataFrame, names: Sequence[str]) -> None:
    rows = [
        [
            row.score,
            f"{row.first:.4f}",
            f"{row.second:.4f}",
            f"{row.difference:+.4f}",
            f"[{row.low:+.4f}, {row.high:+.4f}]",
            format_p(row.p),
            f"{row.n:,}",
        ]
        for row in table.itertuples()
    ]
    print_table(["score", *names, "difference", "95 % interval", "p", "items"], rows)
