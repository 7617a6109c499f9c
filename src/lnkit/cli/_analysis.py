"""What the commands that read records and published tables share: their options, and how they gather and print."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lnkit.cli._output import clean, emit_json, note, print_table

if TYPE_CHECKING:
    import pandas as pd

    from lnkit.analysis.collect import ScoreSet

Command = TypeVar("Command", bound=Callable[..., Any])


def gather_options(command: Command) -> Command:
    """Options that say what is to be analyzed; ``gathered`` takes them."""
    options = (
        click.option("--from", "origin", type=click.Choice(["own", "published", "both"]), default="both",
                     show_default=True, help="Own results, the published scores, or both."),
        click.option("--results", "folder", type=click.Path(path_type=Path), help="Folder of results."),
        click.option("--bench", metavar="NAME", help="Only this benchmark."),
        click.option("--protocol", "variant", metavar="VARIANT", help="Of own results only this protocol variant."),
        click.option("--sample", is_flag=True, help="Own results on sample data, instead of real ones."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def gathered(
    origin: str, folder: Path | None, bench: str | None, variant: str | None, sample: bool, *, quiet: bool = False
) -> ScoreSet:
    """Collect what the options ask for, and say what was left out, unless ``quiet``."""
    from lnkit.analysis.collect import Selection, gather  # noqa: PLC0415 - not for help

    found = gather(folder, origin, Selection(bench, variant, sample))
    if not quiet:
        say(found.remarks)
    return found


def say(remarks: Iterable[str]) -> None:
    for remark in remarks:
        note(f"Note: {remark}")


def show_frame(frame: pd.DataFrame, as_json: bool, title: str = "", digits: int = 3) -> None:
    """Print a DataFrame as a table, numbers with ``digits`` decimals and missing ones as "-", or as JSON records."""
    if as_json:
        import json  # noqa: PLC0415 - only where it is asked for

        emit_json(json.loads(frame.to_json(orient="records")))
        return
    rows = [[cell(value, digits) for value in row] for row in frame.itertuples(index=False)]
    print_table([clean(str(column)).replace("_", " ") for column in frame.columns], rows, title=title)


def cell(value: Any, digits: int = 3) -> str:
    """A value as text: ``0.701``, ``-`` where there is none."""
    import math  # noqa: PLC0415 - not for help

    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)
