"""`lnkit analyze difference`: test whether two runs differ by more than the choice of test items explains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import ANSWERS, results_option
from lnkit.cli._output import note, print_table
from lnkit.cli.analyze._tables import format_p, output_options, print_or_write, sampling_options, score_option

if TYPE_CHECKING:
    import pandas as pd

    from lnkit.analysis.seed_differences import Pair
    from lnkit.analysis.significance import Differences
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

    Loss networks that were trained with several seeds are compared seed by seed. The interval is then over items and
    seeds, and the table says whether it tells the two apart; there is no p.
    """
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - plugins
    from lnkit.stats import Sampling  # noqa: PLC0415 - numpy

    registry = open_registry()
    pairs = _read(runs, folder, registry)
    differences = _differences(pairs, registry, scores, Sampling(resamples, seed), together)
    names = [run.record.loss_network for run in pairs[0]]
    print_or_write(differences.table, lambda: _show(differences.table, names), **forms)  # type: ignore[arg-type]
    for remark in differences.remarks:
        note(remark)


def _read(runs: Sequence[str], folder: Path | None, registry: Registry) -> list[Pair]:
    """Return the two runs with their arrays; of means over seeds, those of each seed that both have."""
    from lnkit.analysis.seed_differences import shared_seeds  # noqa: PLC0415 - pandas
    from lnkit.analysis.significance import StoredRun  # noqa: PLC0415 - pandas
    from lnkit.results.folder import ResultsFolder, results_dir  # noqa: PLC0415 - not for help
    from lnkit.results.rescore import benchmark_to_rescore  # noqa: PLC0415 - numpy
    from lnkit.results.seeds import listed  # noqa: PLC0415

    results = ResultsFolder(results_dir(folder))
    first, second = (results.choose(run) for run in runs)
    if first.runs or second.runs:
        shared = shared_seeds(first, second)
        if {*first.seeds, *second.seeds} != set(shared):
            note(f"Only the seeds that both have are compared: {listed(shared)}.")
        ids = [{seed: id_ for id_, seed in (record.runs or {record.id: record.seeds[0]}).items()}
               for record in (first, second)]  # fmt: skip
        records = [[results.read(results.path / of_record[seed]) for of_record in ids] for seed in shared]
    else:
        records = [[first, second]]
    for pair in records:
        for record in pair:
            benchmark_to_rescore(record, registry)  # before the arrays: such a benchmark may have stored none
    return [(StoredRun(a, results.arrays(a)), StoredRun(b, results.arrays(b))) for a, b in records]


def _differences(
    pairs: list[Pair], registry: Registry, scores: Sequence[str], sampling: Sampling, together: str
) -> Differences:
    from lnkit.analysis.seed_differences import differences_over_seeds  # noqa: PLC0415 - pandas
    from lnkit.analysis.significance import paired_differences  # noqa: PLC0415 - pandas
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - only while working

    options: dict[str, Any] = {"scores": scores, "sampling": sampling, "together": together}
    steps = len(pairs) * sampling.resamples
    with make_progress().task("scoring resamples", steps, unit="resamples") as advance:
        options["advance"] = lambda steps: advance(steps)
        if len(pairs) == 1:
            return paired_differences(pairs[0], registry, **options)
        return differences_over_seeds(pairs, registry, **options)


def _show(table: pd.DataFrame, names: Sequence[str]) -> None:
    over_seeds = "seeds" in table
    rows = [
        [
            row["score"],
            f"{row['first']:.4f}",
            f"{row['second']:.4f}",
            f"{row['difference']:+.4f}",
            f"[{row['low']:+.4f}, {row['high']:+.4f}]",
            *([f"{row['sd']:.4f}", ANSWERS[row["told_apart"]]] if over_seeds else [format_p(row["p"])]),
            f"{row['n']:,}",
        ]
        for row in table.to_dict("records")
    ]
    more = ["sd over seeds", "told apart"] if over_seeds else ["p"]
    print_table(["score", *names, "difference", "95 % interval", *more, "items"], rows)
