"""The primary scores of records as LaTeX tables, with intervals, and signatures as notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lnkit.escapes import latex
from lnkit.results.comparability import differences
from lnkit.results.latex import Caption, latex_table
from lnkit.results.records import RunRecord, ScoreRecord
from lnkit.results.signature import SharedParts, split_signatures
from lnkit.results.tables import LATEX, alike, directions, is_numeric, marked, wide_frame

PER_TABLE = 3  # scores with intervals that fit side by side on a page
ARROWS = {True: r"$\uparrow$", False: r"$\downarrow$"}  # whether larger values are better


def results_tables(records: Sequence[RunRecord]) -> str:
    """Return the primary scores of records as LaTeX: one table for each benchmark, protocol and kind of data.

    The best value of each score is bold and the second underlined, unless the results do not measure the same thing.

    Args:
        records: of any benchmarks.
    """
    groups: dict[tuple[str, str, bool], list[RunRecord]] = {}
    for record in records:
        groups.setdefault((record.key.benchmark, record.key.variant, record.sample), []).append(record)
    return "\n".join(text for group in groups.values() for text in _tables(group))


def _tables(records: Sequence[RunRecord]) -> Iterator[str]:
    """Yield the tables of one protocol: each has a few scores."""
    names = list(dict.fromkeys(name for record in records for name in record.main_scores))
    for start in range(0, len(names), PER_TABLE):
        suffix = f"-{start // PER_TABLE + 1}" * (len(names) > PER_TABLE)
        yield _table(records, names[start : start + PER_TABLE], suffix)


def _table(records: Sequence[RunRecord], names: Sequence[str], suffix: str) -> str:
    frame = wide_frame(records, names)
    different = differences(records)
    higher = directions(records)
    ordered = {} if different else {name: higher[name] for name in names}
    cells = marked(frame, LATEX, ordered, {name: alike(records, name) for name in ordered})
    for name in names:
        scores = [record.scores.get(name) for record in records]
        cells[latex(name)] = [_with_interval(*pair) for pair in zip(cells[latex(name)], scores, strict=True)]
    units = {name: record.scores[name].unit for record in records for name in names if name in record.scores}
    titles = {latex(name): f"{latex(_title(name, units[name]))} {ARROWS[higher[name]]}" for name in names}
    parts = split_signatures(records, names)
    caption = _caption(records, different, parts, suffix)
    numeric = [is_numeric(frame[name]) for name in frame.columns]
    return latex_table(
        cells.rename(columns=titles), numeric, caption, [_row_notes(record, parts) for record in records]
    )


def _title(name: str, unit: str) -> str:
    return name if unit in ("", "fraction") else f"{name} ({unit})"


def _with_interval(text: str, score: ScoreRecord | None) -> str:
    if score is None or score.interval is None:
        return text
    low, high = score.interval
    return rf"{text} {{\scriptsize[{low:.4f}, {high:.4f}]}}"


def _caption(records: Sequence[RunRecord], different: Sequence[str], parts: SharedParts, suffix: str) -> Caption:
    key = records[0].key
    trained = any(record.runs for record in records)
    sentences = [
        f"{key.benchmark}, protocol {key.variant}{', SAMPLE DATA' * records[0].sample}: primary scores with 95 % "
        f"intervals over items{' and seeds' * trained}."
    ]
    if different:
        sentences.append(f"These results do not measure the same thing: they differ in {'; '.join(different)}.")
    elif len(records) > 1:
        sentences.append("Bold: the best value; underlined: the second.")
    label = "-".join(filter(str.isalnum, (key.benchmark, key.variant))) or "results"
    of_scores = [f"{name}: {' | '.join(of_score)}." for name, of_score in parts.of_scores.items() if of_score]
    notes = ([f"Signature: {' | '.join(parts.shared)}."] if parts.shared else []) + of_scores
    return Caption(" ".join(sentences), f"tab:{label}{suffix}", tuple(notes))


def _row_notes(record: RunRecord, parts: SharedParts) -> list[str]:
    collapsed = [f"Its training collapsed: {record.collapsed}."] if record.collapsed else []
    return [" | ".join(parts.of_runs[record.id]), *collapsed]
