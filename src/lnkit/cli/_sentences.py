"""Prints results that are sentences."""

from __future__ import annotations

import sys

import click

from lnkit.cli._output import clean, is_terminal


def say(sentence: str, indent: str = "") -> None:
    """Print a sentence on stdout; on a terminal wrapped at its words, further lines indented."""
    text = clean(sentence)
    if is_terminal(sys.stdout):
        from shutil import get_terminal_size  # noqa: PLC0415 - only on a terminal

        text = click.wrap_text(text, get_terminal_size().columns, subsequent_indent=indent)
    click.echo(text)
