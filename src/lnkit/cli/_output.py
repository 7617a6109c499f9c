"""Tables, JSON, notes and warnings. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class Settings(NamedTuple):  # a dataclass would take longer to import than all the rest of this module
    """The options of lnkit itself, given before the command: ``lnkit --strict -q eval ...``."""

    strict: bool = False  # a plugin that fails stops the command
    traceback: bool = False  # errors show where in the code they arose
    quiet: bool = False  # no progress and no notes


def settings() -> Settings:
    """Return the settings of the running command."""
    context = click.get_current_context(silent=True)
    return (context.find_object(Settings) if context else None) or Settings()


def json_option(command: Command) -> Command:
    """Add the option ``--json`` to a click command, which gets it as ``as_json``.

    Args:
        command: the function below this decorator.

    Example:
        >>> @click.command()
        ... @json_option
        ... def names(as_json: bool) -> None: ...
    """
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def emit_json(content: Any) -> None:
    """Print JSON on stdout.

    Args:
        content: dictionaries, lists, strings and numbers; anything else is printed as its ``str``.

    Example:
        >>> emit_json({"score": 0.7})
        {
          "score": 0.7
        }
    """
    import json  # noqa: PLC0415 - not for other output

    click.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
    """Print a table as aligned text on stdout. On a terminal that is too narrow, cells are folded, never cut off.

    Args:
        columns: the titles of the columns.
        rows: one value for each column.
        title: above the table.

    Example:
        >>> print_table(["loss network", "2afc"], [["vgg16:late", 0.7012]])
        loss network  2afc
        vgg16:late    0.7012
    """
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
    import os  # noqa: PLC0415 - only on a terminal
    import shutil  # noqa: PLC0415

    if "COLUMNS" not in os.environ:
        with suppress(OSError, ValueError):  # shutil asks descriptor 1, which may stand for stderr
            return os.get_terminal_size(sys.stdout.fileno()).columns
    return shutil.get_terminal_size().columns


def _fold(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str) -> None:
    """Draw a table that is wider than the terminal, with rich, which is too slow to load for other tables."""
    from rich import box  # noqa: PLC0415 - slow to load
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))  # Text: rich would read markup in a str
    Console().print(table)


def print_sentence(sentence: str, indent: str = "") -> None:
    """Print a sentence on stdout; on a terminal it is wrapped between words and further lines are indented."""
    text = clean(sentence)
    if is_terminal(sys.stdout):
        text = click.wrap_text(text, _terminal_width(), subsequent_indent=indent)
    click.echo(text)


def is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal; it is None if the shell closed it."""
    return stream is not None and stream.isatty()


def clean(text: str) -> str:
    """Return the text on one line, without the control characters that could steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def note(sentence: str) -> None:
    """Print a helpful sentence on stderr, unless ``--quiet`` is given.

    Args:
        sentence: complete, with its full stop.

    Example:
        >>> note("2 of 3 results had been computed before.")
    """
    if not settings().quiet:
        click.echo(clean(sentence), err=True)


def warn(sentence: str) -> None:
    """Print a warning on stderr, also with ``--quiet``; the command goes on.

    Args:
        sentence: complete, with its full stop; "Warning: " is put before it.

    Example:
        >>> warn("vgg16:late collapsed.")
    """
    click.echo(f"Warning: {clean(sentence)}", err=True)
