"""Tables, JSON, notes and warnings. Results go to stdout, everything else to stderr.

Everything that lnkit prints passes through this module: text from records, files and plugins could steer a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EBADF
from math import isfinite
from typing import Any, NamedTuple, TypeVar

import click

from lnkit.errors import LnkitError
from lnkit.escapes import printable

Command = TypeVar("Command", bound=Callable[..., Any])
WIDE = "lnkit.wide"  # in the context of a command: whether --wide is given, if the command has it
_pages: list[list[str]] = []  # what is printed for a pager


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
    """Add the options ``--json``, which a click command gets as ``as_json``, and ``--wide``, which tables read.

    Args:
        command: the function below this decorator.

    Example:
        >>> @click.command()
        ... @json_option
        ... def names(as_json: bool) -> None: ...
    """
    wide = click.option(
        "--wide", is_flag=True, expose_value=False, callback=_keep_wide, help="Show all columns on a narrow terminal."
    )
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(wide(command))


def _keep_wide(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[WIDE] = value


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

    try:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:  # NaN and infinity are no JSON
        text = json.dumps(_without_nan(content), indent=2, ensure_ascii=False, default=str)
    if not (_prints_unicode(sys.stdout) and text.replace("\n", "").isprintable()):
        ascii_ = not _prints_unicode(sys.stdout)
        text = "".join(c if c == "\n" or (c.isprintable() and not (ascii_ and c > "~")) else _escaped(c) for c in text)
    _write(text + "\n", err=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _prints_unicode(stream: Any) -> bool:
    return str(getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def _escaped(character: str) -> str:
    r"""Return ``\u202e``, as JSON writes a character; one beyond U+FFFF is a pair."""
    code = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{code[i : i + 4]}" for i in range(0, len(code), 4))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", least: Sequence[str] = ()
) -> None:
    """Print a table as aligned text on stdout.

    On a terminal that is too narrow, cells are folded between words. What still does not fit is left out, column by
    column, and a line names it; ``--wide`` shows all. A name or a number is never broken.

    Args:
        columns: the titles of the columns.
        rows: one value for each column.
        title: above the table.
        least: titles of the columns that a narrow terminal does without first; then it is the last column.

    Example:
        >>> print_table(["loss network", "2afc"], [["vgg16:late", 0.7012]])
        loss network  2afc
        vgg16:late    0.7012
    """
    columns, title = [printable(str(column)) for column in columns], printable(title)
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if is_terminal(sys.stdout):
        _draw_table(columns, cells, title, least)
        return
    lines = [list(columns), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    _write("".join(f"{line}\n" for line in [title] * bool(title) + text), err=False)


def _draw_table(columns: list[str], cells: list[list[str]], title: str, least: Sequence[str]) -> None:
    """Draw a table on a terminal."""
    from lnkit.cli._layout import draw, fit  # noqa: PLC0415 - only on a terminal

    context = click.get_current_context(silent=True)
    wide = context.meta.get(WIDE) if context else None
    if wide:
        lines = [title] * bool(title) + draw(columns, cells)
    else:
        width = _terminal_size(sys.stdout).columns
        shown = fit(columns, cells, width, least)
        lines = click.wrap_text(title, width).split("\n") if title else []
        lines += draw([columns[i] for i in shown], [[row[i] for i in shown] for row in cells], width)
        if left_out := [column for i, column in enumerate(columns) if i not in shown]:
            number = f"{len(left_out)} column{'s' * (len(left_out) > 1)} left out: {', '.join(left_out)};"
            how = "a pipe, such as `| cat`, shows all." if wide is None else "--wide shows all."
            lines += click.wrap_text(f"{number} {how}", width).split("\n")
    _write("".join(f"{line}\n" for line in lines), err=False)


def is_wide() -> bool:
    """Return whether tables show all that they have: with ``--wide``, and in a pipe or file."""
    context = click.get_current_context(silent=True)
    return not is_terminal(sys.stdout) or bool(context and context.meta.get(WIDE))


@contextmanager
def pager() -> Iterator[None]:
    """Show what is printed meanwhile in a pager, if it is longer than the terminal's screen."""
    # the pager writes to descriptor 1, which stands for stderr while a command runs
    if not (is_terminal(sys.stdout) and is_terminal(sys.stdin) and is_terminal(sys.__stdout__)):
        yield
        return
    printed: list[str] = []
    _pages.append(printed)
    try:
        yield
    finally:
        _pages.remove(printed)
    text = "".join(printed)
    if text.count("\n") >= terminal_lines():
        click.echo_via_pager(text.removesuffix("\n"), color=True)
    else:
        _write(text, err=False)


