"""`lnkit analyze front`: the loss networks that nothing beats in a score and an attribute at once."""

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
    help="What the score is weighed against: imagenet_top1, of which more is wanted, or a cost such as parameters.",
)
@click.option("--whole", is_flag=True, help="Show the loss networks that are not on the front, too.")
@click.option(
    "--small-images",
    is_flag=True,
    help="Instead: ImageNet accuracy and perceptual score of the networks of Kumar et al. 2022, with those of Table V.",
)
@output_options
def front(
    small_images: bool, whole: bool, as_json: bool, form: str | None, output: Path | None, **options: Any
) -> None:
    """Show Pareto fronts of score and attribute.

    These are the loss networks that no other one beats in both at once.
    """
    if small_images:
        from lnkit.analysis.fronts import accuracy_front  # noqa: PLC0415 - pandas

        table = accuracy_front()
        lacking = int(table.imagenet_top1.isna().sum())
        shown = table if whole else table[table.front]
        print_or_write(shown, lambda: _show_accuracies(shown), as_json=as_json, form=form, output=output)
        note(f"Of {lacking} of {len(table)} networks no ImageNet accuracy is published; they are on no front.")
        return
    table, frame = _fronts(**options)
    shown = table if whole else table[table.front]
    against = options["against"]
    print_or_write(shown, lambda: _show(shown, against), as_json=as_json, form=form, output=output)
    if lacking := table.loss_network[table[against].isna()].nunique():
        note(f"Of {lacking} loss networks {against} is not known; they are on no front.")
    print_caveats(frame)


def _fronts(scores: Sequence[str], against: str, **wishes: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The fronts of the select_scores scores, else of the main ones, and the measurements they are of."""
    found = gather_measurements(**wishes)
    from lnkit.analysis.fronts import score_fronts  # noqa: PLC0415 - pandas
    from lnkit.analysis.rankings import counted  # noqa: PLC0415

    frame = found.frame()
    frame = select_scores(frame, scores) if scores else counted(frame)
    return score_fronts(frame, found.attributes(), against), frame


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
    show_table([*names, "loss network", "value", against, "on the front"], rows)


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
    show_table(["network", "setting", "ImageNet top-1", "perceptual score", "on the front"], rows)


def _plain_number(value: float) -> str:
    """``406,365,888`` or ``0.12``."""
    return f"{value:,.0f}" if value == value and abs(value) >= 1000 else format_number(value)
