"""Records as tables: DataFrames, and files for papers and spreadsheets. Imports pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lnkit import escapes
from lnkit.errors import UsageError
from lnkit.results.latex import Caption, latex_table
from lnkit.results.output_files import output_file
from lnkit.results.records import RunRecord
from lnkit.results.spread import difference, estimate_of

Alike = Callable[[int, int], bool]  # two rows of a table
NOTES = ("source", "caveat", "signature")  # columns that are notes below a table in LaTeX, each text once


def scores_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Return one row per score of each record, with the columns needed to filter and read it.

    ``sd`` and ``seeds`` are those of a mean over seeds; see :func:`lnkit.results.means_over_seeds`.

    Example:
        >>> scores_frame([]).columns.tolist()
        ['run', 'score', 'value']
    """
    rows = [_score_row(record, name) for record in records for name in record.scores]
    if not rows:
        return pd.DataFrame(columns=["run", "score", "value"])
    return pd.DataFrame(rows).astype({"sd": "float64", "seed": "Int64"})


def _score_row(record: RunRecord, name: str) -> dict[str, Any]:
    key, score = record.key, record.scores[name]
    low, high = score.interval or (None, None)
    spread = score.spread
    return {
        "run": record.id,
        "benchmark": key.benchmark,
        "variant": key.variant,
        "backbone": key.backbone,
        "family": record.family,
        "points": "+".join(key.points),
        "weights": record.weights,
        "score": name,
        "value": score.value,
        "low": low,
        "high": high,
        "sd": spread.sd if spread else None,
        "seeds": len(spread.seeds) if spread else 1,
        "seed": None if spread else record.seeds[0],
        "n": score.n,
        "unit": score.unit,
        "higher_is_better": score.higher_is_better,
        "primary": score.primary,
        "comparable": record.comparable,
        "collapsed": bool(record.collapsed),
        "sample": record.sample,
        "signature": score.signature,
    }


def wide_frame(records: Sequence[RunRecord], scores: Sequence[str]) -> pd.DataFrame:
    """Return one row per record and one column per score, empty where a record lacks the score.

    A score of which there are means over seeds has a second column, ``quality sd``: the standard deviation over seeds.

    Args:
        records: in the order of the rows.
        scores: names, in the order of the columns.
    """
    known = [{name: score for name in scores if (score := record.scores.get(name))} for record in records]
    columns: dict[str, list[Any]] = {
        "loss network": [record.loss_network for record in records],
        "weights": [record.weights for record in records],
    }
    for name in scores:
        own = [of_record.get(name) for of_record in known]
        columns[name] = [score.value if score else None for score in own]
        spreads = [score.spread if score else None for score in own]
        if any(spreads):
            columns[f"{name} sd"] = [spread.sd if spread else None for spread in spreads]
    return pd.DataFrame(columns)


def directions(records: Sequence[RunRecord]) -> dict[str, bool]:
    """Return for each score whether larger values are better."""
    return {name: score.higher_is_better for record in records for name, score in record.scores.items()}


def alike(records: Sequence[RunRecord], score: str) -> Alike:
    """Return a function of two rows of a wide table: whether a score does not tell their loss networks apart.

    Only means over seeds are ever alike; see :func:`lnkit.results.spread.difference`.
    """

    def rows_alike(first: int, second: int) -> bool:
        scores = [records[row].scores[score] for row in (first, second)]
        if not all(each.spread for each in scores):
            return False
        return not difference(*(estimate_of(each, trained=True) for each in scores)).told_apart

    return rows_alike


def write_table(
    frame: pd.DataFrame,
    form: str,
    file: Path | None,
    higher_is_better: Mapping[str, bool] | None = None,
    same: Mapping[str, Alike] | None = None,
    caption: Caption | None = None,
) -> str:
    """Return a table as text, or write it to a file and return "".

    Args:
        frame: the table.
        form: "csv", "parquet", "markdown" or "latex".
        file: to write, complete or not at all; None returns the text.
        higher_is_better: for each column of scores. In LaTeX and Markdown the best value of each is bold and the
            second underlined, and so are values that are printed equal.
        same: for columns of scores, whether two rows are not told apart: they then share their mark.
        caption: of the table, in LaTeX.

    Raises:
        UsageError: Parquet without a file, or without pyarrow.
        LnkitError: the file cannot be written; no part of it is left.
    """
    if form == "parquet":
        _write_parquet(frame, file)
        return ""
    directions = higher_is_better or {}
    writers: dict[str, Callable[[], str]] = {
        "csv": lambda: _csv_cells(frame).to_csv(index=False),
        "markdown": lambda: _markdown(marked(frame, MARKDOWN, directions, same)),
        "latex": lambda: _latex(frame, directions, same, caption),
    }
    return write_text(writers[form](), file)


