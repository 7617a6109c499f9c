"""The figures: what their specifications say, against pandas and the published tables, and the files they become."""

from __future__ import annotations

import itertools
import json
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import make_record
from skimage.color import deltaE_ciede2000, rgb2lab

from lnkit.analysis.attributes import attributes_frame
from lnkit.analysis.correlations import attribute_correlations
from lnkit.analysis.published.frames import (
    average_rankings,
    best_points as published_best_points,
    early_stopping_scores,
)
from lnkit.analysis.score_rows import from_published, from_records, to_frame
from lnkit.errors import LnkitError, UsageError
from lnkit.report import figures
from lnkit.report.figures.files import SCALE, to_spec
from lnkit.report.figures.heat_map import DIVERGING, SEQUENTIAL
from lnkit.report.figures.labels import POSITIONS, LabelPosition, Panel, label_width, place_labels
from lnkit.report.figures.scatter import Axis, axis_range, points_along
from lnkit.report.figures.style import COLORS, MUTED, POINTS, SHAPES
from lnkit.results.records import RunRecord
from lnkit.stats import Sampling

HOSTILE = "</script><img src=x onerror=alert(1)>"
LONG = "a_name_that_does_not_end_" * 8
Tables = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def published() -> Tables:
    return tables([])


@pytest.fixture(scope="module")
def both() -> Tables:
    return tables(own_records())


def tables(records: list[RunRecord], *, with_published: bool = True) -> Tables:
    measurements = from_records(records) + (from_published() if with_published else [])
    return to_frame(measurements), attributes_frame(measurements, records)


def own_records() -> list[RunRecord]:
    """Of three backbones: two with the protocol of the reference code, one with another, which stands apart."""

    def record(value: float, backbone: str, point: str, **changes: Any) -> RunRecord:
        known = {"imagenet_top1": 100 * value, "point_macs": 1e9 * value, "batch_norm": 1.0}
        return make_record(value, backbone=backbone, points={point: "x"}, attributes=known, **changes)

    mine = [record(0.70, "mine", "early"), record(0.66, "mine", "late"), record(0.71, HOSTILE, "mid")]
    quick = [record(0.80 + i / 100, LONG, point, variant="quick") for i, point in enumerate(("early", "mid"))]
    return mine + quick


def correlated(frame: pd.DataFrame, attributes: pd.DataFrame) -> pd.DataFrame:
    some = frame[frame.score.isin(["2afc", "jnd_map", "quality"])]
    return attribute_correlations(some, attributes, methods=("spearman",), sampling=Sampling(50))


FIGURES: dict[str, Callable[[pd.DataFrame, pd.DataFrame], Any]] = {
    "best_points": lambda frame, attributes: figures.best_points(frame),
    "point_spread": lambda frame, attributes: figures.point_spread(frame, "2afc"),
    "score_against": lambda frame, attributes: figures.score_against(frame, attributes, "2afc", "batch_norm"),
    "score_against_macs": lambda frame, attributes: figures.score_against_macs(frame, attributes, "2afc"),
    "score_against_accuracy": lambda frame, attributes: figures.score_against_accuracy(frame, attributes, "2afc"),
    "early_stopping": figures.early_stopping,
    "ranks": lambda frame, attributes: figures.ranks(frame),
    "correlations": lambda frame, attributes: figures.correlations(correlated(frame, attributes)),
}


