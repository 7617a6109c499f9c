"""The options of lnkit itself, which hold for every command, and what depends on them."""

from __future__ import annotations

from typing import NamedTuple

import click


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
