"""Subcommands of plugins: entry points of the group ``lnkit.commands``, as name = "module:click_command"."""

from __future__ import annotations

from copy import copy
from functools import cache
from importlib import import_module
from typing import Any

import click

from lnkit.cli._output import echo
from lnkit.errors import LnkitError, PluginError
from lnkit.plugins.entrypoints import COMMANDS, EntryPoint, find_entry_points
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.guard import Owner, explain, foreign_code, is_circumstance

# What a command raises for lnkit or click, and an interrupt, of which only the whole command line knows who sent it.
PASSED = (
    *(LnkitError, click.exceptions.Exit, click.ClickException, click.Abort),
    *(KeyboardInterrupt, BrokenPipeError),
)


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

    def blame(error: BaseException) -> PluginError:
        return PluginError(
            f"The command {entry.name!r} of {entry.distribution} cannot be used: {sentence_of(error).rstrip('.')}. "
            f"Install {entry.distribution} again, or remove it."
        )

    with foreign_code(blame):
        command = getattr(import_module(module), attribute)
    if not isinstance(command, click.Command):
        raise PluginError(
            f"Expected a click command in {entry.value}, the command {entry.name!r} of {entry.distribution}, "
            f"got an object of type {type(command).__name__}."
        )
    return _guarded(command, entry)


def _guarded(command: click.Command, entry: EntryPoint) -> click.Command:
    """Return the command such that its failure names the plugin; where it exits, that is its exit code."""
    package = entry.value.partition(":")[0].partition(".")[0]
    owner = Owner(f"The command {entry.name!r} of {entry.distribution}", package)
    invoke = command.invoke

    def guarded_invoke(ctx: click.Context) -> Any:
        try:
            return invoke(ctx)
        except PASSED:
            raise
        except SystemExit as error:
            raise click.exceptions.Exit(_exit_code(error)) from error
        except BaseException as error:
            if is_circumstance(error):
                raise
            raise explain(owner, "in its code", error) from error

    command = copy(command)
    command.invoke = guarded_invoke  # type: ignore[method-assign]
    return command


def _exit_code(error: SystemExit) -> int:
    """Return the exit code as Python defines it: a text is printed, and is a failure."""
    if error.code is None or isinstance(error.code, int):
        return int(error.code or 0)
    echo(str(error.code), err=True)
    return 1
