"""`lnkit plot`: one figure in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import gather_options, gathered
from lnkit.errors import UsageError

if TYPE_CHECKING:
    from lnkit.analysis.gathering import Gathered

FIGURES = {
    "best-points": "which extraction point is best, for each backbone and score",
    "point-spread": "how a score (--score) spreads over the backbones at each point",
    "score-against": "a score (--score) against an attribute (--attribute), with its Pareto front",
    "early-stopping": "perceptual score against ImageNet accuracy, with Kumar et al.'s networks",
    "ranks": "mean ranks of backbones for each benchmark",
    "correlations": "correlations of scores with attributes",
}


OUTPUT_HELP = "File to write: .png, .svg, .pdf, .html (interactive, needs no network) or .json (Vega-Lite)."


@click.command("plot", epilog="Figures: " + "; ".join(f"{name}: {what}" for name, what in FIGURES.items()) + ".")
@click.argument("figure", type=click.Choice(list(FIGURES)))
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), required=True, help=OUTPUT_HELP)
@click.option("--score", metavar="NAME", help="The score to draw.")
@click.option("--attribute", metavar="NAME", default="point_flops", show_default=True, help="What it is drawn against.")
@gather_options
def plot(figure: str, output: Path, score: str | None, attribute: str, **wishes: Any) -> None:
    """Draw a figure from results and published tables."""
    if figure in ("point-spread", "score-against") and score is None:
        raise UsageError(f"The figure {figure} needs a score: name one with --score, such as --score 2afc.")
    from lnkit.report.figures.saving import WRITERS, save  # noqa: PLC0415 - not for help

    if output.suffix.lower() not in WRITERS:
        raise UsageError(f"{output} has to end with one of {', '.join(WRITERS)}, which says what is written.")
    found = gathered(**wishes)
    save(_draw(figure, found, score or "", attribute), output)
    click.echo(f"Figure: {output}")


def _draw(figure: str, found: Gathered, score: str, attribute: str) -> Any:
    from lnkit.analysis.correlations import attribute_correlations  # noqa: PLC0415 - pandas
    from lnkit.report.figures import charts  # noqa: PLC0415 - altair

    frame, attributes = found.frame(), found.attributes()
    draw = {
        "best-points": lambda: charts.best_points(frame),
        "point-spread": lambda: charts.point_spread(frame, score),
        "score-against": lambda: charts.score_against(frame, attributes, score, attribute),
        "early-stopping": lambda: charts.early_stopping(frame, attributes),
        "ranks": lambda: charts.ranks(frame),
        "correlations": lambda: charts.correlations(attribute_correlations(frame, attributes, methods=("spearman",))),
    }
    return draw[figure]()
