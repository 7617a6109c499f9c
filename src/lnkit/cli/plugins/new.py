"""`lnkit plugins new`: a plugin to begin with."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lnkit.cli._output import is_terminal, note
from lnkit.cli.plugins.listing import open_quietly


@click.command("new")
@click.argument("name")
@click.option("--backbone", is_flag=True, help="It brings a backbone, with its extraction points.")
@click.option("--points", is_flag=True, help="It brings extraction points for somebody else's backbone.")
@click.option("--distance", is_flag=True, help="It brings a distance.")
@click.option("--benchmark", is_flag=True, help="It brings a benchmark.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where it is written.  [default: ./lnkit-NAME]")
def new(name: str, folder: Path | None, **brought: bool) -> None:
    """Write a new plugin that works and is yours to change.

    NAME is what it is about, in letters, digits and hyphens: my-net becomes the distribution lnkit-my-net with the
    module lnkit_my_net. On a terminal, what is not said is asked.
    """
    from lnkit.scaffold import normalize_name, plan, write  # noqa: PLC0415 - not for help

    name = normalize_name(name)
    parts = [part for part, wanted in brought.items() if wanted]
    if not parts and is_terminal(sys.stdin):
        parts = _ask_for_parts()
        folder = folder or click.prompt("Folder", default=Path(f"lnkit-{name}"), type=Path, err=True)
    project = plan(name, parts, open_quietly())
    folder = folder or Path(project.distribution)
    write(project, folder)
    click.echo(f"Written: {folder}")
    note(f"Next: pip install --editable {folder} && lnkit plugins check {project.module}")


def _ask_for_parts() -> list[str]:
    from lnkit.scaffold import PARTS  # noqa: PLC0415 - not for help

    return [part.name for part in PARTS if click.confirm(f"Shall it bring {part.title}?", err=True)]
