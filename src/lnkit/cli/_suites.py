"""The table of a suite for people, and the same as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lnkit.cli._output import echo, print_sentence, print_table
from lnkit.cli._scores import first_lines, notes_of
from lnkit.evaluation.suites import SuitePlan, suite_table

if TYPE_CHECKING:
    from lnkit.results.records import RunRecord


def suite_facts(plan: SuitePlan, records: Sequence[RunRecord]) -> dict[str, Any]:
    """Return a suite for JSON: its table, and what was left out."""
    members = [record for record in records if record.key.benchmark in plan.suite.benchmarks]
    table = asdict(suite_table(plan.suite, members))
    return {"name": plan.suite.name, "score": plan.suite.score, **table, "left_out": dict(plan.left_out)}


def show_suite(plan: SuitePlan, records: Sequence[RunRecord], *, whole: bool, most: int) -> None:
    """Print one table of all benchmarks of a suite, notes on them, and what was left out.

    Args:
        plan: of the suite.
        records: of its benchmarks.
        whole: with all rows and notes.
        most: unless whole, the number of rows, and of lines of notes.
    """
    table, suite = suite_table(plan.suite, records), plan.suite
    backbones = {record.key.backbone for record in records}
    points = {record.loss_network: "+".join(record.key.points) for record in records}
    one = f" of {backbones.pop()}" if len(backbones) == 1 and all(points.values()) else ""
    rows = [
        [points[network] if one else network, *(_cell(scores.get(name)) for name in table.sets)]
        for network, scores in table.values.items()
    ]
    columns = ["point" if one else "loss network", *table.sets]
    if len(table.sets) > 1:
        columns.append(f"mean of {len(table.sets)} sets")
        for row, network in zip(rows, table.values, strict=True):
            row.append(_cell(table.means.get(network)))
    variants = " and ".join(dict.fromkeys(record.key.variant for record in records))
    sample = ", SAMPLE DATA" if any(record.sample for record in records) else ""
    shown = len(rows) if whole else most
    print_table(
        columns,
        rows[:shown],
        title=f"{suite.name}: {suite.score}{one}, protocol {variants}{sample}",
        least=table.sets[::-1],
    )
    if len(rows) > shown:
        print_sentence(f"... and {len(rows) - shown} more rows: --wide shows all.")
    echo()
    notes = _grouped((_without_scores(line), record.key.benchmark) for record in records for line in notes_of([record]))
    lines = [line if len(sets) == len(table.sets) else f"{', '.join(sets)}: {line}" for line, sets in notes.items()]
    for line in lines if whole else first_lines(lines, most, "notes"):
        print_sentence(line, "  ")
    print_sentence(f"Signature of all: {_shared_signature(suite.score, records)}", "    ")
    for reason, names in _grouped((reason, name) for name, reason in plan.left_out.items()).items():
        print_sentence(f"Left out: {', '.join(names)}: {reason}", "  ")


def _without_scores(note: str) -> str:
    """Leave out which scores have few items: sets have other scores, and the table one of each."""
    return note.rpartition(": ")[0] + "." if note.startswith("Note: few items: ") else note


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return {first: all that came with it, each once}."""
    grouped: dict[str, list[str]] = {}
    for first, second in pairs:
        seconds = grouped.setdefault(first, [])
        if second not in seconds:
            seconds.append(second)
    return grouped


def _shared_signature(score: str, records: Sequence[RunRecord]) -> str:
    """Return the parts that the signatures of a score share; `lnkit results show` has the whole ones."""
    split = [record.scores[score].signature.split("|") for record in records if score in record.scores]
    return " | ".join(part for part in (split or [[]])[0] if all(part in parts for parts in split))


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
