"""`lnkit analyze front`: Pareto fronts of a score and an attribute."""

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
    varies,
)

if TYPE_CHECKING:
    import pandas as pd


@click.command("front")
@source_options
@score_option
@click.option(
    "--against",
    metavar="ATTRIBUTE",
    default="point_macs",
    show_default=True,
    help="The attribute: imagenet_top1, where more is better, or a cost such as parameters, where less is.",
)
@click.option("--whole", is_flag=True, help="Also show the loss networks that are not on the front.")
@click.option(
    "--small-images",
    is_flag=True,
    help="Show instead ImageNet accuracy and perceptual score of the networks of Kumar et al. 2022 and of Table V.",
)
@output_options
def front(
    small_images: bool, whole: bool, as_json: bool, form: str | None, output: Path | None, **options: Any
) -> None:
    """Show Pareto fronts of score and attribute.

    On the front are the loss networks that no other one beats in both.
    """
    if small_images:
        from lnkit.analysis.fronts import accuracy_front  # noqa: PLC0415 - pandas

        table = accuracy_front()
        lacking = int(table.imagenet_top1.isna().sum())
        shown = table if whole else table[table.front]
        print_or_write(shown, lambda: _show_accuracies(shown), as_json=as_json, form=form, output=output)
        note(f"{lacking} of {len(table)} networks have no published ImageNet accuracy; they are on no front.")
        return
    table, frame = _fronts(**options)
    shown = table if whole else table[table.front]
    against = options["against"]
    print_or_write(shown, lambda: _show(shown, against), as_json=as_json, form=form, output=output)
    if lacking := table.loss_network[table[against].isna()].nunique():
        note(f"{against} is not known for {lacking} loss networks; they are on no front.")
    print_caveats(frame)


def _fronts(scores: Sequence[str], against: str, **wishes: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the fronts of these scores, or of the main ones, and the measurements that they are from."""
    gathered = gather_measurements(**wishes)
    from lnkit.analysis.fronts import score_fronts  # noqa: PLC0415 - pandas
    from lnkit.analysis.rankings import counted  # noqa: PLC0415

    frame = gathered.frame()
    frame = select_scores(frame, scores) if scores else counted(frame)
    return score_fronts(frame, gathered.attributes(), against), frame


def _show(table: pd.DataFrame, against: str) -> None:
    names = [name for name in ("setting", "score") if varies(table[name])]
    rows = [
        [
            *(getattr(row, name) for name in names),
            row.loss_network,
            format_number(row.value, 4),
            _plain_number(getattr(row, against)),
            "yes" if row.front else "no",
        ]
        for row in table.itertuples()
    ]
    print_table([*names, "loss network", "value", against, "on the front"], rows)


def _show_accuracies(table: pd.DataFrame) -> None:
    rows = [
        [
            row.network,
            row.setting,
            format_number(row.imagenet_top1, 1),
            format_number(row.perceptual_score, 1),
            "yes" if row.front else "no",
        ]
        for row in table.sort_values("imagenet_top1", kind="stable").itertuples()
    ]
    print_table(["network", "setting", "ImageNet top-1", "perceptual score", "on the front"], rows)


def _plain_number(value: float) -> str:
    """Return ``406,365,888`` or ``0.120``."""
    return f"{value:,.0f}" if value == value and abs(value) >= 1000 else format_number(value)
