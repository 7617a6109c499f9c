"""`lnkit plugins new`: write a new plugin that works."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lnkit.cli._output import echo, is_terminal, note
from lnkit.cli._registry import load_plugins


@click.command("new")
@click.argument("name")
@click.option("--backbone", is_flag=True, help="Include a backbone with its extraction points.")
@click.option("--points", is_flag=True, help="Include extraction points for a backbone of another plugin.")
@click.option("--distance", is_flag=True, help="Include a distance.")
@click.option("--benchmark", is_flag=True, help="Include a benchmark.")
@click.option("--folder", type=click.Path(path_type=Path), help="Folder to write.  [default: ./lnkit-NAME]")
def new(name: str, folder: Path | None, **included: bool) -> None:
    """Write a new plugin that works and is yours to change.

    NAME says what it is about, in letters, digits and hyphens: my-net becomes the distribution lnkit-my-net with the
    module lnkit_my_net. On a terminal, the command asks for options that are not given.
    """
    from lnkit.scaffold import PARTS, normalize_name, plan, write  # noqa: PLC0415 - not for help

    name = normalize_name(name)
    parts = [part for part, wanted in included.items() if wanted]
    if not parts and is_terminal(sys.stdin):
        parts = [part.name for part in PARTS if click.confirm(f"Include {part.title}?", err=True)]
        folder = folder or click.prompt("Folder", default=Path(f"lnkit-{name}"), type=Path, err=True)
    project = plan(name, parts, load_plugins())
    folder = folder or Path(project.distribution)
    write(project, folder)
    echo(f"Written: {folder}")
    note(f"Next: pip install --editable {folder} && lnkit plugins check {project.module}")
