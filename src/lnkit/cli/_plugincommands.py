"""Subcommands of plugins: entry points of the group ``lnkit.commands``, as name = "module:click_command"."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import click

from lnkit.errors import PluginError
from lnkit.plugins.entrypoints import COMMANDS, EntryPoint, find_entry_points


@cache
def plugin_commands() -> dict[str, EntryPoint]:
    """Return the commands of installed plugins by name; of two with one name, the first on the path."""
    commands: dict[str, EntryPoint] = {}
    for entry in find_entry_points(group=COMMANDS):
        if entry.value:
            commands.setdefault(entry.name, entry)
    return commands


def load_command(entry: EntryPoint) -> click.Command:
    """Import the command of a plugin.

    Raises:
        PluginError: it cannot be imported, or is not a click command.
    """
    module, _, attribute = entry.value.partition(":")
    try:
        command = getattr(import_module(module), attribute)
    except Exception as error:  # code of others may raise anything
        raise PluginError(
            f"The command {entry.name!r} of {entry.distribution} cannot be used: {type(error).__name__}: {error}. "
            f"Install {entry.distribution} again, or remove it."
        ) from error
    if not isinstance(command, click.Command):
        raise PluginError(
            f"Expected a click command in {entry.value}, the command {entry.name!r} of {entry.distribution}, "
            f"got an object of type {type(command).__name__}."
        )
    return command
