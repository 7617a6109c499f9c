"""What a command needs of its process: standard streams, a working folder, and words that can be names of files."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from lnkit.cli._output import print_lines
from lnkit.errors import UsageError


def open_streams() -> None:
    """Open ``/dev/null`` for each standard stream that the shell closed, else the next file would take its place.

    ``sys.stdout`` stays None, so that a command whose results nobody gets fails.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open until the end
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115


def find_home() -> None:
    """Name the cache as the home folder of a user who has none, for libraries that keep files of their own there."""
    cache = os.environ.get("LNKIT_CACHE", "")
    if cache and str(Path(os.path.expanduser("~"))) == "~":  # noqa: PTH111 - Path.expanduser would raise
        os.environ["HOME"] = str(Path(cache).absolute())


def print_messages() -> None:
    """Let warnings and messages to loggers, which name files and their content, pass through lnkit's output."""
    logging.lastResort = _Messages(logging.WARNING)
    warnings.showwarning = _show_warning


class _Messages(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print_lines(self.format(record), err=True)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    print_lines(warnings.formatwarning(message, category, filename, lineno, line), err=True)


def check_call(arguments: Sequence[str]) -> None:
    """Refuse what would end in the middle of a command, in an error of a library.

    Raises:
        UsageError: the working folder was removed, or a word is empty or holds a NUL.
    """
    for word in arguments:
        if "\0" in word:
            raise UsageError(f"Expected names and values without NUL characters, got {word!r}. Leave them out.")
        if not word:  # as a path it would be the working folder
            raise UsageError(
                "Expected a name or a value, got an empty word. Leave it out with its option, or set the variable that "
                "it comes from."
            )
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(
            f"The working folder cannot be used ({error.strerror}). Change to another folder and run the command again."
        ) from error
