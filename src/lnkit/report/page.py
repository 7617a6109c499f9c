"""The report: own records and published tables as one HTML file that opens without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lnkit._text_paths import text_paths
from lnkit._version import __version__
from lnkit.analysis.collect import ScoreSet
from lnkit.analysis.correlations import attribute_correlations
from lnkit.analysis.rankings import best_points, mean_ranks
from lnkit.analysis.score_rows import ScoreRow
from lnkit.analysis.uncertainty import not_told_apart
from lnkit.errors import UsageError
from lnkit.report import figures as charts
from lnkit.report.figures.captions import published_caveats
from lnkit.report.figures.files import to_spec
from lnkit.report.markup import Cell, Figure, Section, escape, page, paragraph, table
from lnkit.results.output_files import output_file
from lnkit.results.records import RunRecord
from lnkit.stats import Sampling

SAMPLING = Sampling(resamples=500)  # of the intervals of correlations: few, so that nobody waits for the report
UNDECIDED = (
    "Values that differ by no more than their uncertainty are not told apart: the last printed digit of published "
    "values, the 95 % interval of the difference of own ones. One training shows no spread over seeds, so that its "
    "uncertainty is not known."
)
MOST_NAMED = 3  # loss networks in a cell
MAX_SCORES = 12  # figures of single scores; the tables have the others


@text_paths
def write_report(gathered: ScoreSet, file: Path, title: str = "Loss networks") -> int:
    """Write the report.

    Args:
        gathered: the measurements and records to report.
        file: to write; it appears complete or not at all.
        title: of the page.

    Returns:
        The size of the file in bytes.

    Raises:
        LnkitError: the file cannot be written.
    """
    content = build_report(gathered, title).encode()
    with output_file(file) as tmp:
        tmp.write_bytes(content)
    return len(content)


def build_report(gathered: ScoreSet, title: str = "Loss networks") -> str:
    """Return the report as HTML.

    Args:
        gathered: the measurements and records to report.
        title: of the page.
    """
    frame, attributes = gathered.frame(), gathered.attributes()
    sections = [
        _overview(gathered, frame),
        _ranks(frame),
        _best_points(frame, gathered.rows),
        _figures(frame, attributes),
        _correlations(frame, attributes),
        _scores(frame),
        _attributes(attributes),
        *([_records(gathered.records)] if gathered.records else []),
        _caveats(frame, gathered.remarks),
    ]
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lead = paragraph(f"Made by lnkit {__version__} on {made}. Loss networks are pretrained networks that compare "
                     "images, cut at an extraction point.", "muted")  # fmt: skip
    return page(title, sections, lead)


def _overview(gathered: ScoreSet, frame: pd.DataFrame) -> Section:
    own = frame[frame.origin == "own"]
    numbers = {
        "own records": len(gathered.records),
        "own loss networks": own.loss_network.nunique(),
        "published loss networks": frame[frame.origin == "published"].loss_network.nunique(),
        "scores": frame.score.nunique(),
    }
    shown = "".join(f"<li><b>{count:,}</b> {escape(name)}</li>" for name, count in numbers.items())
    body = f'<ul class="numbers">{shown}</ul>' + _warning_boxes(_warnings(frame))
    columns = ["setting", "benchmark", "score", "best loss network", "value", "unit", "not told apart from"]
    groups = _grouped((row for row in gathered.rows if row.primary), "setting", "score")
    caption = f"The best value of each primary score. Only values of one setting can be compared. {UNDECIDED}"
    rows = [
        [
            best.setting,
            best.benchmark,
            best.score,
            best.loss_network,
            f"{best.value:.4f}",
            best.unit,
            _undecided(others),
        ]
        for best, others in map(_best, groups)
    ]
    shown = table(columns, rows, caption=caption, numeric=["value"], choose=["setting", "benchmark"])
    return Section("overview", "Overview", body + shown)


def _grouped(rows: Iterable[ScoreRow], *fields: str) -> list[list[ScoreRow]]:
    """Group rows that have a value by their fields."""
    groups: dict[tuple[str, ...], list[ScoreRow]] = {}
    for row in rows:
        if row.value == row.value:  # not NaN
            groups.setdefault(tuple(getattr(row, field) for field in fields), []).append(row)
    return list(groups.values())


def _best(rows: Sequence[ScoreRow]) -> tuple[ScoreRow, list[ScoreRow]]:
    """Return the best row, and those that are not known to be worse."""
    best = max(rows, key=lambda row: row.goodness)
    return best, not_told_apart(best, rows)


def _undecided(rows: Sequence[ScoreRow]) -> Cell | str | None:
    """Name a few loss networks, or a number of them with their names behind it."""
    names = [row.loss_network for row in rows]
    if len(names) <= MOST_NAMED:
        return ", ".join(names) or None
    listed = escape(", ".join(names))
    return Cell(f"<details><summary>{len(names)} others</summary>{listed}</details>", str(len(names)))


def _warnings(frame: pd.DataFrame) -> Iterator[str]:
    if frame["sample"].any():
        yield "Sample data: these scores show that everything runs, and say nothing about quality."
    own = frame[(frame.origin == "own") & ~frame.comparable.astype(bool) & ~frame["sample"].astype(bool)]
    if len(own):
        yield (
            f"{own.loss_network.nunique()} own loss networks were measured with cut-down protocols, deviations or "
            "other data than the official ones; they are not comparable with published scores."
        )


def _warning_boxes(texts: Iterable[str]) -> str:
    return "".join(paragraph(text, "caveat") for text in texts)


def _ranks(frame: pd.DataFrame) -> Section:
    ranks = mean_ranks(frame.dropna(subset="value")).reset_index()
    columns = [str(column) for column in ranks.columns]
    rows = [[row[0], *(_number(value, 2) for value in row[1:])] for row in ranks.itertuples(index=False)]
    caption = (
        "Mean rank of each backbone by its best point; 1 is the best. A dash: the backbone lacks a score. Ranks order "
        "the values, whether these are told apart or not."
    )
    figures = _drawn("ranks", lambda: charts.ranks(frame)) if len(ranks) <= 40 else ()
    return Section("ranks", "Ranks", table(columns, rows, caption=caption, numeric=columns[1:]), figures)


def _best_points(frame: pd.DataFrame, scores: Sequence[ScoreRow]) -> Section:
    groups = _grouped(scores, "setting", "score", "backbone")
    undecided = {(best.setting, best.score, best.backbone): [row.point for row in others]
                 for best, others in map(_best, groups)}  # fmt: skip
    best: Any = best_points(frame)
    rows = [
        [
            *(r.setting, r.benchmark, r.score, r.backbone, ", ".join(map(str, r.ties)), _number(r.value, 4)),
            ", ".join(point for point in undecided[r.setting, r.score, r.backbone] if point not in r.ties) or None,
        ]
        for r in best.itertuples()
    ]
    columns = ["setting", "benchmark", "score", "backbone", "best point", "value", "not told apart from"]
    body = table(columns, rows, caption=UNDECIDED, numeric=["value"], choose=["setting", "benchmark", "score"])
    primary = frame[frame.primary]
    figures = _drawn("best-points", lambda: charts.best_points(primary)) if primary.backbone.nunique() <= 60 else ()
    return Section("best-points", "Best points", body, figures)


def _figures(frame: pd.DataFrame, attributes: pd.DataFrame) -> Section:
    names = list(frame[frame.primary].score.unique())[:MAX_SCORES]
    figures = [figure for name in names for figure in _score_figures(frame, attributes, str(name))]
    if (frame.benchmark == "bapps").any():
        figures += _drawn("early-stopping", lambda: charts.early_stopping(frame, attributes))
    hint = "Point at a mark to see its values; drag and scroll to look closer."
    return Section("figures", "Figures", paragraph(hint, "muted"), tuple(figures))


def _score_figures(frame: pd.DataFrame, attributes: pd.DataFrame, score: str) -> Iterator[Figure]:
    number = list(frame.score.unique()).index(score)
    yield from _drawn(f"spread-{number}", lambda: charts.point_spread(frame, score))
    for attribute in ("point_macs", "imagenet_top1"):
        name = f"{attribute.replace('_', '-')}-{number}"
        yield from _drawn(name, lambda by=attribute: charts.score_against(frame, attributes, score, by))  # type: ignore[misc]


def _drawn(name: str, draw: Callable[[], Any]) -> tuple[Figure, ...]:
    """Draw a figure, or none if there are too few values; the table beside it has the same values."""
    try:
        return (Figure(name, to_spec(draw(), validate=False)),)
    except UsageError:
        return ()


def _correlations(frame: pd.DataFrame, attributes: pd.DataFrame) -> Section:
    coefficients = attribute_correlations(frame[frame.primary], attributes, methods=("spearman",), sampling=SAMPLING)
    columns = ["setting", "score", "attribute", "coefficient", "low", "high", "p (corrected)", "n", "note"]
    rows = [
        [r.setting, r.score, r.attribute, *(_number(v, 3) for v in (r.coefficient, r.low, r.high, r.p_bh)), r.n, r.note]
        for r in coefficients.itertuples()
    ]
    caption = (
        "Spearman's coefficient; positive means that better scores go with more of the attribute. 95 % intervals are "
        "from bootstrap samples of whole backbones, and p-values are corrected after Benjamini and Hochberg."
    )
    body = table(columns, rows, caption=caption, numeric=columns[3:8], choose=["setting", "score", "attribute"])
    several = coefficients.setting.nunique() > 1
    figures = () if several else _drawn("correlations", lambda: charts.correlations(coefficients))
    return Section("correlations", "Correlations", body, figures)


def _scores(frame: pd.DataFrame) -> Section:
    columns = ["loss network", "score", "value", "95 % interval", "seeds", "sd over seeds", "unit", "n", "setting"]
    rows = [
        [
            *(r.loss_network, r.score, _value(r), _interval(r), _attribute(r.seeds), _number(r.sd, 4), r.unit),
            *(_attribute(r.n), r.setting, r.weights, _signature(r)),
        ]
        for r in frame.itertuples()
    ]
    caption = (
        "Every score, with the signature of its run or the published table that it is from. Intervals are over items, "
        "those of several seeds over items and seeds."
    )
    numeric = ["value", "seeds", "sd over seeds", "n"]
    shown = table([*columns, "weights", "source"], rows, caption=caption, numeric=numeric, choose=["score", "setting"])
    return Section("scores", "Scores", shown)


def _attributes(attributes: pd.DataFrame) -> Section:
    columns = ["loss network", *(name.replace("_", " ") for name in attributes.columns)]
    rows = [[name, *(_attribute(v) for v in row)] for name, *row in attributes.itertuples()]
    caption = "Computed from the networks; macs are multiply-adds for one image of 224 x 224 pixels, flags are 0 or 1."
    return Section("attributes", "Attributes", table(columns, rows, caption=caption, numeric=columns[1:-1]))


def _records(records: list[RunRecord]) -> Section:
    columns = ["record", "loss network", "protocol", "created", "seconds", "device", "weights", "deviations and notes"]
    rows = [_record(record) for record in records]
    return Section("records", "Records", table(columns, rows, numeric=["seconds"], choose=["protocol"]))


def _record(record: RunRecord) -> list[Any]:
    notes = [*([f"collapsed: {record.collapsed}"] if record.collapsed else []), *record.deviations, *record.notes]
    items = "".join(f"<li>{escape(text)}</li>" for text in notes)
    shown = f"<details><summary>{len(notes)}</summary><ul>{items}</ul></details>" if notes else "–"
    device = record.environment.get("device", "")
    return [
        *(record.id, record.loss_network, record.protocol_name, record.created_minute, f"{record.seconds:.1f}", device),
        *(record.weights_name, Cell(shown, str(len(notes)))),
    ]


def _caveats(frame: pd.DataFrame, remarks: list[str]) -> Section:
    body = _warning_boxes(published_caveats(frame)) + "".join(paragraph(remark) for remark in remarks)
    return Section("caveats", "Caveats and what was left out", body or paragraph("None."))


def _value(row: Any) -> str | None:
    return _number(row.value, 4)


def _interval(row: Any) -> str | None:
    return None if pd.isna(row.low) else f"{row.low:.4f} to {row.high:.4f}"


def _signature(row: Any) -> Cell:
    text = row.signature or row.source
    return Cell(f"<details><summary>show</summary><code>{escape(text)}</code></details>", text)


def _number(value: Any, digits: int) -> str | None:
    return None if pd.isna(value) else f"{value:.{digits}f}"


def _attribute(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return None if pd.isna(value) else f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}"
