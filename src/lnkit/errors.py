"""lnkit's exceptions, and hints for misspelled names.

A message says what was expected, what was given instead, and what to do next. The command line prints it without a
traceback and ends with the exception's exit code.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = [
    "DataError",
    "ImageError",
    "LnkitError",
    "PluginError",
    "UnknownNameError",
    "UsageError",
    "WeightsError",
    "did_you_mean",
    "near_names",
]


class LnkitError(Exception):
    """Base class: a run failed for a reason that the user can act on (exit code 1)."""

    exit_code = 1


class UsageError(LnkitError):
    """A command or a call cannot be carried out with these arguments (exit code 2)."""

    exit_code = 2


class UnknownNameError(UsageError):
    """No backbone, benchmark, distance or other item has this name; the message suggests similar ones."""


class PluginError(LnkitError):
    """A plugin does not keep to the plugin interface; the message names the plugin's mistake."""


class DataError(LnkitError):
    """Data are missing, damaged, or not laid out as the benchmark expects."""


class WeightsError(LnkitError):
    """Weights are missing, damaged, or made for another network."""


class ImageError(LnkitError, ValueError):
    """Images have the wrong shape, type, size or value range."""


def near_names(name: str, known: Collection[str], cutoff: float = 0.6) -> list[str]:
    """Return up to three of the ``known`` names that resemble ``name``, the most similar first.

    Args:
        name: the misspelled name.
        known: the names to choose from.
        cutoff: lowest similarity in [0, 1], as ``difflib`` computes it.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only for a wrong name, and every command passes here

    return get_close_matches(name, known, n=3, cutoff=cutoff)


def did_you_mean(near: Sequence[str]) -> str:
    """Return ``" Did you mean 'vgg16' or 'vgg19'?"`` to append to a sentence; empty without near names."""
    return f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
