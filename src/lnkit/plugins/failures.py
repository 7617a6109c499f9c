"""What went wrong in a plugin, as one sentence and as a traceback."""

from __future__ import annotations

from lnkit.errors import PluginError
from lnkit.plugins.rules import shown
from lnkit.specs import PluginFailure

LONGEST = 1000  # characters of a reason


def describe_failure(plugin: str, distribution: str, stage: str, error: BaseException) -> PluginFailure:
    """Describe what a plugin raised at a stage."""
    import traceback  # noqa: PLC0415 - only when something failed

    trace = "".join(traceback.format_exception(error))
    return PluginFailure(plugin, stage, sentence_of(error), trace, distribution)


def sentence_of(error: BaseException) -> str:
    """What an exception says, on one line of bearable length, with its kind unless that is ours."""
    try:
        text = shown(str(error))
    except Exception:  # its __str__ raises
        text = ""
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__} was raised"
