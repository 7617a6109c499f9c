"""Options and output shared by the commands of `lnkit analyze`."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lnkit.cli._analysis import FILE, FORMATS, write_frame
from lnkit.cli._numbers import SEED
from lnkit.cli._output import emit_json, json_option, note
from lnkit.errors import UsageError, did_you_mean, near_names

if TYPE_CHECKING:
    import pandas as pd

Command = TypeVar("Command", bound=Callable[..., Any])

score_option = click.option(
    "--score", "scores", metavar="NAME", multiple=True, help="Only this score; may be repeated."
)
unit_option = click.option(
    "--unit",
    type=click.Choice(["loss-networks", "backbones"]),
    default="loss-networks",
    show_default=True,
    help="Compare loss networks, or backbones by their best points.",
)


def sampling_options(command: Command) -> Command:
    """Add the options of a bootstrap: ``--resamples`` and ``--seed``."""
    resamples = click.option(
        "--resamples",
        type=click.IntRange(100, 1_000_000),
        default=2000,
        show_default=True,
        help="Number of bootstrap samples.",
    )
    seed = click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the bootstrap.")
    return resamples(seed(command))


def output_options(command: Command) -> Command:
    """Add the options for the form of a table: ``--json``, ``--format`` and ``--output``."""
    form = click.option("--format", "form", type=click.Choice(FORMATS), help="Write the complete table in this format.")
    output = click.option("--output", "-o", type=FILE, help="File to write, in CSV unless --format is given.")
    return form(output(json_option(command)))


def print_or_write(
    frame: pd.DataFrame, show: Callable[[], None], *, as_json: bool, form: str | None, output: Path | None
) -> None:
    """Print a table as JSON, write it to a file, or show it.

    Args:
        frame: the table.
        show: prints it for people, if none of the other forms is wanted.
        as_json: print JSON.
        form: print or write in this format.
        output: file to write, as CSV if there is no ``form``.

    Raises:
        UsageError: JSON and another form.
    """
    if as_json and (form or output):
        raise UsageError("--json prints JSON: leave out --format and --output, or --json.")
    if as_json:
        emit_json(json_rows(frame))
    elif form or output:
        write_frame(frame, form or "csv", output)
    else:
        show()


def json_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows for JSON, with None for missing values."""
    rows = frame.astype(object).to_dict("records")
    return [{str(name): _json_value(value) for name, value in row.items()} for row in rows]


def _json_value(value: Any) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value.item() if hasattr(value, "item") else value


def format_number(value: Any, digits: int = 3) -> str:
    """Return a value with a fixed number of decimals; "-" if it is missing."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def format_interval(low: Any, high: Any, digits: int = 2) -> str:
    """Return ``[0.12, 0.34]``; "-" if an end is missing."""
    return f"[{low:.{digits}f}, {high:.{digits}f}]" if math.isfinite(low) and math.isfinite(high) else "-"


def format_p(value: Any) -> str:
    """Return a p-value with three digits, or ``<0.001``."""
    return "<0.001" if value < 0.001 else format_number(value)


def varies(values: Iterable[str]) -> bool:
    """Return whether a column has more than one value."""
    return len(set(values)) > 1


def select_scores(frame: pd.DataFrame, scores: Sequence[str]) -> pd.DataFrame:
    """Return the measurements of these scores.

    Raises:
        UsageError: a score is unknown.
    """
    for name in scores:
        check_name("score", name, list(dict.fromkeys(frame.score)))
    return frame[frame.score.isin(scores)]


def check_name(kind: str, name: str, known: Collection[str]) -> None:
    """Raise UsageError if ``name`` is not among the known ones.

    Args:
        kind: of thing, for the message: "score".
        name: that the user gave.
        known: all names.
    """
    if name not in known:
        hint = did_you_mean(near_names(name, known))
        raise UsageError(f"There is no {kind} {name!r} in these measurements.{hint} There are: {', '.join(known)}.")


def print_caveats(frame: pd.DataFrame) -> None:
    """Note the caveats on the published scores among these measurements."""
    for benchmark, caveats in frame[frame.caveat != ""].groupby("benchmark", sort=False).caveat:
        for text in dict.fromkeys(caveats):
            note(f"Published scores of {benchmark}: {text}.")
