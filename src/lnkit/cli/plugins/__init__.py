"""`lnkit plugins`: list installed plugins, write a new one, and check one."""

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

    The environment variable LNKIT_PLUGINS lists the plugins to load, separated by commas; those of lnkit itself are
    always loaded. LNKIT_PLUGINS=none loads no others.
    """
    if ctx.invoked_subcommand is None:
        list_plugins(name, as_json)
    elif name is not None or as_json:
        raise click.UsageError(
            f"Give the options of {ctx.invoked_subcommand} after it; options before it belong to the list of plugins."
        )


plugins.add_command(new)
plugins.add_command(check)
