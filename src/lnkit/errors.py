"""What can go wrong, as sentences: what was expected, what came, what to do next."""

from __future__ import annotations

from collections.abc import Collection, Sequence


class LnkitError(Exception):
    """A run that failed for a reason the user can act on (exit code 1)."""

    exit_code = 1


class UsageError(LnkitError):
    """A command or a call that cannot be carried out as it was given (exit code 2)."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that nothing has registered; the message shows the nearest ones."""


class PluginError(LnkitError):
    """A plugin that broke its contract: what it handed over, and what was expected."""


class DataError(LnkitError):
    """Data that are missing, damaged, or not laid out as the benchmark needs them."""


class WeightsError(LnkitError):
    """Weights that are missing, damaged, or made for another network."""


class ImageError(LnkitError, ValueError):
    """Images of the wrong shape, type, size or value range."""


def near_names(name: str, known: Collection[str], cutoff: float = 0.6) -> list[str]:
    """Up to three of the ``known`` names that are most like ``name``; ``cutoff`` is difflib's ratio in [0, 1]."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a wrong name, and every command passes here

    return get_close_matches(name, known, n=3, cutoff=cutoff)


def did_you_mean(near: Sequence[str]) -> str:
    """`` Did you mean 'vgg16' or 'vgg19'?`` to put behind a sentence; nothing if nothing is near."""
    return f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