def write_text(text: str, file: Path | None) -> str:
    """Return a text, or write it to a file and return "".

    Raises:
        LnkitError: the file cannot be written; no part of it is left.
    """
    if file is None:
        return text
    with output_file(file) as tmp:
        tmp.write_text(text, encoding="utf-8")
    return ""


def _write_parquet(frame: pd.DataFrame, file: Path | None) -> None:
    if file is None:
        raise UsageError("Parquet is a binary format: name a file with --output FILE.")
    try:
        with output_file(file) as tmp, tmp.open("wb") as stream:
            frame.to_parquet(stream, index=False)
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow: `pip install 'lnkit[parquet]'`, or choose --format csv.") from error


def _csv_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with cells and titles of columns that no spreadsheet takes for formulas."""
    cells = frame.copy()
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            cells[name] = [escapes.csv_cell(value) if isinstance(value, str) else value for value in frame[name]]
    return cells.rename(columns=lambda name: escapes.csv_cell(str(name)))


@dataclass(frozen=True, slots=True)
class Markup:
    """How a text format marks the best values, and escapes its special characters."""

    best: str  # "\\textbf{%s}"
    second: str
    escape: Callable[[str], str]


LATEX = Markup(r"\textbf{%s}", r"\underline{%s}", escapes.latex)
MARKDOWN = Markup("**%s**", "<u>%s</u>", escapes.markdown)


def marked(
    frame: pd.DataFrame,
    markup: Markup,
    higher_is_better: Mapping[str, bool],
    same: Mapping[str, Alike] | None = None,
) -> pd.DataFrame:
    """Return the cells as text, with the best and the second value of each column of scores marked.

    Args:
        frame: the table.
        markup: of the text format.
        higher_is_better: for each column of scores.
        same: for columns of scores, whether two rows are not told apart.
    """
    columns = {
        markup.escape(str(name)): _marked_column(
            frame[name], markup, higher_is_better.get(str(name)), (same or {}).get(str(name))
        )
        for name in frame.columns
    }
    return pd.DataFrame(columns, index=frame.index)


def _marked_column(column: pd.Series, markup: Markup, higher: bool | None, same: Alike | None) -> list[str]:
    texts = [_cell(value) for value in column]
    if higher is None:
        return [markup.escape(text) for text in texts]
    left = sorted((row for row, text in enumerate(texts) if text), key=lambda row: float(texts[row]), reverse=higher)
    marks: dict[int, str] = {}
    for mark in (markup.best, markup.second):
        group = [row for row in left if float(texts[row]) == float(texts[left[0]]) or (same and same(left[0], row))]
        if not marks and len(group) == len(left):  # nothing stands out
            break
        marks |= dict.fromkeys(group, mark)
        left = [row for row in left if row not in group]
    return [marks.get(row, "%s") % text for row, text in enumerate(texts)]


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _latex(
    frame: pd.DataFrame,
    higher_is_better: Mapping[str, bool],
    same: Mapping[str, Alike] | None,
    caption: Caption | None,
) -> str:
    shown = frame.drop(columns=[name for name in NOTES if name in frame])
    noted = frame[[name for name in NOTES if name in frame]].fillna("").astype(str)
    numeric = [is_numeric(shown[name]) for name in shown]
    cells = marked(shown, LATEX, higher_is_better, same)
    return latex_table(cells, numeric, caption, noted.to_numpy().tolist() if len(noted.columns) else ())


def is_numeric(column: pd.Series) -> bool:
    """Return whether a column has numbers, also as text; empty cells do not count."""
    known = column[column.notna() & (column != "")]
    return len(known) > 0 and bool(pd.to_numeric(known, errors="coerce").notna().all())


def _markdown(frame: pd.DataFrame) -> str:
    cells = [list(frame.columns), ["---"] * len(frame.columns), *frame.itertuples(index=False)]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)
