"""The command line's own help, command by command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click
from markupsafe import Markup, escape

from lnkit.cli import cli
from sitepages.markup import code, table


def command_reference() -> str:
    """Return every command with its usage, its help and its options."""
    return "\n".join(_describe(command, context) for command, context in commands())


def commands() -> Iterator[tuple[click.Command, click.Context]]:
    """Yield every command of lnkit, groups before their commands."""
    yield from _below(cli, click.Context(cli, info_name="lnkit", help_option_names=["-h", "--help"]))


def _below(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    yield command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _below(inner, click.Context(inner, info_name=name, parent=context))


def _describe(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    options = [[code(record[0]), _help(record[1])] for record in records if record]
    level = "#" * min(2 + context.command_path.count(" "), 3)
    return f"{level} `{context.command_path}`\n\n```text\n{usage}\n```\n\n{_text(command)}\n" + table(
        ["option", "description"], options
    )


def _text(command: click.Command) -> str:
    """Return the help as paragraphs. In lnkit's own texts only ``<`` could be taken for markup."""
    return cleandoc(command.help or "").replace("<", "&lt;")


def _help(text: str) -> Markup:
    """Return an option's help, with defaults and ranges on a line of their own."""
    help_text, *technical = re.split(r"\s*(?=\[(?:default:|x))", text, maxsplit=1)
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(help_text)))
    return Markup(shown) + (Markup("<br><small>{}</small>").format(technical[0]) if technical else "")
