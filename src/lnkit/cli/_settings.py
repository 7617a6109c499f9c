"""The options of lnkit itself, which hold for every command, and what depends on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from lnkit.registry import Registry


class Settings(NamedTuple):  # dataclasses take longer to import than this module has time
    """What stood before the command: ``lnkit --strict -q eval ...``."""

    strict: bool = False  # a plugin that fails stops the command
    traceback: bool = False  # errors come with the place in the code
    quiet: bool = False  # no progress, no remarks


def settings() -> Settings:
    """The settings of the command that is running."""
    context = click.get_current_context(silent=True)
    found = context.find_object(Settings) if context else None
    return found or Settings()


def open_registry() -> Registry:
    """Load all plugins and name on stderr, once, those that failed."""
    from lnkit.cli._output import warn  # noqa: PLC0415 - it asks for the settings above
    from lnkit.registry import default_registry, load_registry  # noqa: PLC0415 - not for help

    registry = load_registry(strict=True) if settings().strict else default_registry()
    for failure in registry.failures:
        warn(
            f"Plugin {failure.plugin!r} failed ({failure.stage}): {failure.reason.rstrip('.')}. "
            f"`lnkit plugins --traceback {failure.plugin}` shows more."
        )
    return registry
