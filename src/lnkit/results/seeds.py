"""The mean over seeds: records of trainings that differ only in their seed, as one record.

The mean is computed whenever it is needed and never stored, so that it always has the runs that exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lnkit.results.records import RunRecord, ScoreRecord
from lnkit.results.signature import seed_part
from lnkit.results.spread import mean_of_trainings

ENOUGH = 5  # seeds; as many as Kumar2022 trained with for its Fig. 4
ONE_TRAINING = (
    "one training does not rank loss networks: its intervals leave out the spread over seeds; --seeds 5 measures it"
)


def means_over_seeds(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Replace trainings that differ only in their seed by the record of their mean.

    Args:
        records: of any runs.

    Returns:
        The means and the other records, each where its first run was.
    """
    groups: dict[str, list[RunRecord]] = {}
    for record in records:
        key = replace(record.key, seed=None) if record.trained else record.key
        groups.setdefault(key.digest(), []).append(record)
    return [group[0] if len(group) == 1 else _mean(group) for group in groups.values()]


def _mean(group: Sequence[RunRecord]) -> RunRecord:
    runs = sorted(group, key=lambda record: record.seeds)
    first = runs[0]
    names = dict.fromkeys(name for record in runs for name in record.scores)
    return replace(
        first,
        key=replace(first.key, seed=None),
        scores={name: _mean_score([record for record in runs if name in record.scores], name) for name in names},
        notes=_notes(runs),
        environment=_shared([record.environment for record in runs]),
        created=max(record.created for record in runs),
        seconds=sum(record.seconds for record in runs),
        files=(),
        collapsed="; ".join(f"seed {record.key.seed}: {record.collapsed}" for record in runs if record.collapsed),
        runs={record.id: record.seeds[0] for record in runs},
    )


def _mean_score(runs: Sequence[RunRecord], name: str) -> ScoreRecord:
    """Return the mean of a score over the runs that have it."""
    scores = [record.scores[name] for record in runs]
    if len(scores) == 1:
        return scores[0]
    seeds = [record.seeds[0] for record in runs]
    values, intervals = [score.value for score in scores], [score.interval for score in scores]
    mean = mean_of_trainings(values, intervals, seeds, scores[0].bounds)
    parts = [seed_part(*seeds) if part == seed_part(seeds[0]) else part for part in scores[0].signature.split("|")]
    return replace(scores[0], value=mean.value, interval=mean.interval, spread=mean.spread, signature="|".join(parts))


def _notes(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return the notes that all runs share, and those of some after the name of the run."""
    notes = dict.fromkeys(note for record in runs for note in record.notes)
    shared = [note for note in notes if all(note in record.notes for record in runs)]
    some = [
        f"{record.loss_network}, seed {record.key.seed}: {note}"
        for record in runs
        for note in record.notes
        if note not in shared
    ]
    return (*shared, *some)


def _shared(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the facts that are equal in all of them."""
    return {name: value for name, value in facts[0].items() if all(other.get(name) == value for other in facts[1:])}


def seed_notes(record: RunRecord) -> list[str]:
    """Say what the intervals of a training, or of a mean over seeds, do and do not include."""
    if not record.trained:
        return []
    if not record.runs:
        return [ONE_TRAINING]
    seeds = record.seeds
    notes = [f"means over the seeds {listed(seeds)}; the intervals include the spread over items and over seeds"]
    if len(seeds) < ENOUGH:
        notes.append(
            f"{len(seeds)} seeds say little about the spread, so the intervals are wide; --seeds 5 narrows them"
        )
    return notes


def listed(seeds: Sequence[int]) -> str:
    """Return ``0, 1, 2``, or ``0 to 9`` for many in a row."""
    in_a_row = list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))
    if in_a_row and len(seeds) > ENOUGH:
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
