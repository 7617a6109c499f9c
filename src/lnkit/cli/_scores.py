"""Scores as people read them: a table of loss networks, the ceilings, what must be known, and one signature each."""

from __future__ import annotations

from collections.abc import Sequence

import click

from lnkit.cli._output import print_table
from lnkit.records import RunRecord, ScoreRecord

MOST_COLUMNS = 9  # scores beside each other before the table turns unreadable; `lnkit results show` has all


def show_scores(records: Sequence[RunRecord]) -> None:
    """Print the scores of runs of one benchmark."""
    names = _columns(records)
    rows = [[record.loss_network, *(_cell(record.scores.get(name)) for name in names)] for record in records]
    print_table(["loss network", *names], rows, title=_title(records[0]))
    for line in (*_ceilings(records[0], names), *_remarks(records), *_signatures(records)):
        click.echo(line)


def format_value(score: ScoreRecord) -> str:
    """``0.7012 [0.6934, 0.7088]``, as far as known."""
    interval = f" [{score.interval[0]:.4f}, {score.interval[1]:.4f}]" if score.interval else ""
    return f"{score.value:.4f}{interval}"


def _title(record: RunRecord) -> str:
    facts = record.determinants
    return f"{facts.benchmark}, protocol {facts.variant}" + (", SAMPLE DATA" if record.sample else "")


def _columns(records: Sequence[RunRecord]) -> list[str]:
    names = dict.fromkeys(name for record in records for name in record.scores)
    primary = [n for n in names if any(n in record.scores and record.scores[n].primary for record in records)]
    return [*primary, *(name for name in names if name not in primary and "/" in name)][:MOST_COLUMNS]


def _cell(score: ScoreRecord | None) -> str:
    if score is None:
        return "-"
    return format_value(score) if score.primary else f"{score.value:.4f}"


def _ceilings(record: RunRecord, names: Sequence[str]) -> list[str]:
    """The ceilings of the primary scores; they belong to the data, so one record speaks for all."""
    scores = {name: record.scores[name] for name in names if name in record.scores}
    return [
        f"Ceilings of {name}: " + ", ".join(f"{what} {value:.4f}" for what, value in sorted(score.ceilings.items()))
        for name, score in scores.items()
        if score.primary and score.ceilings
    ]


def _remarks(records: Sequence[RunRecord]) -> list[str]:
    notes = [f"Note: {note}" for record in records for note in record.notes]
    changed = [f"Deviation from {record.determinants.variant}: {d}" for record in records for d in record.deviations]
    return list(dict.fromkeys(notes + changed))


def _signatures(records: Sequence[RunRecord]) -> list[str]:
    """One line for each primary score: what this number is. The other scores' lines are in `lnkit results show`."""
    return [
        f"{score.value:.4f} = {score.signature}"
        for record in records
        for score in record.scores.values()
        if score.primary
    ]
