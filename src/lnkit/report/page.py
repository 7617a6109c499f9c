"""The report: own records and published tables as one HTML file that opens without a network."""

from __future__ import annotations

import math
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
from lnkit.analysis.recommend.constraints import amount
from lnkit.analysis.score_rows import OWN, PUBLISHED, ScoreRow
from lnkit.analysis.uncertainty import LAST_DIGIT, not_told_apart
from lnkit.errors import UsageError
from lnkit.report import figures as charts
from lnkit.report.explorer import explorer
from lnkit.report.figures.files import heading, to_spec
from lnkit.report.markup import Cell, Section, escape, page, paragraph, table
from lnkit.report.notes import Notes, in_doubt
from lnkit.report.overview import answers
from lnkit.report.pictures import pictures
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
    notes = Notes(frame)
    coefficients = attribute_correlations(frame[frame.primary], attributes, methods=("spearman",), sampling=SAMPLING)
    drawn, left_out = pictures(gathered.records, gathered.folder) if gathered.folder else (None, [])
    sections = [
        _overview(gathered, frame, notes),
        _figure(frame, attributes, coefficients),
        _best_scores(gathered.rows, notes),
        _ranks(frame, notes),
        _best_points(frame, gathered.rows, notes),
        _correlations(coefficients, notes),
        *([drawn] if drawn else []),
        _scores(frame, notes),
        _attributes(attributes),
        *([_records(gathered.records)] if gathered.records else []),
        _caveats(notes, gathered.remarks + left_out),
    ]
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lead = paragraph(f"Made by lnkit {__version__} on {made}. Loss networks are pretrained networks that compare "
                     "images, cut at an extraction point.", "muted")  # fmt: skip
    return page(title, sections, lead)


def _overview(gathered: ScoreSet, frame: pd.DataFrame, notes: Notes) -> Section:
    own = frame[frame.origin == OWN]
    numbers = {
        "own record": len(gathered.records),
        "own loss network": own.loss_network.nunique(),
        "published loss network": frame[frame.origin == PUBLISHED].loss_network.nunique(),
        "score": frame.score.nunique(),
    }
    shown = "".join(f"<li><b>{count:,}</b> {name}{'s' * (count != 1)}</li>" for name, count in numbers.items())
    body = _warning_boxes(_warnings(frame)) + answers(gathered, notes) + f'<ul class="numbers">{shown}</ul>'
    return Section("overview", "Which loss network for which task", body)


def _best_scores(scores: Sequence[ScoreRow], notes: Notes) -> Section:
    columns = ["score", "best loss network", "value", "unit", "not told apart from", "benchmark", "setting"]
    groups = _grouped((row for row in scores if row.primary), "setting", "score")
    rows = [
        [
            *(best.score, _best_name(best, notes), _value(best), best.unit),
            *(_undecided(others), best.benchmark, best.setting),
        ]
        for best, others in map(_best, groups)
    ]
    caption = f"Only values of one setting can be compared. {UNDECIDED}"
    body = table(columns, rows, caption=caption, numeric=["value"], choose=["benchmark", "setting"])
    return Section("best", "Best value of each primary score", body)


def _best_name(best: ScoreRow, notes: Notes) -> Cell | str | None:
    """Name the loss network with the best value, and say so where the order of the values is in doubt."""
    doubt = " (order in doubt)" * in_doubt(best.caveat)
    return notes.cell(best.loss_network + doubt, best.benchmark, best.caveat)


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


def _ranks(frame: pd.DataFrame, notes: Notes) -> Section:
    ranks = mean_ranks(frame.dropna(subset="value")).reset_index()
    names = [str(column) for column in ranks.columns]
    columns = [_with_notes(name, frame, notes) for name in names]
    rows = [[row[0], *(_number(value, 2) for value in row[1:])] for row in ranks.itertuples(index=False)]
    caption = (
        "Mean rank of each backbone by its best point; 1 is the best. A dash: the backbone lacks a score. Ranks order "
        "the values, whether these are told apart or not."
    )
    return Section("ranks", "Mean ranks", table(columns, rows, caption=caption, numeric=names[1:]))


def _with_notes(column: str, frame: pd.DataFrame, notes: Notes) -> Cell:
    """Return the title of a column of ranks, with the caveats on its benchmark; "all" has those of every benchmark."""
    published = frame[frame.origin == PUBLISHED].benchmark.unique()
    of_column = [name for name in published if column in ("all", name, f"{name} ({PUBLISHED})")]
    return Cell(escape(column) + "".join(map(notes.of_benchmark, of_column)), column)


def _best_points(frame: pd.DataFrame, scores: Sequence[ScoreRow], notes: Notes) -> Section:
    groups = _grouped(scores, "setting", "score", "backbone")
    found = {(best.setting, best.score, best.backbone): (best, [row.point for row in others])
             for best, others in map(_best, groups)}  # fmt: skip
    rows = []
    every: Any = list(best_points(frame).itertuples())
    for r in every:
        best, undecided = found[r.setting, r.score, r.backbone]
        shown = notes.cell(", ".join(map(str, r.ties)), r.benchmark, best.caveat)
        others = ", ".join(point for point in undecided if point not in r.ties) or None
        rows.append([r.backbone, r.score, shown, _value(best), others, r.benchmark, r.setting])
    columns = ["backbone", "score", "best point", "value", "not told apart from", "benchmark", "setting"]
    body = table(columns, rows, caption=UNDECIDED, numeric=["value"], choose=["score", "benchmark", "setting"])
    return Section("best-points", "Best points", body)


