"""`lnkit plot`: draw one figure into a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lnkit.cli._analysis import gather_measurements, source_options
from lnkit.cli._output import echo, print_table
from lnkit.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from lnkit.analysis.collect import ScoreSet


class FigureFacts(NamedTuple):
    """A figure and the options that it takes."""

    title: str
    score: bool = False  # it draws one score, which --score must name
    narrows: bool = False  # it draws all scores, or the one that --score names
    attribute: bool = False


DEFAULT_ATTRIBUTE = "point_macs"
FIGURES = {
    "best-points": FigureFacts("the best extraction point for each backbone and score", narrows=True),
    "point-spread": FigureFacts("the spread of a score over the backbones at each point", score=True),
    "score-macs": FigureFacts("a score against the multiply-adds up to the point, with its Pareto front", score=True),
    "score-accuracy": FigureFacts("a score against ImageNet accuracy, with its Pareto front", score=True),
    "score-against": FigureFacts("a score against any --attribute, with its Pareto front", score=True, attribute=True),
    "early-stopping": FigureFacts("perceptual score against ImageNet accuracy, as in Kumar et al. 2022"),
    "ranks": FigureFacts("mean ranks of backbones for each benchmark"),
    "correlations": FigureFacts("correlations of scores with attributes", narrows=True),
}

EPILOG = "\b\nFigures:\n" + "\n".join(f"  {name:15} {facts.title}" for name, facts in FIGURES.items())
OUTPUT_HELP = "File to write: .png, .svg, .pdf, .html (interactive, needs no network) or .json (Vega-Lite)."


def _list(context: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        print_table(["figure", "content"], [[name, facts.title] for name, facts in FIGURES.items()])
        context.exit()


@click.command("plot", epilog=EPILOG)
@click.argument("figure", type=click.Choice(list(FIGURES)), metavar="FIGURE")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), required=True, help=OUTPUT_HELP)
@click.option("--score", metavar="NAME", help="The score to draw, such as 2afc.")
@click.option("--attribute", metavar="NAME", help=f"The attribute of score-against.  [default: {DEFAULT_ATTRIBUTE}]")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List the figures.")
@source_options
def plot(figure: str, output: Path, score: str | None, attribute: str | None, **filters: Any) -> None:
    """Draw a figure of results and published tables."""
    _check_options(figure, score, attribute)
    from lnkit.report.figures.files import save_figure, writer_for  # noqa: PLC0415 - not for help

    writer_for(output)  # refuse a wrong ending before the work
    save_figure(_draw(figure, gather_measurements(**filters), score, attribute or DEFAULT_ATTRIBUTE), output)
    echo(f"Figure: {output}")


def _check_options(figure: str, score: str | None, attribute: str | None) -> None:
    """Refuse options that the figure would ignore, and missing options that it needs."""
    facts = FIGURES[figure]
    if facts.score and score is None:
        raise UsageError(f"The figure {figure} needs a score: name one with --score, such as --score 2afc.")
    if score is not None and not (facts.score or facts.narrows):
        raise UsageError(f"The figure {figure} shows no single score and takes no --score.")
    if attribute is not None and not facts.attribute:
        raise UsageError(f"The figure {figure} takes no --attribute; score-against does.")


def _draw(figure: str, gathered: ScoreSet, score: str | None, attribute: str) -> Any:
    from lnkit.report import figures as charts  # noqa: PLC0415 - altair

    frame, attributes = gathered.frame(), gathered.attributes()
    if score is not None and FIGURES[figure].narrows:
        frame = charts.select_score(frame, score)
    draw = {
        "best-points": lambda: charts.best_points(frame),
        "point-spread": lambda: charts.point_spread(frame, str(score)),
        "score-macs": lambda: charts.score_against_macs(frame, attributes, str(score)),
        "score-accuracy": lambda: charts.score_against_accuracy(frame, attributes, str(score)),
        "score-against": lambda: charts.score_against(frame, attributes, str(score), attribute),
        "early-stopping": lambda: charts.early_stopping(frame, attributes),
        "ranks": lambda: charts.ranks(frame),
        "correlations": lambda: charts.correlations(_correlations(frame, attributes)),
    }
    return draw[figure]()


def _correlations(frame: pd.DataFrame, attributes: pd.DataFrame) -> pd.DataFrame:
    """Correlate the main scores with attributes, as `lnkit analyze correlations` does."""
    from lnkit.analysis.correlations import attribute_correlations  # noqa: PLC0415 - scipy
    from lnkit.analysis.rankings import counted  # noqa: PLC0415 - pandas

    main = counted(frame)
    return attribute_correlations(main if len(main) else frame, attributes, methods=("spearman",))
