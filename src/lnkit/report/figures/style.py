"""The look of all figures: colors for every kind of color vision, and sizes that can be printed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import altair as alt

from lnkit.analysis.score_rows import OWN

POINTS = ("early", "semi_early", "mid", "late")  # from the input to the output
# The palette of Okabe and Ito (2008), made for color-blind readers, without yellow, which is invisible on white. The
# first four are those of the standard points and go from light to dark, so that they differ in gray print too.
COLORS = ("#E69F00", "#009E73", "#0072B2", "#000000", "#CC79A7", "#56B4E9", "#D55E00")
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "triangle-right", "triangle-left", "cross")
MUTED, INK, PALE = "#595959", "#222222", "#e6e6e6"  # MUTED has a contrast of 7 : 1 on white
COLUMNS = 2  # of panels
WIDTH, HEIGHT = 440, 320  # of a panel, in units; each unit is files.SCALE pixels in a PNG
SIZE = 70  # area of a circle
# Vega's size of a shape is about the area of its box. Multiplied by these, all shapes cover as much as a circle.
AREAS = {shape: 1.7 if shape.startswith("triangle") else 1.0 for shape in SHAPES}
AREAS |= {"square": 0.85, "diamond": 1.6, "cross": 1.4}
NAME_SIZE = 10  # font size of names beside marks
FONT = "Helvetica, Arial, sans-serif"
MAX_LABEL = 240  # pixels; longer labels end with an ellipsis, and tooltips show all of them
LINE = 96  # characters in a line of a subtitle
LETTER = 6.2  # mean width in pixels of a letter of panel titles
MIN_TITLE = 34  # characters in a line of a panel title, even if the panel is narrower


def styled(chart: alt.TopLevelMixin, title: str, subtitle: Sequence[str] = ()) -> Any:
    """Add a title, a subtitle and the look that all figures share.

    Args:
        chart: changed in place.
        title: wrapped into lines.
        subtitle: sentences, each on lines of its own.
    """
    lines = [line for text in subtitle for line in textwrap.wrap(text, LINE)]
    heading = alt.TitleParams(textwrap.wrap(title, LINE * 3 // 4), subtitle=lines, anchor="start", offset=14)
    with_title: Any = chart  # changed in place: each of Altair's methods would copy all of it
    with_title.title, with_title.background = heading, "white"
    with_title.config = alt.Config(
        font=FONT,
        axis=alt.AxisConfig(
            labelFontSize=12, titleFontSize=13, titleFontWeight="normal", gridColor=PALE, labelLimit=MAX_LABEL
        ),
        legend=alt.LegendConfig(labelFontSize=12, titleFontSize=12, labelLimit=MAX_LABEL),
        title=alt.TitleConfig(fontSize=15, subtitleFontSize=12, subtitleColor=MUTED),
        view=alt.ViewConfig(stroke="#cccccc"),
    )
    return with_title


def panel_title(text: str, width: float = WIDTH) -> alt.TitleParams:
    """Return the title of one panel of several, wrapped to the width of the panel in pixels."""
    lines = textwrap.wrap(text, max(int(width / LETTER), MIN_TITLE))
    return alt.TitleParams(lines, fontSize=12, fontWeight="normal", anchor="start", frame="group")


def groups(field: str, names: Sequence[str], title: str, size: float = SIZE) -> dict[str, Any]:
    """Return encodings that show groups twice, by color and by shape.

    There is one color fewer than there are shapes, so that 56 groups differ in the pair.

    Args:
        field: column of the groups.
        names: of the groups, in the order of the legend.
        title: of the legend.
        size: area of a circle, in square pixels.
    """
    order, numbers = list(names), _numbers(names)
    shapes = [SHAPES[i % len(SHAPES)] for i in numbers]
    ranges: dict[str, tuple[Any, list[Any]]] = {
        "color": (alt.Color, [COLORS[i % len(COLORS)] for i in numbers]),
        "shape": (alt.Shape, shapes),
        "size": (alt.Size, [size * AREAS[shape] for shape in shapes]),
    }
    return {
        # Without its type, a scale of sizes is one of points, which has no place for a single group.
        channel: make(
            f"{field}:N", title=title, sort=order, scale=alt.Scale(type="ordinal", domain=order, range=values)
        )
        for channel, (make, values) in ranges.items()
    }


def _numbers(names: Sequence[str]) -> list[int]:
    """Number the groups so that a standard point looks the same in every figure."""
    others = [name for name in names if name not in POINTS]
    first = len(POINTS) * (len(others) < len(names))
    return [POINTS.index(name) if name in POINTS else first + others.index(name) for name in names]


def marks(rows: Any, grouped: dict[str, Any], **encodings: Any) -> Any:
    """Draw measurements as marks: published ones filled, own ones hollow and above the others."""
    own = rows.origin == OWN
    filled = alt.Chart(rows[~own]).mark_point(filled=True, opacity=1, stroke="white", strokeWidth=0.7)
    hollow = alt.Chart(rows[own]).mark_point(filled=False, opacity=1, fill="white", strokeWidth=1.8)
    layers = [chart.encode(**grouped, **encodings) for chart in (filled, hollow) if len(chart.data)]
    return alt.layer(*layers)


def points_in_order(points: Sequence[str]) -> list[str]:
    """Return each point once: the standard ones from input to output, then the others by name."""
    return [*[p for p in POINTS if p in set(points)], *sorted(set(points) - set(POINTS))]


def zooming(number: int = 0) -> alt.Parameter:
    """Let a reader drag and scroll; the parameter has a name so that the same figure is always the same text."""
    return alt.selection_interval(bind="scales", name=f"zoom_{number}")
