"""How all figures look: colors that everybody can tell apart, sizes that survive print, and what axes are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from lnkit.analysis.attributes import ATTRIBUTES

POINTS = ("early", "semi_early", "mid", "late")  # from the input to the output
# Okabe and Ito's palette, whose colors differ in lightness too, without yellow, which vanishes on white.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke")
MUTED = "#666666"
WIDTH, HEIGHT = 460, 320
SIZE = 70  # of a mark
FONT = "Helvetica, Arial, sans-serif"


def finished(chart: Any, title: str, subtitle: Sequence[str] = ()) -> Any:
    """The chart with its title, and the look that all share."""
    text = alt.TitleParams(title, subtitle=list(subtitle), anchor="start", subtitleColor=MUTED, offset=12)
    return (
        chart.properties(title=text, background="white")
        .configure(font=FONT)
        .configure_axis(
            labelFontSize=12, titleFontSize=13, gridColor="#e6e6e6", titleFontWeight="normal", labelLimit=240
        )
        .configure_legend(labelFontSize=12, titleFontSize=12, labelLimit=240)
        .configure_title(fontSize=15, subtitleFontSize=12)
        .configure_view(stroke="#cccccc")
    )


def color_and_shape(field: str, order: Sequence[str], title: str) -> dict[str, Any]:
    """Encodings that tell groups apart twice, by color and by shape."""
    repeats = len(order) // len(COLORS) + 1
    names = list(order)
    colors = alt.Scale(domain=names, range=list((COLORS * repeats)[: len(names)]))
    return {
        "fill": alt.Fill(f"{field}:N", title=title, sort=names, scale=colors),
        "stroke": alt.Stroke(f"{field}:N", title=title, sort=names, scale=colors),
        "shape": alt.Shape(
            f"{field}:N", title=title, sort=names,
            scale=alt.Scale(domain=names, range=list((SHAPES * repeats)[: len(names)])),
        ),
    }  # fmt: skip


def points_in_order(points: Sequence[str]) -> list[str]:
    """The standard ones from input to output, then others by name."""
    return [*[p for p in POINTS if p in set(points)], *sorted(set(points) - set(POINTS))]


def score_title(score: str, unit: str, higher_is_better: bool) -> str:
    """``x4_psnr_set5 in dB (higher is better)``."""
    words = "" if unit in ("fraction", "") else f" in {unit}"
    return f"{score}{words} ({'higher' if higher_is_better else 'lower'} is better)"


def attribute_title(attribute: str) -> str:
    return ATTRIBUTES[attribute]


def remarks(frame: Any) -> list[str]:
    """What a picture of these measurements must say: caveats, samples, cut-down runs."""
    said = [f"{b}: {_folded(c)}" for b, c in _pairs(frame[frame.caveat != ""], "benchmark", "caveat")]
    if frame["sample"].any():
        said.append("SAMPLE DATA: shows that it runs, not how good anything is")
    elif (~frame["comparable"].astype(bool)).any():
        said.append("with own results that are not comparable with published ones")
    return [line for text in said for line in text.split("\n")]


def _pairs(frame: Any, first: str, second: str) -> list[tuple[str, str]]:
    return list(frame[[first, second]].drop_duplicates().itertuples(index=False, name=None))


def _folded(text: str, width: int = 90) -> str:
    import textwrap  # noqa: PLC0415 - only for a caveat

    return "\n".join(textwrap.wrap(text, width))


def tooltips(fields: Sequence[str]) -> list[alt.Tooltip]:
    """What is said of a mark: fields with their type, ``value:Q``."""
    return [alt.Tooltip(field, title=field.partition(":")[0].replace("_", " ")) for field in fields]