def terminal_lines() -> int:
    """Return how many lines the terminal of stdout shows at once."""
    return _terminal_size(sys.stdout).lines


def _terminal_size(stream: Any) -> os.terminal_size:
    import shutil  # noqa: PLC0415 - only on a terminal

    if "COLUMNS" not in os.environ:
        with suppress(OSError, ValueError):  # shutil asks descriptor 1, which may stand for stderr
            size = os.get_terminal_size(stream.fileno())
            if size.columns and size.lines:  # 0 where nobody has told the terminal its size
                return size
    return shutil.get_terminal_size()


def print_sentence(sentence: str, indent: str = "", *, err: bool = False) -> None:
    """Print a sentence; on a terminal it is wrapped between words and further lines are indented.

    Args:
        sentence: of any length; a word that is longer than a line, such as a path, stays whole.
        indent: before further lines.
        err: print on stderr instead of stdout.
    """
    text, stream = printable(sentence), sys.stderr if err else sys.stdout
    if is_terminal(stream):
        from textwrap import fill  # noqa: PLC0415 - only on a terminal

        width = _terminal_size(stream).columns
        text = fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    _write(f"{text}\n", err=err)


def is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal; it is None if the shell closed it."""
    return stream is not None and stream.isatty()


def echo(text: object = "", *, err: bool = False) -> None:
    """Print one line.

    Args:
        text: printed without the control characters that could steer a terminal.
        err: print on stderr instead of stdout.

    Example:
        >>> echo("Weights: lin.safetensors")
        Weights: lin.safetensors
    """
    _write(f"{printable(str(text))}\n", err=err)


def print_lines(text: str, *, err: bool = False) -> None:
    """Print a text of several lines: a table in a text format, a traceback, a message of click."""
    lines = text.removesuffix("\n").split("\n") if text else []
    _write("".join(f"{printable(line)}\n" for line in lines), err=err)


def _write(text: str, *, err: bool) -> None:
    """Write whole lines; characters that the encoding of the stream lacks are written as numbers.

    Raises:
        LnkitError: stdout is closed or cannot be written to. What stderr cannot take is lost.
    """
    stream = sys.stderr if err else sys.stdout
    if not text:
        return
    if _pages and not err:
        _pages[-1].append(text)
        return
    try:
        if stream is None:  # the shell closed it
            raise OSError(EBADF, "it is closed")
        encoding = getattr(stream, "encoding", None) or "utf-8"
        click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False, err=err)
    except BrokenPipeError:
        raise
    except OSError as error:
        if not err:
            raise LnkitError(
                f"Cannot write to standard output ({error.strerror}), so the results were not printed. Send them to "
                "another place and run the command again."
            ) from error


def note(sentence: str) -> None:
    """Print a helpful sentence on stderr, unless ``--quiet`` is given.

    Args:
        sentence: complete, with its full stop.

    Example:
        >>> note("2 of 3 results had been computed before.")
    """
    if not settings().quiet:
        print_sentence(sentence, err=True)


def warn(sentence: str) -> None:
    """Print a warning on stderr, also with ``--quiet``; the command goes on.

    Args:
        sentence: complete, with its full stop; "Warning: " is put before it.

    Example:
        >>> warn("vgg16:late collapsed.")
    """
    print_sentence(f"Warning: {sentence}", err=True)
