"""Describe what went wrong in a plugin, as one sentence and as a traceback."""

from __future__ import annotations

from lnkit.errors import PluginError
from lnkit.plugins.rules import printable
from lnkit.specs import PluginFailure

MAX_LENGTH = 1000  # characters of a reason


def describe_failure(plugin: str, distribution: str, stage: str, error: BaseException) -> PluginFailure:
    """Return a record of the exception that a plugin raised.

    Args:
        plugin: name of its entry point.
        distribution: name of its distribution.
        stage: "import", "validate", or the hook that raised.
        error: the exception.
    """
    import traceback  # noqa: PLC0415 - only when something failed

    trace = "".join(traceback.format_exception(error))
    return PluginFailure(plugin, stage, sentence_of(error), trace, distribution)


def sentence_of(error: BaseException) -> str:
    """Return the message on one line of limited length, after the exception's type unless it is a PluginError."""
    try:
        text = printable(str(error))
    except Exception:  # its __str__ raises
        text = ""
    text = text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}..."
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__} was raised"
