"""`lnkit plugins`: what is installed, and what authors need to write and check their own."""

from __future__ import annotations

import click

from lnkit.cli._output import json_option
from lnkit.cli.plugins.check import check
from lnkit.cli.plugins.new import new
from lnkit.cli.plugins.overview import list_plugins


@click.group("plugins", invoke_without_command=True)
@click.option("--traceback", "name", metavar="NAME", help="Show where in its code a plugin failed.")
@json_option
@click.pass_context
def plugins(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """List the installed plugins, and why one failed.

    LNKIT_PLUGINS lists the plugins to load, separated by commas; lnkit's own always are. LNKIT_PLUGINS=none loads no
    other.
    """
    if ctx.invoked_subcommand is None:
        list_plugins(name, as_json)
    elif name is not None or as_json:
        raise click.UsageError(f"Give options of {ctx.invoked_subcommand} behind it; these belong to the listing.")


plugins.add_command(new)
plugins.add_command(check)
