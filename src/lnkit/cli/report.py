"""`lnkit report`: one HTML page of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lnkit.cli._analysis import FILE, gather_measurements, source_options
from lnkit.cli._output import echo, note


@click.command("report")
@source_options
@click.option("--output", "-o", type=FILE, default="report.html", show_default=True, help="File to write.")
@click.option("--title", default="Loss networks", show_default=True, help="Title of the page.")
def report(output: Path, title: str, **filters: Any) -> None:
    """Write a report of everything into one HTML file that needs no network.

    It says which loss network is best for which task, how sure that is and what it costs; one figure lets readers
    choose score, axis and data; tables have best points, ranks, correlations, every score with its signature and
    interval, and the records behind them. Caveats stand at the values they concern.
    """
    from lnkit.analysis.collect import count_of  # noqa: PLC0415 - not for help
    from lnkit.report.page import write_report  # noqa: PLC0415 - pandas and altair

    gathered = gather_measurements(**filters)
    note(f"Writing a report of {count_of(len(gathered.rows), 'score')} ...")
    size = write_report(gathered, output, title)
    echo(f"Report: {output} ({size / 1e6:.1f} MB)")
