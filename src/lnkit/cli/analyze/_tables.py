"""What the commands of `lnkit analyze` share: which scores are meant, and the forms in which a table leaves."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lnkit.cli._output import clean, emit_json, json_option, note, print_table
from lnkit.errors import UsageError, did_you_mean, near_names

if TYPE_CHECKING:
    import pandas as pd

Command = TypeVar("Command", bound=Callable[..., Any])
FORMATS = ("csv", "parquet", "markdown", "latex")

score_option = click.option(
    "--score", "scores", metavar="NAME", multiple=True, help="Only this score; may be repeated."
)
unit_option = click.option(
    "--unit",
    type=click.Choice(["loss-networks", "backbones"]),
    default="loss-networks",
    show_default=True,
    help="What a case is: each loss network, or each backbone by its best point.",
)


def sampling_options(command: Command) -> Command:
    """Give a command that resamples ``--resamples`` and ``--seed``."""
    resamples = click.option(
        "--resamples", type=click.IntRange(100, 1_000_000), default=2000, show_default=True, help="Of the bootstrap."
    )
    seed = click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the bootstrap.")
    return resamples(seed(command))


def output_options(command: Command) -> Command:
    """Give a command the forms in which its table can leave: JSON, or what papers and spreadsheets take."""
    form = click.option("--format", "form", type=click.Choice(FORMATS), help="Write the whole table in this format.")
    output = click.option(
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File to write, as CSV unless --format says otherwise; else printed.",
    )
    return form(output(json_option(command)))


def print_or_write(
    frame: pd.DataFrame, show: Callable[[], None], *, as_json: bool, form: str | None, output: Path | None
) -> None:
    """Print the frame as JSON, write it as a file, or ``show`` it."""
    if as_json and (form or output):
        raise UsageError("--json prints JSON: leave out --format and --output, or --json.")
    if as_json:
        emit_json(json_rows(frame))
    elif form or output:
        from lnkit.results.tables import write_table  # noqa: PLC0415 - pandas

        click.echo(write_table(frame, form or "csv", output), nl=False)
        if output:
            note(f"{len(frame):,} rows written to {output}.")
    else:
        show()


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Print a table whose columns and title come from records, too."""
    print_table([clean(column) for column in columns], rows, title=clean(title))


def json_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows for JSON, null for what is missing."""
    rows = frame.astype(object).to_dict("records")
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value.item() if hasattr(value, "item") else value


def format_number(value: Any, digits: int = 3) -> str:
    """A value for people; "-" for what is missing."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def format_interval(low: Any, high: Any, digits: int = 2) -> str:
    return f"[{low:.{digits}f}, {high:.{digits}f}]" if math.isfinite(low) and math.isfinite(high) else "-"


def format_p(value: Any) -> str:
    """Three digits; smaller ones as such."""
    return "<0.001" if value < 0.001 else format_number(value)


def varies(values: Iterable[str]) -> bool:
    """Whether a column says anything."""
    return len(set(values)) > 1


def select_scores(frame: pd.DataFrame, scores: Sequence[str]) -> pd.DataFrame:
    """The measurements of these scores.

    Raises:
        UsageError: one of them is not there.
    """
    known = list(dict.fromkeys(frame.score))
    for name in scores:
        check_name("score", name, known)
    return frame[frame.score.isin(scores)]


def check_name(kind: str, name: str, known: Collection[str]) -> None:
    """Raise UsageError unless ``name`` is among the known ones."""
    if name not in known:
        hint = did_you_mean(near_names(name, known))
        raise UsageError(f"There is no {kind} {name!r} in what was gathered.{hint} There are: {', '.join(known)}.")


def print_caveats(frame: pd.DataFrame) -> None:
    """What must be known about figures of these measurements."""
    doubtful = frame[frame.caveat != ""]
    for benchmark, caveats in doubtful.groupby("benchmark", sort=False).caveat:
        for text in dict.fromkeys(caveats):
            note(f"Published scores of {benchmark}: {text}.")
