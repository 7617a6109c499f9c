"""`lnkit report`: one page of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lnkit.cli._analysis import gather_options, gathered
from lnkit.cli._output import note


@click.command("report")
@gather_options
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default="report.html", show_default=True,
              help="File to write.")  # fmt: skip
@click.option("--title", default="Loss networks", show_default=True, help="Title of the page.")
def report(output: Path, title: str, **wishes: Any) -> None:
    """Write everything into one HTML file that opens without a network.

    Overview, ranks, best points, interactive figures, correlations, every score with its signature and interval, the
    records behind them, and the caveats. Tables sort and filter.
    """
    found = gathered(**wishes)
    note(f"Writing a report of {len(found.rows):,} scores ...")
    from lnkit.report.page import write_report  # noqa: PLC0415 - pandas and altair

    size = write_report(found, output, title)
    click.echo(f"Report: {output} ({size / 1e6:.1f} MB)")
