"""What can go wrong, as sentences: what was expected, what came, what to do next."""

from __future__ import annotations


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
