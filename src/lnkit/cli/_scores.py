"""Scores as people read them: the primary ones with intervals, the others, the ceilings, and one signature each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from lnkit.cli._output import print_table
from lnkit.results.records import CUT_DOWN, RunRecord, ScoreRecord

MOST_COLUMNS = 6  # loss networks beside each other before the table turns unreadable


def show_scores(records: Sequence[RunRecord]) -> None:
    """Print the scores of runs of one benchmark."""
    names = list(dict.fromkeys(name for record in records for name in record.scores))
    primary = [name for name in names if any(name in record.main_scores for record in records)]
    rows = [[record.loss_network, *(_cell(record, name) for name in primary)] for record in records]
    print_table(["loss network", *primary], rows, title=table_title(records[0]))
    _show_others(records, [name for name in names if name not in primary])
    click.echo()
    for line in (*_comparisons(records, primary), *_remarks(records), *_signatures(records)):
        click.echo(line)


def _show_others(records: Sequence[RunRecord], names: Sequence[str]) -> None:
    """One row per score and one column per loss network, then what to compare with; `lnkit results export` has all."""
    if not names or len(records) > MOST_COLUMNS:
        return
    click.echo()
    one_backbone = len({record.key.backbone for record in records}) == 1
    columns = ["+".join(r.key.points) if one_backbone else r.loss_network for r in records]
    others = list(dict.fromkeys(what for name in names for what in _beside(records, name)))
    rows = [
        [
            name,
            *(_cell(record, name) for record in records),
            *(_number(_beside(records, name), what) for what in others),
        ]
        for name in names
    ]
    print_table(["score", *columns, *others], rows)


def _beside(records: Sequence[RunRecord], name: str) -> Mapping[str, float]:
    """What to compare a score with: methods without a network, and what people reach."""
    return {**_belonging_to(records, name, "baselines"), **_belonging_to(records, name, "ceilings")}


def _belonging_to(records: Sequence[RunRecord], name: str, kind: str) -> Mapping[str, float]:
    """Baselines or ceilings of a score; they are the data's, so whichever record has the score speaks for all."""
    found = (getattr(record.scores[name], kind) for record in records if name in record.scores)
    return dict(sorted(next(found, {}).items()))


def _number(values: Mapping[str, float], name: str) -> str:
    return f"{values[name]:.4f}" if name in values else ""


def format_value(score: ScoreRecord) -> str:
    """``0.7012 [0.6934, 0.7088]``, as far as known."""
    interval = f" [{score.interval[0]:.4f}, {score.interval[1]:.4f}]" if score.interval else ""
    return f"{score.value:.4f}{interval}"


def table_title(record: RunRecord) -> str:
    """What a table of scores is about; sample data are never passed over."""
    facts = record.key
    return f"{facts.benchmark}, protocol {facts.variant}" + (", SAMPLE DATA" if record.sample else "")


def _cell(record: RunRecord, name: str) -> str:
    score = record.scores.get(name)
    if score is None:
        return "-"
    return format_value(score) if name in record.main_scores else f"{score.value:.4f}"


def _comparisons(records: Sequence[RunRecord], names: Sequence[str]) -> list[str]:
    return [
        f"{kind.capitalize()} of {name}: " + ", ".join(f"{what} {value:.4f}" for what, value in found.items())
        for name in names
        for kind in ("baselines", "ceilings")
        if (found := _belonging_to(records, name, kind))
    ]


def _remarks(records: Sequence[RunRecord]) -> list[str]:
    notes = [f"Note: {note}" for record in records for note in (*_incomparable(record), *record.notes)]
    notes += [f"Collapsed: {record.loss_network}: {record.collapsed}" for record in records if record.collapsed]
    changed = [f"Deviation from {record.key.variant}: {d}" for record in records for d in record.deviations]
    return list(dict.fromkeys(notes + changed))


def _incomparable(record: RunRecord) -> list[str]:
    if record.sample or record.key.variant in CUT_DOWN:  # of other reasons there are notes already
        return [f"{record.incomparable}: not comparable with published or full scores"]
    return []


def _signatures(records: Sequence[RunRecord]) -> list[str]:
    """One line for each primary score: what this number is. The other scores' lines are in `lnkit results show`."""
    return [
        f"{record.scores[name].value:.4f} = {record.scores[name].signature}"
        for record in records
        for name in record.main_scores
    ]
