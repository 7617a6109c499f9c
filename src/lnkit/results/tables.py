"""Records as tables: DataFrames, and files for papers and spreadsheets. Imports pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lnkit.errors import UsageError
from lnkit.results.folder import output_file
from lnkit.results.records import RunRecord


def scores_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Return one row per score of each record, with the columns needed to filter and read it.

    Example:
        >>> scores_frame([]).columns.tolist()
        ['run', 'score', 'value']
    """
    rows = [_score_row(record, name) for record in records for name in record.scores]
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["run", "score", "value"])


def _score_row(record: RunRecord, name: str) -> dict[str, Any]:
    key, score = record.key, record.scores[name]
    low, high = score.interval or (None, None)
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

    Args:
        records: in the order of the rows.
        scores: names, in the order of the columns.
    """
    rows = [
        {"loss network": record.loss_network, "weights": record.weights}
        | {name: record.scores[name].value if name in record.scores else None for name in scores}
        for record in records
    ]
    return pd.DataFrame(rows, columns=["loss network", "weights", *scores])


def directions(records: Sequence[RunRecord]) -> dict[str, bool]:
    """Return for each score whether larger values are better."""
    return {name: score.higher_is_better for record in records for name, score in record.scores.items()}


def write_table(
    frame: pd.DataFrame, form: str, file: Path | None, higher_is_better: Mapping[str, bool] | None = None
) -> str:
    """Return a table as text, or write it to a file and return "".

    Args:
        frame: the table.
        form: "csv", "parquet", "markdown" or "latex".
        file: to write, complete or not at all; None returns the text.
        higher_is_better: for each column of scores. In LaTeX and Markdown the best value of each is bold and the
            second underlined, and so are values that are printed equal.

    Raises:
        UsageError: Parquet without a file, or without pyarrow.
        LnkitError: the file cannot be written; no part of it is left.
    """
    if form == "parquet":
        _write_parquet(frame, file)
        return ""
    writers: dict[str, Callable[[], str]] = {
        "csv": lambda: frame.to_csv(index=False),
        "markdown": lambda: _markdown(marked(frame, MARKDOWN, higher_is_better or {})),
        "latex": lambda: marked(frame, LATEX, higher_is_better or {}).to_latex(index=False, escape=False),
    }
    text = writers[form]()
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


@dataclass(frozen=True, slots=True)
class Markup:
    """How a text format marks the best values, and escapes its special characters."""

    best: str  # "\\textbf{%s}"
    second: str
    escape: Callable[[str], str]


def _escape_latex(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(character, character) for character in " ".join(text.split()))


LATEX_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}
LATEX = Markup(r"\textbf{%s}", r"\underline{%s}", _escape_latex)
MARKDOWN = Markup("**%s**", "<u>%s</u>", lambda text: text.replace("|", "\\|").replace("\n", " "))


def marked(frame: pd.DataFrame, markup: Markup, higher_is_better: Mapping[str, bool]) -> pd.DataFrame:
    """Return the cells as text, with the best and the second value of each column of scores marked.

    Args:
        frame: the table.
        markup: of the text format.
        higher_is_better: for each column of scores.
    """
    columns = {
        markup.escape(str(name)): _marked_column(frame[name], markup, higher_is_better.get(str(name)))
        for name in frame.columns
    }
    return pd.DataFrame(columns, index=frame.index)


def _marked_column(column: pd.Series, markup: Markup, higher: bool | None) -> list[str]:
    texts = [_cell(value) for value in column]
    if higher is None:
        return [markup.escape(text) for text in texts]
    printed = sorted({float(text) for text in texts if text}, reverse=higher)
    marks = dict(zip(printed, (markup.best, markup.second), strict=False)) if len(printed) > 1 else {}
    return [marks.get(float(text), "%s") % text if text else "" for text in texts]


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _markdown(frame: pd.DataFrame) -> str:
    cells = [list(frame.columns), ["---"] * len(frame.columns), *frame.itertuples(index=False)]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)
