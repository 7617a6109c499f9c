"""`lnkit analyze best-points` and `lnkit analyze ranks`: Tables III and IV, of any measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import gather_measurements, source_options
from lnkit.cli._output import note
from lnkit.cli.analyze._tables import (
    format_number,
    output_options,
    print_caveats,
    print_or_write,
    score_option,
    select_scores,
    show_table,
)

if TYPE_CHECKING:
    import pandas as pd


@click.command("best-points")
@source_options
@score_option
@output_options
def best_points(scores: Sequence[str], as_json: bool, form: str | None, output: Path | None, **wishes: Any) -> None:
    """Show the best point of each backbone.

    For each score, as Table IV of Pihlgren et al. 2023; points that are equally good stand side by side.
    """
    frame = _gathered_scores(scores, wishes)
    from lnkit.analysis.rankings import best_points as found_points  # noqa: PLC0415 - pandas

    found = found_points(frame)
    found = found.assign(ties=[" ".join(points) for points in found.ties])
    print_or_write(found, lambda: _show_points(found), as_json=as_json, form=form, output=output)
    print_caveats(frame)


@click.command("ranks")
@source_options
@score_option
@click.option(
    "--by",
    type=click.Choice(["benchmark", "score", "loss-network"]),
    default="benchmark",
    show_default=True,
    help="Mean ranks for each benchmark, or ranks for each score: of backbones by their best point, or loss networks.",
)
@output_options
def ranks(scores: Sequence[str], by: str, as_json: bool, form: str | None, output: Path | None, **wishes: Any) -> None:
    """Rank the backbones by their best points.

    1 is the best, ties share their mean rank. By benchmark they are means over its main scores, and `all` is the mean
    of the benchmarks, each counted alike: Table III of Pihlgren et al. 2023.
    """
    frame = _gathered_scores(scores, wishes)
    from lnkit.analysis import rankings  # noqa: PLC0415 - pandas

    if by == "benchmark":
        found = rankings.mean_ranks(frame).reset_index()
        print_or_write(found, lambda: _show_means(found), as_json=as_json, form=form, output=output)
    else:
        found = (rankings.score_ranks if by == "score" else rankings.loss_network_ranks)(frame)
        key = "backbone" if by == "score" else "loss_network"
        print_or_write(found, lambda: _show_ranks(found, key), as_json=as_json, form=form, output=output)
    print_caveats(frame)


def _gathered_scores(scores: Sequence[str], wishes: dict[str, Any]) -> pd.DataFrame:
    frame = gather_measurements(**wishes).frame()
    return select_scores(frame, scores) if scores else frame


def _show_points(found: pd.DataFrame) -> None:
    """One table for each benchmark and setting: backbones by scores."""
    for (setting, benchmark), group in found.groupby(["setting", "benchmark"], sort=False):
        table = group.pivot_table(index="backbone", columns="score", values="ties", aggfunc="first", sort=False)
        rows = [[name, *(text if isinstance(text, str) else "-" for text in row)] for name, *row in table.itertuples()]
        show_table(["backbone", *table.columns], rows, title=_title(setting, benchmark))


def _show_means(found: pd.DataFrame) -> None:
    rows = [[name, *(format_number(value, 2) for value in values)] for name, *values in found.itertuples(index=False)]
    show_table(list(found.columns), rows)
    if lacking := int(found["all"].isna().sum()):
        note(f"{lacking} of {len(found)} backbones lack a score of a column, and so a rank over all (-).")


def _show_ranks(found: pd.DataFrame, key: str) -> None:
    for (setting, benchmark), group in found.groupby(["setting", "benchmark"], sort=False):
        table = group.pivot_table(index=key, columns="score", values="rank", sort=False)
        rows = [[name, *(format_number(value, 1) for value in row)] for name, *row in table.itertuples()]
        show_table([key.replace("_", " "), *table.columns], rows, title=_title(setting, benchmark))


def _title(setting: object, benchmark: object) -> str:
    return f"{benchmark}, published" if setting == "published" else str(setting)
