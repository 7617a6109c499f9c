"""Subcommands that plugins bring, as entry points of the group ``lnkit.commands``: name = "module:click_command"."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import click

from lnkit.errors import PluginError
from lnkit.plugins.entrypoints import COMMANDS, EntryPoint, find_entry_points


@cache
def plugin_commands() -> dict[str, EntryPoint]:
    """The commands of installed plugins by name; of two with one name, the one that comes first on the path."""
    found: dict[str, EntryPoint] = {}
    for entry in find_entry_points(group=COMMANDS):
        if entry.value:
            found.setdefault(entry.name, entry)
    return found


def load_command(entry: EntryPoint) -> click.Command:
    """Import the command that a plugin announces.

    Raises:
        PluginError: it cannot be imported, or is no command of click.
    """
    module, _, attribute = entry.value.partition(":")
    try:
        command = getattr(import_module(module), attribute)
    except Exception as error:  # whatever the code of others does
        raise PluginError(
            f"The command {entry.name!r} of {entry.distribution} cannot be used: {type(error).__name__}: {error}. "
            f"Install {entry.distribution} again, or remove it."
        ) from error
    if not isinstance(command, click.Command):
        raise PluginError(
            f"The command {entry.name!r} of {entry.distribution} is no command of click: {entry.value} was expected to "
            f"be one, and is of type {type(command).__name__}."
        )
    return command