def parts(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All views of a specification, with their data in place."""

    def walk(view: dict[str, Any], inherited: Any) -> Iterator[dict[str, Any]]:
        data = view.get("data", inherited)
        if "mark" in view:
            yield view | {"rows": pd.DataFrame(spec["datasets"][data["name"]])}
        for kind in ("layer", "concat", "hconcat", "vconcat"):
            for child in view.get(kind, []):
                yield from walk(child, data)

    return walk(spec, None)


def marks(chart: Any) -> list[dict[str, Any]]:
    return [part for part in parts(to_spec(chart)) if part["mark"]["type"] == "point"]


def drawn(chart: Any) -> pd.DataFrame:
    """The data of all marks."""
    return pd.concat([part["rows"] for part in marks(chart)], ignore_index=True)


def texts(chart: Any) -> str:
    return json.dumps(to_spec(chart)["title"])


def elements(page: str) -> dict[str, set[str]]:
    """The elements of a page, with the attributes that they have."""
    found: dict[str, set[str]] = {}

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.setdefault(tag, set()).update(name for name, _ in attrs)

    Reader().feed(page)
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_in_every_form(name: str, both: Tables, tmp_path: Path) -> None:
    chart = FIGURES[name](*both)
    for ending in ("png", "svg", "pdf", "html", "json"):
        figures.save_figure(chart, tmp_path / f"figure.{ending}")
    svg = (tmp_path / "figure.svg").read_text()
    png = (tmp_path / "figure.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (float(size) for size in re.search(r'width="([\d.]+)" height="([\d.]+)"', svg).groups())  # type: ignore[union-attr]
    assert struct.unpack(">II", png[16:24]) == pytest.approx((SCALE * width, SCALE * height), abs=SCALE)
    assert 300 < width < 1400, "a figure fits on a page, or on a screen"
    assert (tmp_path / "figure.pdf").read_bytes()[:5] == b"%PDF-"
    assert json.loads((tmp_path / "figure.json").read_text())["$schema"].startswith("https://vega.github.io/schema")
    page = (tmp_path / "figure.html").read_text()
    assert "default-src 'none'" in page
    assert "img" not in (found := elements(page))
    assert {"src", "href"}.isdisjoint(name for one in found.values() for name in one)


def test_a_page_has_its_heading_once(published: Tables, tmp_path: Path) -> None:
    title = "a title so long that a figure has it on two lines, as this one is, since it does not end before"
    chart = figures.score_against_macs(*published, "2afc")
    chart.title.text = [title[:50].strip(), title[50:].strip()]
    figures.save_figure(chart, tmp_path / "figure.html")
    page = (tmp_path / "figure.html").read_text()
    assert re.findall(r"<h\d>(.*?)</h\d>", page.partition("<script>")[0]) == [title]
    assert f"<title>{title}</title>" in page
    assert f'role="img" aria-label="{title}. Dashed and named: the Pareto front.' in page
    spec = json.loads(page.partition('id="figure-spec">')[2].partition("</script>")[0])
    assert "title" not in spec, "the figure below does not repeat it"
    assert '<p class="muted">Dashed and named: the Pareto front.' in page


BEGINNER = ((0.7, "mine"), (0.8, "yours"))  # one family, one point
SCATTERED = {
    "best_points": lambda frame, attributes: figures.best_points(frame),
    "point_spread": lambda frame, attributes: figures.point_spread(frame, "2afc"),
    "score_against_macs": lambda frame, attributes: figures.score_against_macs(frame, attributes, "2afc"),
    "score_against_accuracy": lambda frame, attributes: figures.score_against_accuracy(frame, attributes, "2afc"),
}


@pytest.mark.parametrize("groups", ["one backbone", "one point", "many"])
@pytest.mark.parametrize("name", SCATTERED)
def test_the_marks_of_one_group_and_of_many_are_in_the_picture(name: str, groups: str, tmp_path: Path) -> None:
    """A beginner has one backbone, or one point."""
    records = own_records()
    one_point = [
        make_record(value, backbone=backbone, attributes={"imagenet_top1": 100 * value, "point_macs": 1e9 * value})
        for value, backbone in BEGINNER
    ]
    chosen = {"one backbone": records[:2], "one point": one_point, "many": records}[groups]
    frame, attributes = tables(chosen, with_published=False)
    chart = SCATTERED[name](frame, attributes)
    figures.save_figure(chart, tmp_path / "figure.svg")
    svg = (tmp_path / "figure.svg").read_text()
    assert "NaN" not in svg
    symbols = re.findall(r'<path aria-label="[^"]*" role="graphics-symbol"[^>]* d="(M[^"]+)"', svg)
    shown = [path for path in symbols if not path.startswith("M0,0h0")]
    assert len(shown) >= len(drawn(chart)) > 0


def test_labels_are_in_the_picture(published: Tables, tmp_path: Path) -> None:
    figures.save_figure(figures.score_against_macs(*published, "2afc"), tmp_path / "figure.svg")
    svg = (tmp_path / "figure.svg").read_text()
    for label in ("alexnet:mid", "higher is better", "multiply-adds up to the point", "n = 56", "semi_early", "10G"):
        assert label in svg
    figures.save_figure(figures.best_points(published[0]), tmp_path / "figure.svg")
    assert "running sum" in (tmp_path / "figure.svg").read_text()


def test_best_points_are_those_of_table_iv(published: Tables) -> None:
    table = drawn(figures.best_points(published[0]))
    names = {"x4_ssim_bsd100", "x8_ssim_bsd100", "2afc", "jnd_map", "svhn_accuracy", "stl10_accuracy"}
    known = published_best_points().set_index("backbone")[sorted(names)].stack()
    for (backbone, score), point in known.items():
        cell = table[(table.backbone == backbone) & (table.score == score)]
        assert point in set(cell.point), (backbone, score)
    assert len(table) > 14 * 19  # where points are equally good, both are there
    tied = table[(table.backbone == "inception_v3") & (table.score == "x4_psnr_set5")]
    assert sorted(tied.beside) == [-0.5, 0.5]


def test_spread_shows_each_value_and_boxes_of_many_only(both: Tables) -> None:
    frame, _ = both
    chart = figures.point_spread(frame, "2afc")
    values = frame[frame.score == "2afc"]
    assert sorted(drawn(chart).value) == pytest.approx(sorted(values.value))
    (boxes,) = [part["rows"] for part in parts(to_spec(chart)) if part["mark"]["type"] == "boxplot"]
    comparable = values[values.comparable.astype(bool)]
    assert dict(boxes.groupby("point").value.median()) == pytest.approx(
        dict(comparable.groupby("point").value.median())
    )
    places = drawn(chart).groupby("backbone").place.nunique()
    assert (places == 1).all(), "a backbone keeps its place"


@pytest.mark.parametrize(("attribute", "wanted"), [("point_macs", -1), ("imagenet_top1", 1)])
def test_the_front_is_what_nothing_beats(attribute: str, wanted: int, published: Tables) -> None:
    frame, attributes = published
    rows = drawn(figures.score_against(frame, attributes, "x4_psnr_set5", attribute))
    assert rows.x.tolist() == [attributes[attribute][name] for name in rows.loss_network]
    places = list(zip(wanted * rows.x, rows.y, strict=True))
    unbeaten = [not any(b != a and b[0] >= a[0] and b[1] >= a[1] for b in places) for a in places]
    assert rows.front.tolist() == unbeaten
    assert 1 < sum(unbeaten) < 20


def test_where_lower_is_better_the_front_is_low(published: Tables) -> None:
    frame, attributes = published
    chart = figures.score_against_macs(frame.assign(higher_is_better=False), attributes, "2afc")
    rows = drawn(chart)
    assert rows.y[rows.front].min() == rows.y.min()
    assert "lower is better" in json.dumps(to_spec(chart))


def test_no_front_if_none_is_wanted(published: Tables) -> None:
    spec = to_spec(figures.score_against_macs(*published, "2afc", front=False))
    assert not any(part["mark"]["type"] in ("line", "text") for part in parts(spec))
    assert "Pareto" not in json.dumps(spec["title"])


def test_own_marks_are_hollow_and_have_intervals(both: Tables) -> None:
    chart = figures.score_against_macs(*both, "2afc")
    for part in marks(chart):
        assert set(part["rows"].origin) == {"published" if part["mark"]["filled"] else "own"}
    assert "Hollow: own" in texts(chart)
    bars = pd.concat([part["rows"] for part in parts(to_spec(chart)) if part["mark"]["type"] == "rule"])
    assert sorted(bars.high - bars.low) == pytest.approx([0.02] * 5)
    assert "Hollow" not in texts(figures.score_against_macs(*tables([]), "2afc"))


def test_what_may_not_be_compared_stands_apart(both: Tables) -> None:
    spec = to_spec(figures.score_against_macs(*both, "2afc"))
    first, second = spec["concat"]
    named = [" ".join(panel["title"]["text"]) for panel in (first, second)]
    assert re.fullmatch(r"published \(n = 56 .*\) and own, bapps/paper@\w+ \(n = 3 loss networks\)", named[0])
    assert re.fullmatch(r"own, bapps/quick@\w+ \(n = 2 .*\); not comparable with published scores", named[1])
    for panel, count in ((first, 59), (second, 2)):
        rows = pd.concat(
            [p["rows"] for p in parts(panel | {"datasets": spec["datasets"]}) if p["mark"]["type"] == "point"]
        )
        assert len(rows) == count


def test_fronts_stay_within_a_setting(both: Tables) -> None:
    rows = drawn(figures.score_against_macs(*both, "2afc"))
    assert (rows.groupby("setting").front.sum() > 0).all()
    assert rows.setting.nunique() == 3


def test_early_stopping_has_every_published_network_with_an_accuracy(published: Tables) -> None:
    rows = drawn(figures.early_stopping())
    known = early_stopping_scores().dropna(subset="imagenet_top1")
    assert len(rows) == len(known) + 14
    assert set(rows[rows.group.str.startswith("Kumar")].y) == set(known.perceptual_score)
    frame, attributes = published
    bapps = frame[frame.score == "2afc"]
    best = 100 * bapps.groupby("backbone").value.max()
    assert sorted(rows[rows.group.str.startswith("Pihlgren")].y) == pytest.approx(sorted(best))
    alexnet = rows[rows.name == "alexnet:mid"].iloc[0]
    assert (alexnet.x, bool(alexnet.front)) == (pytest.approx(attributes.imagenet_top1["alexnet:mid"]), True)


def test_early_stopping_takes_own_networks(both: Tables) -> None:
    rows = drawn(figures.early_stopping(*both))
    own = rows[rows.origin == "own"]
    assert dict(zip(own.loss_network, own.y, strict=True))["mine:early"] == pytest.approx(70)
    assert len(own) == 5
    assert own.low.notna().all()


def test_ranks_are_those_of_table_iii(published: Tables) -> None:
    (cells,) = [p["rows"] for p in parts(to_spec(figures.ranks(published[0]))) if p["mark"]["type"] == "rect"]
    drawn_ranks = cells.set_index(["backbone", "benchmark"])["rank"]
    table = average_rankings().set_index("backbone")
    for benchmark in ("bapps", "superres", "delineation", "autoencoder"):
        for backbone in table.index:
            assert drawn_ranks[backbone, benchmark] == pytest.approx(table[benchmark][backbone], abs=0.26)
    best = cells[cells.benchmark == "all"].sort_values("rank").backbone.iloc[0]
    assert best == table["all"].idxmin()


def test_correlations_are_those_of_the_table(published: Tables) -> None:
    frame, attributes = published
    chart = figures.correlations(correlated(frame, attributes))
    (cells,) = [part["rows"] for part in parts(to_spec(chart)) if part["mark"]["type"] == "rect"]
    rows = frame[frame.score == "2afc"].set_index("loss_network").value
    known = rows.corr(attributes.point_depth.reindex(rows.index), method="spearman")
    cell = cells[(cells.score == "2afc") & (cells.attribute == "point_depth")].iloc[0]
    assert cell.coefficient == pytest.approx(known)
    assert cell.text == f"{known:.2f}"
    assert "running sum" in texts(chart)


def test_undefined_correlations_are_dashes(both: Tables) -> None:
    table = correlated(*both)
    undefined = table[table.coefficient.isna()]
    shown = [part["rows"] for part in parts(to_spec(figures.correlations(table))) if part["mark"]["type"] == "text"]
    cells = pd.concat(shown)
    assert len(cells[cells.text == "–"]) == len(undefined[undefined.setting.isin(set(cells.setting))]) > 0


def test_flags_are_yes_and_no(published: Tables) -> None:
    frame, attributes = published
    rows = drawn(figures.score_against(frame, attributes, "2afc", "batch_norm"))
    assert rows.x.round().tolist() == [attributes.batch_norm[name] for name in rows.loss_network]
    assert not rows.front.any()
    assert len(set(zip(rows.backbone, rows.x, strict=True))) == rows.x.nunique() == 14, "beside each other"


def test_samples_and_collapses_are_marked() -> None:
    records = [replace(record, sample=True, collapsed="black images at step 10") for record in own_records()]
    chart = figures.point_spread(*tables(records)[:1], "2afc")
    assert "SAMPLE DATA" in texts(chart)
    assert "collapsed" in texts(chart)


def test_tooltips_say_what_is_not_known(both: Tables) -> None:
    rows = drawn(figures.score_against_macs(*both, "2afc")).set_index("loss_network")
    assert rows.interval_text["alexnet:mid"] == rows.n_text["alexnet:mid"] == "not known"
    assert (rows.interval_text["mine:early"], rows.n_text["mine:early"]) == ("0.69 to 0.71", "4,720")
    (said, *_) = [part["encoding"]["tooltip"] for part in marks(figures.point_spread(both[0], "2afc"))]
    assert {"loss network", "value", "95 % interval", "items", "weights", "source", "remark"} <= {
        t["title"] for t in said
    }
    assert all(tip["type"] == "nominal" for tip in said), "a missing number would be shown as 0"


def test_text_of_others_stays_data(both: Tables) -> None:
    for name, figure in FIGURES.items():
        for part in parts(to_spec(figure(*both))):
            expressions = json.dumps([part["mark"], part.get("transform")])
            assert "onerror" not in expressions, name
            assert "does_not_end" not in expressions, name


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "point_spread" else [pytest.mark.exhaustive]) for name in FIGURES]
)
def test_the_same_input_gives_the_same_bytes(name: str, both: Tables, tmp_path: Path) -> None:
    for ending in ("svg", "html", "json"):
        once, again = tmp_path / f"once.{ending}", tmp_path / f"again.{ending}"
        figures.save_figure(FIGURES[name](*both), once)
        figures.save_figure(FIGURES[name](*both), again)
        assert once.read_bytes() == again.read_bytes()


def test_many_rows(published: Tables, tmp_path: Path) -> None:
    frame, attributes = published
    some = frame[frame.score == "2afc"]
    many = pd.concat([some.assign(value=some.value + i / 1e5) for i in range(100)], ignore_index=True)
    figures.save_figure(figures.score_against_macs(many, attributes, "2afc"), tmp_path / "figure.json")
    spec = json.loads((tmp_path / "figure.json").read_text())
    assert max(map(len, spec["datasets"].values())) == 5600  # Altair's limit is 5,000


def refusals() -> dict[str, tuple[Callable[[pd.DataFrame, pd.DataFrame], Any], str]]:
    return {
        "no scores": (lambda f, a: figures.best_points(f.head(0)), "nothing to draw"),
        "no ranks": (lambda f, a: figures.ranks(f.head(0)), "nothing to draw"),
        "no values": (lambda f, a: figures.point_spread(f.assign(value=np.nan), "2afc"), "nothing to draw"),
        "no such score": (lambda f, a: figures.point_spread(f, "2afcc"), "Did you mean"),
        "no such attribute": (lambda f, a: figures.score_against(f, a, "2afc", "point_flop"), "Did you mean"),
        "one record": (lambda f, a: figures.point_spread(f[f.score == "2afc"].head(1), "2afc"), "one loss network"),
        "one backbone": (lambda f, a: figures.ranks(f[f.backbone == "vgg11"]), "two backbones"),
        "nothing known": (lambda f, a: figures.score_against(f, a.head(0), "2afc"), "no loss network whose"),
        "all alike": (
            lambda f, a: figures.score_against(f, a.assign(point_macs=1.0), "2afc"),
            "have the same point_macs",
        ),
        "two benchmarks": (
            lambda f, a: figures.point_spread(f.assign(score="s"), "s"),
            "a score of bapps, superres, delineation, autoencoder; choose one with --bench",
        ),
        "many settings": (
            lambda f, a: figures.point_spread(f.assign(setting=f.loss_network, comparable=False), "2afc"),
            "56 settings",
        ),
        "many matrices": (lambda f, a: figures.best_points(f.assign(setting=f.loss_network)), "56 settings"),
        "undefined": (
            lambda f, a: figures.correlations(correlated(f, a).assign(coefficient=np.nan)),
            "No correlation is defined",
        ),
    }


@pytest.mark.parametrize("name", refusals())
def test_what_cannot_be_drawn_is_said(name: str, published: Tables) -> None:
    figure, sentence = refusals()[name]
    with pytest.raises(UsageError, match=re.escape(sentence)):
        figure(*published)


def test_constant_scores_are_drawn(published: Tables, tmp_path: Path) -> None:
    frame, attributes = published
    for value in (0.0, 0.5, -3.0, 1e-9, 1e12):
        flat = frame.assign(value=value)
        figures.save_figure(figures.score_against_macs(flat, attributes, "2afc"), tmp_path / "flat.svg")
        figures.save_figure(figures.point_spread(flat, "2afc"), tmp_path / "flat.svg")


def test_endings(published: Tables, tmp_path: Path) -> None:
    chart = figures.ranks(published[0])
    for name in ("figure.jpg", "figure", "figure.png.txt"):
        with pytest.raises(
            UsageError, match=r"Expected a file that ends with one of \.png, \.svg, \.pdf, \.html, \.json, got "
        ):
            figures.save_figure(chart, tmp_path / name)
    figures.save_figure(chart, tmp_path / "FIGURE.SVG")
    with pytest.raises(LnkitError, match="Cannot write "):
        figures.save_figure(chart, tmp_path / "nowhere" / "figure.svg")
    assert [file.name for file in tmp_path.iterdir()] == ["FIGURE.SVG"]


# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]


def lab(colors: tuple[str, ...], seen: list[list[float]] | None = None) -> np.ndarray[Any, Any]:
    """Colors (N,) in CIELAB (N, 3), as a reader with a kind of color vision sees them."""
    rgb = np.array([[int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(np.eye(3) if seen is None else seen).T, 0, 1)
    return np.asarray(rgb2lab(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)))


@pytest.mark.parametrize("seen", [None, PROTANOPIA, DEUTERANOPIA], ids=["all", "protanopia", "deuteranopia"])
def test_colors_can_be_told_apart(seen: list[list[float]] | None) -> None:
    colors = lab(COLORS, seen)
    for one, other in itertools.combinations(range(len(COLORS)), 2):
        assert deltaE_ciede2000(colors[one], colors[other]) > 10, (COLORS[one], COLORS[other])
    white = lab(("#ffffff",), seen)[0]
    assert min(deltaE_ciede2000(color, white) for color in colors) > 20


def test_points_can_be_told_apart_in_gray() -> None:
    lightness = lab(COLORS[: len(POINTS)])[:, 0]
    assert (np.diff(lightness) < -10).all()


def test_groups_differ_in_color_and_shape_together() -> None:
    count = len(COLORS) * len(SHAPES)
    assert len({(COLORS[i % len(COLORS)], SHAPES[i % len(SHAPES)]) for i in range(count)}) == count
    assert len(set(SHAPES)) == len(SHAPES)


def contrast(one: str, other: str) -> float:
    """The contrast of two colors as WCAG 2 defines it, 1 to 21."""

    def luminance(color: str) -> float:
        rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_text_can_be_read() -> None:
    assert all(contrast("#000000", color) > 7 for color in (*DIVERGING, *SEQUENTIAL))
    assert contrast(MUTED, "#ffffff") > 7


def test_a_point_looks_the_same_in_every_figure(published: Tables) -> None:
    frame, _ = published
    for rows in (frame, frame[frame.point.isin(["mid", "late"])]):
        (part, *_) = marks(figures.best_points(rows))
        scale = part["encoding"]["color"]["scale"]
        looks = dict(zip(scale["domain"], scale["range"], strict=True))
        assert looks["late"] == COLORS[3]


def boxes(names: list[str], at: list[tuple[float, float]], places: list[LabelPosition]) -> list[tuple[float, ...]]:
    found = []
    for name, (x, y), place in zip(names, at, places, strict=True):
        left = x + place.dx - {"left": 0.0, "center": 0.5, "right": 1.0}[place.align] * label_width(name, 10)
        found.append((left, y + place.dy - 5, left + label_width(name, 10), y + place.dy + 5))
    return found


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


@pytest.mark.parametrize("seed", range(5))
def test_names_keep_off_each_other_and_stay_inside(seed: int) -> None:
    random = np.random.default_rng(seed)
    at = [(float(x), float(y)) for x, y in random.uniform((10, 10), (390, 290), (8, 2))]
    names = [f"backbone_{i}:mid" for i in range(8)]
    places = place_labels(names, at, Panel(400, 300, at, []), 10)
    found = boxes(names, at, places)
    assert not any(overlap(a, b) for a, b in itertools.combinations(found, 2))
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= 400 and box[3] <= 300 for box in found)


def test_a_name_alone_is_beside_its_mark() -> None:
    assert place_labels(["a"], [(50, 50)], Panel(100, 100, [(50, 50)], []), 10)[0].dy == 0
    (place,) = place_labels(["a"], [(99, 50)], Panel(100, 100, [(99, 50)], []), 10)
    assert place.align == "right"
    assert len(set(POSITIONS)) == len(POSITIONS)


def test_names_keep_off_lines() -> None:
    line = points_along([(0, 50), (100, 50)])
    (place,) = place_labels(["name"], [(50, 50)], Panel(100, 100, [(50, 50)], line), 10)
    assert place.dy != 0
    assert len(line) == 12
    assert points_along([(1, 1)]) == points_along([]) == points_along([(1, 1), (1, 1)]) == []


def test_spans_leave_room() -> None:
    linear = axis_range(pd.Series([0.0, 100.0]), Axis("x"), 200, left=50, right=50)
    assert (linear.low, linear.high) == pytest.approx((-50, 150))
    assert linear.fraction(50) == pytest.approx(0.5)
    log = axis_range(pd.Series([1.0, 100.0]), Axis("x", logarithmic=True), 200, left=50, right=50)
    assert (log.low, log.high) == pytest.approx((0.1, 1000))
    assert log.fraction(10) == pytest.approx(0.5)


def test_altair_waits_until_a_figure_is_drawn() -> None:
    code = "import sys, lnkit.report.figures as f; print('altair' in sys.modules, f.ranks and 'altair' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False True\n"
    with pytest.raises(AttributeError, match="no attribute"):
        figures.rank  # noqa: B018 - the access is what is tested
