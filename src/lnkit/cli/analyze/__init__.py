"""`lnkit analyze`: ranks, correlations, proxies, fronts and differences of scores."""

from __future__ import annotations

import click

from lnkit.cli.analyze.correlations import correlations
from lnkit.cli.analyze.difference import difference
from lnkit.cli.analyze.front import front
from lnkit.cli.analyze.proxies import proxies
from lnkit.cli.analyze.ranks import best_points, ranks


@click.group()
def analyze() -> None:
    """Rank, correlate and compare measured and published scores."""


for command in (best_points, ranks, correlations, proxies, front, difference):
    analyze.add_command(command)