def _figure(frame: pd.DataFrame, attributes: pd.DataFrame, coefficients: pd.DataFrame) -> Section:
    drawings: dict[str, Callable[[], Any]] = {
        "best extraction points": lambda: charts.best_points(frame[frame.primary]),
        "mean ranks": lambda: charts.ranks(frame),
        "correlations with attributes": lambda: charts.correlations(coefficients),
        "BAPPS against ImageNet accuracy": lambda: charts.early_stopping(frame, attributes),
    }
    if not (frame.benchmark == "bapps").any():
        drawings.popitem()
    views = {name: view for name, draw in drawings.items() if (view := _view(draw))}
    hint = "Point at a mark to see its values. The tables below have all of them."
    return Section("figure", "Figure", paragraph(hint, "muted"), (explorer(frame, attributes, views),))


def _view(draw: Callable[[], Any]) -> dict[str, Any] | None:
    """Draw a figure, or none if there are too few values."""
    try:
        spec = to_spec(draw(), validate=False)
    except UsageError:
        return None
    title, notes = heading(spec)
    return {"spec": spec | {"title": None}, "title": f"{title}.", "notes": " ".join(notes)}


def _correlations(coefficients: pd.DataFrame, notes: Notes) -> Section:
    columns = ["score", "attribute", "coefficient", "low", "high", "p (corrected)", "n", "setting", "note"]
    every: Any = list(coefficients.itertuples())
    rows = [
        [
            *(notes.cell(r.score, r.benchmark, r.caveat), r.attribute),
            *(_number(value, 3) for value in (r.coefficient, r.low, r.high, r.p_bh)),
            *(r.n, r.setting, r.note),
        ]
        for r in every
    ]
    caption = (
        "Spearman's coefficient; positive means that better scores go with more of the attribute. 95 % intervals are "
        "from bootstrap samples of whole backbones, and p-values are corrected after Benjamini and Hochberg."
    )
    body = table(columns, rows, caption=caption, numeric=columns[2:7], choose=["setting", "score", "attribute"])
    return Section("correlations", "Correlations", body)


def _scores(frame: pd.DataFrame, notes: Notes) -> Section:
    columns = ["loss network", "score", "value", "95 % interval", "seeds", "sd over seeds", "unit", "n", "setting"]
    every: Any = list(frame.itertuples())
    rows = [
        [
            *(r.loss_network, r.score, notes.cell(_value(r), r.benchmark, r.caveat), _interval(r)),
            *(_attribute(r.seeds), _number(r.sd, 4), r.unit, _attribute(r.n), r.setting, r.weights, _signature(r)),
        ]
        for r in every
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
    rows = [[name, *(_amount(v) for v in row)] for name, *row in attributes.itertuples()]
    caption = "Computed from the networks; macs are multiply-adds for one image of 224 x 224 pixels, flags are 0 or 1."
    return Section("attributes", "Attributes", table(columns, rows, caption=caption, numeric=columns[1:-1]))


def _amount(value: Any) -> Cell | str | None:
    """Return an attribute, a large one as 7.48 G."""
    large = not isinstance(value, str) and value >= 1e6
    return Cell(amount(value), f"{value:.0f}") if large else _attribute(value)


def _records(records: list[RunRecord]) -> Section:
    columns = ["record", "loss network", "protocol", "created", "seconds", "device", "weights", "deviations and notes"]
    rows = [_record(record) for record in records]
    return Section("records", "Records", table(columns, rows, numeric=["seconds"], choose=["protocol"]))


def _record(record: RunRecord) -> list[Any]:
    notes = [*([f"collapsed: {record.collapsed}"] if record.collapsed else []), *record.deviations, *record.notes]
    items = "".join(f"<li>{escape(text)}</li>" for text in notes)
    shown = f"<details><summary>{len(notes)}</summary><ul>{items}</ul></details>" if notes else "–"
    device = record.environment.get("device", "")
    created = Cell(f'<span class="nowrap">{escape(record.created_minute)}</span>', record.created_minute)
    return [
        *(record.id, record.loss_network, record.protocol_name, created, f"{record.seconds:.1f}", device),
        *(record.weights_name, Cell(shown, str(len(notes)))),
    ]


def _caveats(notes: Notes, remarks: list[str]) -> Section:
    body = notes.listed() + "".join(paragraph(remark) for remark in remarks)
    return Section("caveats", "Caveats and what was left out", body or paragraph("None."))


def _value(row: Any) -> str | None:
    """Return the value of a score with four decimals, or with as many as were published."""
    digit = LAST_DIGIT.get(row.unit) if row.origin == PUBLISHED else None
    return _number(row.value, 4 if digit is None else -round(math.log10(digit)))


def _interval(row: Any) -> str | None:
    return None if pd.isna(row.low) else f"{row.low:.4f} to {row.high:.4f}"


def _signature(row: Any) -> Cell | str:
    if not row.signature:
        return str(row.source)
    return Cell(f"<details><summary>signature</summary><code>{escape(row.signature)}</code></details>", row.signature)


def _number(value: Any, digits: int) -> str | None:
    return None if pd.isna(value) else f"{value:.{digits}f}"


def _attribute(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return None if pd.isna(value) else f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}"
