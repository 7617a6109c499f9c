"""Describe what went wrong in foreign code: as one sentence, as a place in its code, and as a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from lnkit.errors import PluginError
from lnkit.plugins.rules import printable
from lnkit.specs import PluginFailure

MAX_LENGTH = 1000  # characters of a reason
MAX_TRACE = 100_000  # characters of a traceback


def describe_failure(plugin: str, distribution: str, stage: str, error: BaseException, package: str) -> PluginFailure:
    """Return a record of the exception that a plugin raised.

    Args:
        plugin: name of its entry point.
        distribution: name of its distribution.
        stage: "import", "validate", or the hook that raised.
        error: the exception.
        package: top-level package of its code.
    """
    return PluginFailure(plugin, stage, sentence_of(error), _trace(error), distribution, place_of(error, package))


def sentence_of(error: BaseException) -> str:
    """Return the message on one line of limited length, after the exception's type unless it is a PluginError."""
    try:
        text = str(error)
    except BaseException:  # its __str__ raises anything, SystemExit included
        text = ""
    text = printable(text[: 2 * MAX_LENGTH])
    text = text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}..."
    if isinstance(error, PluginError):
        return text
    kind = printable(type(error).__name__)[:MAX_LENGTH]
    return f"{kind}: {text}" if text else f"{kind} was raised"


def place_of(error: BaseException, package: str) -> str:
    """Return the last line of a package that an exception came through: "mine/scores.py, line 12"; "" if none.

    Args:
        error: the exception; where it was raised from another one, the first of them counts.
        package: top-level package or module: "lnkit_mine"; "" for any but lnkit, torch and the standard library.
    """
    while error.__cause__ is not None and error.__cause__.__traceback__ is not None:
        error = error.__cause__
    place, step = "", error.__traceback__
    while step is not None:
        frame = step.tb_frame
        top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        file = frame.f_code.co_filename
        known = top in ("lnkit", "torch", "torchvision", "numpy") or top in sys.stdlib_module_names
        if top == package or (not package and not known and not file.startswith("<")):
            place = _place(file, step.tb_lineno)
        step = step.tb_next
    return place


def place_of_function(function: Callable[..., Any]) -> str:
    """Return where a function is defined: "mine/scores.py, line 12"; "" for one that is not written in Python."""
    code = getattr(function, "__code__", None)
    return _place(code.co_filename, code.co_firstlineno) if code else ""


def _place(file: str, line: int) -> str:
    return printable(f"{'/'.join(PurePath(file).parts[-2:])}, line {line}")


def _trace(error: BaseException) -> str:
    import traceback  # noqa: PLC0415 - only when something failed

    try:
        return "".join(traceback.format_exception(error))[:MAX_TRACE]
    except BaseException as broken:  # the exception cannot even be shown
        return f"Traceback: {sentence_of(broken)}"
