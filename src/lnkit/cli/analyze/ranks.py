"""`lnkit analyze best-points` and `lnkit analyze ranks`: Pihlgren2023 Tables IV and III of any measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import gather_measurements, source_options
from lnkit.cli._output import note, print_table
from lnkit.cli.analyze._tables import (
    format_number,
    output_options,
    print_caveats,
    print_or_write,
    score_option,
    select_scores,
)

if TYPE_CHECKING:
    import pandas as pd


@click.command("best-points")
@source_options
@score_option
@output_options
def best_points(scores: Sequence[str], as_json: bool, form: str | None, output: Path | None, **wishes: Any) -> None:
    """Show the best point of each backbone.

    For each score, like Table IV of Pihlgren et al. 2023; points that are equally good stand side by side.
    """
    frame = _measurements(scores, wishes)
    from lnkit.analysis.rankings import best_points as compute_best_points  # noqa: PLC0415 - pandas

    best = compute_best_points(frame)
    best = best.assign(ties=[" ".join(points) for points in best.ties])
    print_or_write(best, lambda: _show_points(best), as_json=as_json, form=form, output=output)
    print_caveats(frame)


@click.command("ranks")
@source_options
@score_option
@click.option(
    "--by",
    type=click.Choice(["benchmark", "score", "loss-network"]),
    default="benchmark",
    show_default=True,
    help="Show mean ranks for each benchmark, or ranks for each score: of backbones by best points, or loss networks.",
)
@output_options
def ranks(scores: Sequence[str], by: str, as_json: bool, form: str | None, output: Path | None, **wishes: Any) -> None:
    """Rank the backbones by their best points.

    1 is the best, and ties share their mean rank. The rank for a benchmark is the mean over its main scores, and `all`
    is the mean over benchmarks, all with the same weight, as in Table III of Pihlgren et al. 2023.
    """
    frame = _measurements(scores, wishes)
    from lnkit.analysis import rankings  # noqa: PLC0415 - pandas

    if by == "benchmark":
        table = rankings.mean_ranks(frame).reset_index()
        print_or_write(table, lambda: _show_means(table), as_json=as_json, form=form, output=output)
    else:
        table = (rankings.score_ranks if by == "score" else rankings.loss_network_ranks)(frame)
        key = "backbone" if by == "score" else "loss_network"
        print_or_write(table, lambda: _show_ranks(table, key), as_json=as_json, form=form, output=output)
    print_caveats(frame)


def _measurements(scores: Sequence[str], wishes: dict[str, Any]) -> pd.DataFrame:
    frame = gather_measurements(**wishes).frame()
    return select_scores(frame, scores) if scores else frame


def _show_points(best: pd.DataFrame) -> None:
    """Print one table of backbones by scores for each benchmark and setting."""
    for (setting, benchmark), group in best.groupby(["setting", "benchmark"], sort=False):
        table = group.pivot_table(index="backbone", columns="score", values="ties", aggfunc="first", sort=False)
        rows = [[name, *(text if isinstance(text, str) else "-" for text in row)] for name, *row in table.itertuples()]
        print_table(["backbone", *table.columns], rows, title=_title(setting, benchmark))


def _show_means(table: pd.DataFrame) -> None:
    rows = [[name, *(format_number(value, 2) for value in values)] for name, *values in table.itertuples(index=False)]
    print_table(list(table.columns), rows)
    if lacking := int(table["all"].isna().sum()):
        note(f"{lacking} of {len(table)} backbones lack a score, so they have no rank over all benchmarks (-).")


def _show_ranks(ranks: pd.DataFrame, key: str) -> None:
    for (setting, benchmark), group in ranks.groupby(["setting", "benchmark"], sort=False):
        table = group.pivot_table(index=key, columns="score", values="rank", sort=False)
        rows = [[name, *(format_number(value, 1) for value in row)] for name, *row in table.itertuples()]
        print_table([key.replace("_", " "), *table.columns], rows, title=_title(setting, benchmark))


def _title(setting: object, benchmark: object) -> str:
    return f"{benchmark}, published" if setting == "published" else str(setting)
