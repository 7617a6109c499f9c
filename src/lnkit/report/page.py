"""The report: everything that records and published tables say, as one file that opens without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lnkit._version import __version__
from lnkit.analysis.collect import ScoreSet
from lnkit.analysis.correlations import attribute_correlations
from lnkit.analysis.rankings import best_points, mean_ranks
from lnkit.data.atomic import atomic_write
from lnkit.errors import LnkitError, UsageError
from lnkit.report import figures as charts
from lnkit.report.figures.saving import plain
from lnkit.report.markup import Cell, Figure, Section, escape, page, paragraph, section, table
from lnkit.results.records import RunRecord
from lnkit.stats import Sampling

SAMPLING = Sampling(
    resamples=500
)  # of correlations' intervals: the report shows them in tooltips only, and should not be waited for
MOST_SCORES = 12  # figures of single scores; the tables have the others


def write_report(found: ScoreSet, file: Path, title: str = "Loss networks") -> int:
    """Write the report of what was gathered.

    Args:
        found: measurements and records.
        file: where the page goes, whole or not at all.
        title: of the page.

    Returns:
        Its size in bytes.

    Raises:
        LnkitError: the file cannot be written.
    """
    text = build_report(found, title)
    try:
        with atomic_write(file) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LnkitError(f"{file} cannot be written ({error.strerror}). Name another place with --output.") from error
    return file.stat().st_size


def build_report(found: ScoreSet, title: str = "Loss networks") -> str:
    """The report as HTML."""
    frame, attributes = found.frame(), found.attributes()
    sections = [
        _overview(found, frame),
        _ranks(frame),
        _best_points(frame),
        _figures(frame, attributes),
        _correlations(frame, attributes),
        _scores(frame),
        _attributes(attributes),
        *([_records(found.records)] if found.records else []),
        _caveats(frame, found.remarks),
    ]
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lead = paragraph(f"Made by lnkit {__version__} on {made}. Loss networks are pretrained networks that compare "
                     "images, cut at an extraction point.", "muted")  # fmt: skip
    return page(title, sections, lead)


def _overview(found: ScoreSet, frame: pd.DataFrame) -> Section:
    own = frame[frame.origin == "own"]
    numbers = {
        "own records": len(found.records),
        "own loss networks": own.loss_network.nunique(),
        "published loss networks": frame[frame.origin == "published"].loss_network.nunique(),
        "scores": frame.score.nunique(),
    }
    shown = "".join(f"<li><b>{count:,}</b> {escape(name)}</li>" for name, count in numbers.items())
    body = f'<ul class="numbers">{shown}</ul>' + "".join(_caveat(text) for text in _warnings(frame))
    best = frame[frame.primary].dropna(subset="value")
    good = best.value.where(best.higher_is_better.astype(bool), -best.value)
    best = best.loc[good.groupby([best.setting, best.score], sort=False).idxmax().dropna()]
    rows = [[r.setting, r.benchmark, r.score, r.loss_network, _value(r), r.unit] for r in best.itertuples()]
    columns = ["setting", "benchmark", "score", "best loss network", "value", "unit"]
    said = "The best of each primary score. A setting is what values must share to be compared."
    shown = table(columns, rows, caption=said, numeric=["value"], choose=["setting", "benchmark"])
    return section("overview", "Overview", body + shown)


def _warnings(frame: pd.DataFrame) -> Iterator[str]:
    if frame["sample"].any():
        yield "Sample data: these scores show that everything runs, and say nothing about quality."
    own = frame[(frame.origin == "own") & ~frame.comparable.astype(bool) & ~frame["sample"].astype(bool)]
    if len(own):
        yield (
            f"{own.loss_network.nunique()} own loss networks were measured with cut-down protocols, deviations or "
            "other data than the official ones; they are not comparable with published scores."
        )


def _caveat(text: str) -> str:
    return f'<p class="caveat">{escape(text)}</p>'


def _ranks(frame: pd.DataFrame) -> Section:
    known = frame.dropna(subset="value")
    ranks = mean_ranks(known).reset_index()
    columns = [str(column) for column in ranks.columns]
    rows = [[row[0], *(_number(value, 2) for value in row[1:])] for row in ranks.itertuples(index=False)]
    said = "Mean rank of each backbone by its best point; 1 is the best. A dash: the backbone lacks a score."
    figures = _drawn("ranks", lambda: charts.ranks(frame)) if len(ranks) <= 40 else []
    return section("ranks", "Ranks", table(columns, rows, caption=said, numeric=columns[1:]), figures)


def _best_points(frame: pd.DataFrame) -> Section:
    best: Any = best_points(frame)
    rows = [
        [r.setting, r.benchmark, r.score, r.backbone, ", ".join(map(str, r.ties)), _number(r.value, 4)]
        for r in best.itertuples()
    ]
    columns = ["setting", "benchmark", "score", "backbone", "best point", "value"]
    body = table(columns, rows, numeric=["value"], choose=["setting", "benchmark", "score"])
    few = frame[frame.primary]
    figures = _drawn("best-points", lambda: charts.best_points(few)) if few.backbone.nunique() <= 60 else []
    return section("best-points", "Best points", body, figures)


def _figures(frame: pd.DataFrame, attributes: pd.DataFrame) -> Section:
    names = list(frame[frame.primary].score.unique())[:MOST_SCORES]
    figures = [figure for name in names for figure in _of_score(frame, attributes, str(name))]
    if (frame.benchmark == "bapps").any():
        figures += _drawn("early-stopping", lambda: charts.early_stopping(frame, attributes))
    said = "Marks tell what they stand for; drag and scroll to look closer."
    return section("figures", "Figures", paragraph(said, "muted"), figures)


def _of_score(frame: pd.DataFrame, attributes: pd.DataFrame, score: str) -> Iterator[Figure]:
    number = list(frame.score.unique()).index(score)
    yield from _drawn(f"spread-{number}", lambda: charts.point_spread(frame, score))
    for attribute in ("point_macs", "imagenet_top1"):
        name = f"{attribute.replace('_', '-')}-{number}"
        yield from _drawn(name, lambda by=attribute: charts.score_against(frame, attributes, score, by))  # type: ignore[misc]


def _drawn(name: str, draw: Callable[[], Any]) -> list[Figure]:
    """A figure, or none where there is too little for one; its table says the same."""
    try:
        return [Figure(name, plain(draw(), validate=False))]
    except UsageError:
        return []


def _correlations(frame: pd.DataFrame, attributes: pd.DataFrame) -> Section:
    found = attribute_correlations(frame[frame.primary], attributes, methods=("spearman",), sampling=SAMPLING)
    columns = ["setting", "score", "attribute", "coefficient", "low", "high", "p (corrected)", "n", "note"]
    rows = [
        [r.setting, r.score, r.attribute, *(_number(v, 3) for v in (r.coefficient, r.low, r.high, r.p_bh)), r.n, r.note]
        for r in found.itertuples()
    ]
    said = (
        "Spearman's coefficient, larger scores being better, with 95 % intervals from bootstrap samples of whole "
        "backbones, and p-values corrected after Benjamini and Hochberg."
    )
    body = table(columns, rows, caption=said, numeric=columns[3:8], choose=["setting", "score", "attribute"])
    several = found.setting.nunique() > 1
    figures = [] if several else _drawn("correlations", lambda: charts.correlations(found))
    return section("correlations", "Correlations", body, figures)


def _scores(frame: pd.DataFrame) -> Section:
    columns = ["loss network", "score", "value", "95 % interval", "unit", "n", "setting", "weights", "what it is"]
    rows = [
        [r.loss_network, r.score, _value(r), _interval(r), r.unit, _whole(r.n), r.setting, r.weights, _signature(r)]
        for r in frame.itertuples()
    ]
    said = "Every score, with the line that says what it is: its signature, or the table it was printed in."
    shown = table(columns, rows, caption=said, numeric=["value", "n"], choose=["score", "setting"])
    return section("scores", "Scores", shown)


def _attributes(attributes: pd.DataFrame) -> Section:
    columns = ["loss network", *(name.replace("_", " ") for name in attributes.columns)]
    rows = [[name, *(_attribute(v) for v in row)] for name, *row in attributes.itertuples()]
    said = "Computed from the networks; macs are multiply-adds of an image of 224 x 224 pixels, flags are 0 and 1."
    return section("attributes", "Attributes", table(columns, rows, caption=said, numeric=columns[1:-1]))


def _records(records: list[RunRecord]) -> Section:
    columns = ["record", "loss network", "protocol", "made", "seconds", "device", "weights", "deviations and notes"]
    rows = [_record(record) for record in records]
    return section("records", "Records", table(columns, rows, numeric=["seconds"], choose=["protocol"]))


def _record(record: RunRecord) -> list[Any]:
    facts = record.key
    said = [*([f"collapsed: {record.collapsed}"] if record.collapsed else []), *record.deviations, *record.notes]
    notes = "".join(f"<li>{escape(text)}</li>" for text in said)
    shown = f"<details><summary>{len(said)}</summary><ul>{notes}</ul></details>" if said else "–"
    weights = f"{record.weights}@{facts.weights_sha256[:8]}"
    made, where = record.created[:16].replace("T", " "), record.environment.get("device", "")
    variant = f"{facts.benchmark}/{facts.variant}"
    return [
        *(record.id, record.loss_network, variant, made, f"{record.seconds:.1f}", where, weights),
        Cell(shown, str(len(said))),
    ]


def _caveats(frame: pd.DataFrame, remarks: list[str]) -> Section:
    doubtful = frame[frame.caveat != ""].drop_duplicates(["benchmark", "caveat"])
    body = "".join(_caveat(f"{row.benchmark}: {row.caveat}.") for row in doubtful.itertuples())
    body += "".join(paragraph(remark) for remark in remarks)
    return section("caveats", "Caveats and what was left out", body or paragraph("None."))


def _value(row: Any) -> str | None:
    return _number(row.value, 4)


def _interval(row: Any) -> str | None:
    return None if pd.isna(row.low) else f"{row.low:.4f} to {row.high:.4f}"


def _signature(row: Any) -> Cell:
    text = row.signature or row.source
    return Cell(f"<details><summary>show</summary><code>{escape(text)}</code></details>", text)


def _number(value: Any, digits: int) -> str | None:
    return None if pd.isna(value) else f"{value:.{digits}f}"


def _whole(value: Any) -> str | None:
    return None if pd.isna(value) else f"{value}"


def _attribute(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return None if pd.isna(value) else f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}"
