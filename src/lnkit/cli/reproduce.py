"""`lnkit reproduce`: own results beside the published tables."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from lnkit.cli._analysis import gather_measurements
from lnkit.cli._output import emit_json, json_option, note, print_table


@click.command("reproduce")
@click.option("--results", "folder", type=click.Path(path_type=Path), help="Folder of results.")
@click.option("--protocol", "variant", metavar="VARIANT",
              help="Results of this variant; otherwise the comparable ones, `reference` before others.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default="reproduction.html",
              show_default=True, help="File to write: .html or .md.")  # fmt: skip
@json_option
def reproduce(folder: Path | None, variant: str | None, output: Path, as_json: bool) -> None:
    """Set own results beside the published tables, and say what is missing.

    One section for each table of the published study: ours, published, the difference, and what may explain it; then
    the commands that would make what is not there yet.
    """
    from lnkit.report.reproduction import reproduce as set_beside  # noqa: PLC0415 - not for help
    from lnkit.report.reproduction import write_page  # noqa: PLC0415

    found = gather_measurements("both", folder, None, None, False, quiet=as_json)
    parts = set_beside(found, variant)
    if as_json:
        emit_json([asdict(part) for part in parts])
        return
    write_page(parts, output)
    print_table(["table", "ours", "missing"], [[part.title, len(part.lines), part.missing] for part in parts])
    click.echo(f"Page: {output}")
    if any(part.missing for part in parts):
        note("The page lists the commands that make what is missing.")
