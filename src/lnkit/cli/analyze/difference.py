"""`lnkit analyze difference`: whether two runs differ by more than the choice of test items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lnkit.cli._output import note
from lnkit.cli.analyze._showing import deliver, output_options, p_value, sampling_options, score_option, show_table

if TYPE_CHECKING:
    import pandas as pd

    from lnkit.analysis.significance import Differences, StoredRun
    from lnkit.stats import Sampling


@click.command("difference")
@click.argument("runs", nargs=2, metavar="RUN RUN")
@click.option(
    "--results",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The results folder.  [default: $LNKIT_RESULTS or ./results]",
)
@score_option
@click.option(
    "--together",
    metavar="ARRAY",
    default="",
    help="Draw items together that agree in this kept array, such as `reference`: they are not independent.",
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

    That is, by more than the choice of test items.

    RUN is an id, the start of an id or hash, or backbone:points. Both are scored anew on the same items, drawn with
    replacement (paired bootstrap), from what the runs kept. The difference is the second run's score minus the first's.
    """
    kept = _kept(runs, folder)
    from lnkit.stats import Sampling  # noqa: PLC0415 - numpy

    found = _differences(kept, scores, Sampling(resamples, seed), together)
    names = [run.record.loss_network for run in kept]
    deliver(found.table, lambda: _show(found.table, names), **forms)  # type: ignore[arg-type]
    for remark in found.remarks:
        note(remark)


def _kept(runs: Sequence[str], folder: Path | None) -> tuple[StoredRun, StoredRun]:
    from lnkit.analysis.significance import StoredRun  # noqa: PLC0415 - pandas
    from lnkit.results.folder import ResultsFolder, results_dir  # noqa: PLC0415 - not for help

    place = ResultsFolder(results_dir(folder))
    first, second = (place.choose(run) for run in runs)
    return StoredRun(first, place.arrays(first)), StoredRun(second, place.arrays(second))


def _differences(
    kept: tuple[StoredRun, StoredRun], scores: Sequence[str], sampling: Sampling, together: str
) -> Differences:
    from lnkit.analysis.significance import paired_differences  # noqa: PLC0415 - pandas
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - only while working
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - plugins

    registry = open_registry()
    with make_progress().task("scoring resamples", sampling.resamples, unit="resamples") as advance:
        return paired_differences(
            kept, registry, scores=scores, sampling=sampling, together=together, advance=lambda steps: advance(steps)
        )


def _show(table: pd.DataFrame, names: Sequence[str]) -> None:
    rows = [
        [
            row.score,
            f"{row.first:.4f}",
            f"{row.second:.4f}",
            f"{row.difference:+.4f}",
            f"[{row.low:+.4f}, {row.high:+.4f}]",
            p_value(row.p),
            f"{row.n:,}",
        ]
        for row in table.itertuples()
    ]
    show_table(["score", *names, "difference", "95 % interval", "p", "items"], rows)
