"""Options and helpers shared by commands that read records and published tables or write tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lnkit.cli._output import note, print_lines

if TYPE_CHECKING:
    import pandas as pd

    from lnkit.analysis.collect import ScoreSet

Command = TypeVar("Command", bound=Callable[..., Any])
FORMATS = ("csv", "parquet", "markdown", "latex")
ANSWERS = {True: "yes", False: "no", None: "unknown"}
FILE = click.Path(path_type=Path, dir_okay=False)

results_option = click.option(
    "--results",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The results folder.  [default: $LNKIT_RESULTS or ./results]",
)
origin_option = click.option(
    "--from",
    "origin",
    type=click.Choice(["own", "published", "both"]),
    default="both",
    show_default=True,
    help="Use own results, the published scores, or both.",
)
bench_option = click.option("--bench", metavar="NAME", help="Only this benchmark.")
format_option = click.option("--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True)
output_option = click.option("--output", "-o", type=FILE, help="File to write; otherwise the table is printed.")


def source_options(command: Command) -> Command:
    """Add the options that choose measurements; ``gather_measurements`` takes their values."""
    options = (
        origin_option,
        results_option,
        bench_option,
        click.option("--protocol", "variant", metavar="VARIANT", help="Only own results of this protocol variant."),
        click.option("--sample", is_flag=True, help="Use own results on sample data instead of real data."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def gather_measurements(
    origin: str, folder: Path | None, bench: str | None, variant: str | None, sample: bool, *, quiet: bool = False
) -> ScoreSet:
    """Collect the measurements that the source options choose, and note what was left out.

    Args:
        origin: "own", "published" or "both".
        folder: of results; None for the default one.
        bench: only this benchmark.
        variant: only own results of this protocol variant.
        sample: own results on sample data instead of real data.
        quiet: print no notes.
    """
    from lnkit.analysis.collect import Selection, gather  # noqa: PLC0415 - not for help

    gathered = gather(folder, origin, Selection(bench, variant, sample))
    if not quiet:
        note_remarks(gathered)
    return gathered


def note_remarks(gathered: ScoreSet) -> None:
    """Note what was left out or merged."""
    for remark in gathered.remarks:
        note(f"Note: {remark}")


def write_frame(
    frame: pd.DataFrame,
    form: str,
    output: Path | None,
    higher_is_better: Mapping[str, bool] | None = None,
    same: Mapping[str, Callable[[int, int], bool]] | None = None,
    caption: tuple[str, str] | None = None,
) -> None:
    """Print a table in a format for papers or spreadsheets, or write it to a file.

    Args:
        frame: the table.
        form: one of :data:`FORMATS`.
        output: file to write; None prints.
        higher_is_better: see :func:`lnkit.results.tables.write_table`.
        same: see there.
        caption: of the table, and its label, for LaTeX.
    """
    from lnkit.results.latex import Caption  # noqa: PLC0415 - pandas
    from lnkit.results.tables import write_table  # noqa: PLC0415 - pandas

    print_lines(write_table(frame, form, output, higher_is_better, same, Caption(*caption) if caption else None))
    if output:
        note(f"Wrote {len(frame):,} rows to {output}.")
