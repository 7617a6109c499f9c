"""Pictures of one loss network beside people: contrast sensitivity, masking and matching.

A loss network has no threshold: nothing is fitted to it. Its line in a panel joins the contrasts at which its distance
is the same as that of the human thresholds of the panel, in the median over positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from lnkit.escapes import printable
from lnkit_psychophysics import human
from lnkit_psychophysics.answers import Answers
from lnkit_psychophysics.matching import crossings, match
from lnkit_psychophysics.stimuli import Test

Array = NDArray[np.float64]

PICTURE = "report/contrast.svg"  # beside the record, where `lnkit report` looks for pictures

PEOPLE, IMAGE = "people", "the image itself"
WIDTH, HEIGHT, COLUMNS = 250, 190, 3  # of a panel, in units; panels in a row
COLORS = ("#595959", "#0072B2", "#E69F00")  # of people, the loss network and the image itself: Okabe and Ito 2008
CAPTION = (
    "Lines of the loss network and of the image itself: contrasts at the distance that the human thresholds of the",
    "panel have in the median; where a line is missing, no contrast has it. Matching: contrasts that are as far from a",
    "uniform field as each of eight gratings of 5 cycles per degree; 0.001 or 1 where no contrast is.",
)


class Row(TypedDict):
    """A point of a line."""

    x: float
    y: float
    who: str
    line: str


def draw(answers: Answers, name: str, file: Path) -> None:
    """Draw the pictures of a loss network into a file.

    Args:
        answers: of the loss network, with further contrasts.
        name: of the loss network.
        file: its ending chooses the format, as for :func:`lnkit.report.save_figure`.

    Raises:
        UsageError: the packages for figures are not installed.
    """
    from lnkit.report import save_figure  # noqa: PLC0415 - raises an error where Altair is not installed

    save_figure(chart(answers, name), file)


def chart(answers: Answers, name: str) -> Any:
    """Return all panels as an Altair chart."""
    import altair as alt  # noqa: PLC0415 - slow to import

    name = printable(name)
    panels = [_test_panel(test, answers, name) for test in answers.tests] + [_matching_panel(answers, name)]
    rows = [alt.hconcat(*panels[start : start + COLUMNS]) for start in range(0, len(panels), COLUMNS)]
    title = alt.TitleParams(f"Contrast as people and {name} see it", subtitle=list(CAPTION), anchor="start", offset=12)
    figure: Any = alt.vconcat(*rows, title=title, background="white")
    return figure.configure_axis(labelFontSize=11, titleFontSize=11, titleFontWeight="normal", gridColor="#e6e6e6")


def contour(test: Test, scored: Array, curve: Array) -> Array:
    """Return the contrasts (positions,) with the distance that the human thresholds have in the median.

    Args:
        test: at P positions.
        scored: distances (P, multiples) that are scored.
        curve: distances (P, K) of further contrasts.

    Returns:
        The lowest contrast with that distance at each position; NaN where none has it.
    """
    further = test.further(curve.shape[1])
    lines = []
    for contrasts, distances in zip(test.contrasts, np.hstack([scored, curve]), strict=True):
        every = np.concatenate([contrasts, further])
        order = np.argsort(every)
        lines.append((every[order], distances[order]))
    logs = [np.interp(np.log(c), np.log(line[0]), line[1]) for c, line in zip(test.thresholds, lines, strict=True)]
    level = float(np.median(logs))
    return np.array([match(*line, level) if crossings(line[1], level).size else np.nan for line in lines])


def _test_panel(test: Test, answers: Answers, name: str) -> Any:
    people = human.read_curve(test.name)
    shown = (people.position >= test.positions[0] * 0.99) & (people.position <= test.positions[-1] * 1.01)
    rows = list(_line(people.position[shown], people.value[shown], PEOPLE))
    for who, given in ((name, answers), (IMAGE, answers.baseline)):
        if given is not None:
            found = contour(test, *given.distances[test.name])
            rows += _line(test.positions, found if test.masking else 1 / found, who)
    value = "threshold contrast" if test.masking else "sensitivity (1 / contrast)"
    return _panel(rows, test.title, test.variable, value, name)


def _matching_panel(answers: Answers, name: str) -> Any:
    people = human.read_matches()
    rows: list[Row] = []
    for who, lines in ((PEOPLE, people.contrast[:, answers.matching.rows]), (name, answers.matching.matches)):
        for number, contrasts in enumerate(lines):
            rows += _line(people.frequency[answers.matching.rows], contrasts, who, str(number))
    return _panel(rows, "Contrast matching", "spatial frequency (cycles per degree)", "contrast", name)


def _line(x: Iterable[float], y: Iterable[float], who: str, number: str = "") -> Iterator[Row]:
    for position, value in zip(x, y, strict=True):
        if np.isfinite(value):
            yield Row(x=float(position), y=float(value), who=who, line=f"{who} {number}")


def _panel(rows: list[Row], title: str, x: str, y: str, name: str) -> Any:
    import altair as alt  # noqa: PLC0415 - slow to import

    who = [PEOPLE, name, IMAGE]
    logarithmic = alt.Scale(type="log", nice=False, padding=6)
    labels = alt.Axis(format="~g", labelOverlap=True, tickCount=4)
    lines: Any = alt.Chart(alt.InlineData(values=list(rows)), width=WIDTH, height=HEIGHT, title=title)
    encodings = {
        "x": alt.X("x:Q", title=x, scale=logarithmic, axis=labels),
        "y": alt.Y("y:Q", title=y, scale=logarithmic, axis=labels),
        "color": alt.Color(
            "who:N",
            sort=who,
            scale=alt.Scale(domain=who, range=list(COLORS)),
            legend=alt.Legend(title=None, orient="bottom", labelLimit=600, columnPadding=40),
        ),
        "strokeDash": alt.StrokeDash(
            "who:N", sort=who, scale=alt.Scale(domain=who, range=[[1, 0], [1, 0], [4, 3]]), legend=None
        ),
        "strokeWidth": alt.StrokeWidth(
            "who:N", sort=who, scale=alt.Scale(domain=who, range=[3.5, 1.8, 1.4]), legend=None
        ),
        "detail": "line:N",
    }
    return lines.mark_line(clip=True, point=False).encode(**encodings)
