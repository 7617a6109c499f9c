"""Whether own values may be set beside published ones, and what must be known where they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lnkit.analysis.measurements import PUBLISHED, ScoreRow
from lnkit.results.records import RunRecord

REFERENCE = "reference"  # the protocol variant that computes what the code of the study computes


def refusals(records: Iterable[RunRecord]) -> dict[str, str]:
    """Id of each record whose values may not stand beside published ones -> why, as half a sentence."""
    return {record.id: record.incomparable for record in records if not record.comparable}


def remarks_on(one: ScoreRow, published: Sequence[ScoreRow]) -> Iterator[str]:
    """What must be known about a value beside the published ones of the same score, as sentences."""
    if one.origin != PUBLISHED:
        yield from _on_protocol(one)
        yield from _on_runs(one)
    for caveat in dict.fromkeys(other.caveat for other in published if other.caveat):
        yield f"A place among these published values says little: {caveat}."


def _on_protocol(one: ScoreRow) -> Iterator[str]:
    if one.variant == REFERENCE:
        yield f"The protocol {REFERENCE!r} follows the code of the study, as the published values do."
    else:
        yield (
            f"Made with the protocol {one.variant!r}; the published values come from the code of the study, which "
            f"{REFERENCE!r} follows. Part of a difference may be the protocol's."
        )


def _on_runs(one: ScoreRow) -> Iterator[str]:
    runs = len(one.source.split())
    if runs > 1:
        yield f"The mean of {runs} runs, without an interval."
    elif one.low is None:
        yield "It has no interval, so how sure its place is cannot be said."
    if one.collapsed:
        yield "The training collapsed; the value is of the best network before."
