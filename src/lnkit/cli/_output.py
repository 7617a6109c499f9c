"""Tables, JSON and remarks. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from lnkit.cli._settings import settings

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Give a listing or showing command ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def emit_json(content: Any) -> None:
    """Print JSON for another program."""
    import json  # noqa: PLC0415 - only where it is asked for

    click.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
    """Print a table as aligned text; on a terminal with a header, and folded where it is too wide. Never cut off."""
    columns, title = [clean(column) for column in columns], clean(title)
    cells = [[clean(str(cell)) for cell in row] for row in rows]
    lines = [list(columns), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    on_terminal = is_terminal(sys.stdout)
    if on_terminal and sum(widths) + 2 * len(widths) > _terminal_width():
        _fold(columns, cells, title)
        return
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    if on_terminal:
        text[0] = click.style(text[0], bold=True) + "\n" + click.style("  ".join("─" * w for w in widths), dim=True)
    click.echo("\n".join([title] * bool(title) + text))


def _terminal_width() -> int:
    import shutil  # noqa: PLC0415 - only on a terminal

    return shutil.get_terminal_size().columns


def _fold(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str) -> None:
    """Draw a table that is wider than the terminal. rich takes its time to load, so it is used for nothing else."""
    from rich import box  # noqa: PLC0415 - slow to load
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))  # Text: nothing in a cell is taken for markup
    Console().print(table)


def is_terminal(stream: Any) -> bool:
    """Whether somebody is looking; a stream that the shell closed is None."""
    return stream is not None and stream.isatty()


def clean(text: str) -> str:
    """The text on one line, without the control characters that could steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def note(sentence: str) -> None:
    """Say something useful on stderr, unless the user wants it quiet."""
    if not settings().quiet:
        click.echo(clean(sentence), err=True)


def warn(sentence: str) -> None:
    """Say on stderr what is wrong though the command goes on."""
    click.echo(f"Warning: {clean(sentence)}", err=True)
