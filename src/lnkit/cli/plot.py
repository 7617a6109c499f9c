"""`lnkit plot`: one figure in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lnkit.cli._analysis import gather_options, gathered
from lnkit.cli._output import print_table
from lnkit.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from lnkit.analysis.collect import ScoreSet


class FigureFacts(NamedTuple):
    """A figure, and which options it takes."""

    what: str
    score: bool = False  # it draws one, which has to be named
    narrows: bool = False  # it draws all, unless one is named
    attribute: bool = False


DEFAULT_ATTRIBUTE = "point_macs"
FIGURES = {
    "best-points": FigureFacts("which extraction point is best, for each backbone and score", narrows=True),
    "point-spread": FigureFacts("how a score spreads over the backbones at each point", score=True),
    "score-macs": FigureFacts("a score against the multiply-adds up to the point, with its Pareto front", score=True),
    "score-accuracy": FigureFacts("a score against ImageNet accuracy, with its Pareto front", score=True),
    "score-against": FigureFacts("a score against any --attribute, with its Pareto front", score=True, attribute=True),
    "early-stopping": FigureFacts("perceptual score against ImageNet accuracy, with Kumar et al.'s networks"),
    "ranks": FigureFacts("mean ranks of backbones for each benchmark"),
    "correlations": FigureFacts("correlations of scores with attributes", narrows=True),
}

EPILOG = "\b\nFigures:\n" + "\n".join(f"  {name:15} {facts.what}" for name, facts in FIGURES.items())
OUTPUT_HELP = "File to write: .png, .svg, .pdf, .html (interactive, needs no network) or .json (Vega-Lite)."


def _list(context: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        print_table(["figure", "what it shows"], [[name, facts.what] for name, facts in FIGURES.items()])
        context.exit()


@click.command("plot", epilog=EPILOG)
@click.argument("figure", type=click.Choice(list(FIGURES)), metavar="FIGURE")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), required=True, help=OUTPUT_HELP)
@click.option("--score", metavar="NAME", help="The score to draw, such as 2afc.")
@click.option(
    "--attribute", metavar="NAME", help=f"What score-against draws it against.  [default: {DEFAULT_ATTRIBUTE}]"
)
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List the figures.")
@gather_options
def plot(figure: str, output: Path, score: str | None, attribute: str | None, **wishes: Any) -> None:
    """Draw a figure from results and published tables."""
    _check_options(figure, score, attribute)
    from lnkit.report.figures.saving import check_ending, save  # noqa: PLC0415 - not for help

    check_ending(output)  # before the work
    found = gathered(**wishes)
    save(_draw(figure, found, score, attribute or DEFAULT_ATTRIBUTE), output)
    click.echo(f"Figure: {output}")


def _check_options(figure: str, score: str | None, attribute: str | None) -> None:
    """Refuse what the figure would ignore, and what it cannot do without."""
    facts = FIGURES[figure]
    if facts.score and score is None:
        raise UsageError(f"The figure {figure} needs a score: name one with --score, such as --score 2afc.")
    if score is not None and not (facts.score or facts.narrows):
        raise UsageError(f"The figure {figure} is not of one score, and takes no --score.")
    if attribute is not None and not facts.attribute:
        raise UsageError(f"The figure {figure} takes no --attribute; score-against does.")


def _draw(figure: str, found: ScoreSet, score: str | None, attribute: str) -> Any:
    from lnkit.report import figures as charts  # noqa: PLC0415 - altair

    frame, attributes = found.frame(), found.attributes()
    named = str(score)
    if score is not None and FIGURES[figure].narrows:
        frame = charts.of_score(frame, score)
    draw = {
        "best-points": lambda: charts.best_points(frame),
        "point-spread": lambda: charts.point_spread(frame, named),
        "score-macs": lambda: charts.score_against_macs(frame, attributes, named),
        "score-accuracy": lambda: charts.score_against_accuracy(frame, attributes, named),
        "score-against": lambda: charts.score_against(frame, attributes, named, attribute),
        "early-stopping": lambda: charts.early_stopping(frame, attributes),
        "ranks": lambda: charts.ranks(frame),
        "correlations": lambda: charts.correlations(_correlated(frame, attributes)),
    }
    return draw[figure]()


def _correlated(frame: pd.DataFrame, attributes: pd.DataFrame) -> pd.DataFrame:
    """Of the scores that make up ranks, as `lnkit analyze correlations` does it."""
    from lnkit.analysis.correlations import attribute_correlations  # noqa: PLC0415 - scipy
    from lnkit.analysis.rankings import counted  # noqa: PLC0415 - pandas

    main = counted(frame)
    return attribute_correlations(main if len(main) else frame, attributes, methods=("spearman",))
