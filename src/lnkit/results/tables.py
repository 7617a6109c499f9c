"""Records as tables: DataFrames, and the text forms that papers and spreadsheets take. Imports pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from lnkit.errors import LnkitError, UsageError
from lnkit.files import whole_file
from lnkit.results.records import RunRecord


def scores_frame(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row per score of each record, with what is needed to filter and to read it."""
    rows = [_score_row(record, name) for record in records for name in record.scores]
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["run", "score", "value"])


def _score_row(record: RunRecord, name: str) -> dict[str, Any]:
    facts, score = record.determinants, record.scores[name]
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


def write_table(frame: pd.DataFrame, form: str, file: Path | None) -> str:
    """Return the table as text, or write it to ``file`` (under a temporary name first) and return nothing.

    Raises:
        UsageError: Parquet was asked for without a file, or without pyarrow.
        LnkitError: the file cannot be written; nothing is left of it.
    """
    if form == "parquet":
        _write_parquet(frame, file)
        return ""
    writers: dict[str, Callable[[], str]] = {
        "csv": lambda: frame.to_csv(index=False),
        "markdown": lambda: _markdown(frame),
        "latex": lambda: frame.to_latex(index=False, float_format="%.4f", escape=True),
    }
    text = writers[form]()
    if file is None:
        return text
    with _written_whole(file) as draft:
        draft.write_text(text, encoding="utf-8")
    return ""


@contextmanager
def _written_whole(file: Path) -> Iterator[Path]:
    """The same as ``whole_file``, with a sentence for a place that cannot be written to."""
    try:
        with whole_file(file) as draft:
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


def _markdown(frame: pd.DataFrame) -> str:
    cells = [[str(column) for column in frame.columns], ["---"] * len(frame.columns)]
    cells += [[_markdown_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


def _markdown_cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
