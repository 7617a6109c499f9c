"""Records as tables: DataFrames, and the text forms that papers and spreadsheets take. Imports pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lnkit.data.atomic import atomic_write
from lnkit.errors import LnkitError, UsageError
from lnkit.results.records import RunRecord


def scores_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row per score of each record, with what is needed to filter and to read it."""
    rows = [_score_row(record, name) for record in records for name in record.scores]
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["run", "score", "value"])


def _score_row(record: RunRecord, name: str) -> dict[str, Any]:
    facts, score = record.key, record.scores[name]
    low, high = score.interval or (None, None)
    return {
        "run": record.id,
        "benchmark": facts.benchmark,
        "variant": facts.variant,
        "backbone": facts.backbone,
        "family": record.family,
        "points": "+".join(facts.points),
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
    """One row per record, one column per score; a score that a record lacks stays empty."""
    rows = [
        {"loss network": record.loss_network, "weights": record.weights}
        | {name: record.scores[name].value if name in record.scores else None for name in scores}
        for record in records
    ]
    return pd.DataFrame(rows, columns=["loss network", "weights", *scores])


def directions(records: Sequence[RunRecord]) -> dict[str, bool]:
    """Of each score whether larger values are better."""
    return {name: score.higher_is_better for record in records for name, score in record.scores.items()}


def write_table(
    frame: pd.DataFrame, form: str, file: Path | None, higher_is_better: Mapping[str, bool] | None = None
) -> str:
    """Return the table as text, or write it to ``file`` (under a temporary name first) and return nothing.

    Args:
        frame: the table.
        form: "csv", "parquet", "markdown" or "latex".
        file: where it goes; None returns it.
        higher_is_better: columns of scores. In LaTeX and Markdown the best of each is bold and the second underlined;
            equal values, as printed, share that.

    Raises:
        UsageError: Parquet was asked for without a file, or without pyarrow.
        LnkitError: the file cannot be written; nothing is left of it.
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
    with _written_whole(file) as draft:
        draft.write_text(text, encoding="utf-8")
    return ""


@contextmanager
def _written_whole(file: Path) -> Iterator[Path]:
    """The same as ``atomic_write``, with a sentence for a place that cannot be written to."""
    try:
        with atomic_write(file) as draft:
            yield draft
    except OSError as error:
        raise LnkitError(f"{file} cannot be written ({error.strerror}). Name another place with --output.") from error


def _write_parquet(frame: pd.DataFrame, file: Path | None) -> None:
    if file is None:
        raise UsageError("Parquet is a binary format: say where it goes with --output FILE.")
    try:
        with _written_whole(file) as draft, draft.open("wb") as stream:
            frame.to_parquet(stream, index=False)
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow: `pip install 'lnkit[parquet]'`, or choose --format csv.") from error


@dataclass(frozen=True, slots=True)
class Markup:
    """How a kind of text marks what stands out, and keeps what only looks like markup."""

    best: str  # "\\textbf{%s}"
    second: str
    escape: Callable[[str], str]


def _escape_latex(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(character, character) for character in " ".join(text.split()))


def _escape_markdown(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


LATEX_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}
LATEX = Markup(r"\textbf{%s}", r"\underline{%s}", _escape_latex)
MARKDOWN = Markup("**%s**", "<u>%s</u>", _escape_markdown)


def marked(frame: pd.DataFrame, markup: Markup, higher_is_better: Mapping[str, bool]) -> pd.DataFrame:
    """The cells as text, with the best and the second of each column of scores marked."""
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
