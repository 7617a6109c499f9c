"""The chosen loss network as a loss, and the evidence for it in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from lnkit.losses.definition import Loss, LossTerm
from lnkit.losses.expression import parse_loss
from lnkit.search.halving.budget import duration
from lnkit.search.halving.outcome import SearchOutcome
from lnkit.specs import is_loss


def chosen_loss(outcome: SearchOutcome) -> Loss:
    """Return the chosen loss network with the distance that it was trained with."""
    assert outcome.final is not None, "there is a choice"
    record = outcome.rungs[-1].trainings[outcome.final.chosen][0].record
    if is_loss(record.key.backbone):
        return parse_loss(record.key.backbone)
    points = dict.fromkeys(record.key.points, 1.0)
    return Loss((LossTerm(record.key.backbone, points, str(record.key.protocol.get("distance", ""))),))


def evidence(outcome: SearchOutcome) -> Iterator[str]:
    """Yield sentences on what was tried, on what, and how sure the choice is."""
    assert outcome.final is not None, "there is a choice"
    final = outcome.final
    yield (
        f"Chosen by successive halving on {outcome.bench}/{outcome.variant} among {len(outcome.candidates)} loss "
        f"networks, in {duration(outcome.spent)} of trainings."
    )
    for result in outcome.rungs:
        seeds = f", {result.rung.seeds} seeds each" if result.rung.last else ""
        yield (
            f"{len(result.trainings)} loss networks for {result.rung.length:,} of {outcome.full_length:,} "
            f"{outcome.length_field}{seeds}; best first: {', '.join(result.trainings)}."
        )
    for row in final.rows:
        sd = "" if row.sd is None else f", sd {row.sd:.4g} over {row.seeds} seeds"
        gap = ""
        if row.difference is not None and row.interval is not None:
            gap = f"; {row.difference:+.4g} to the chosen ({row.interval[0]:+.4g} to {row.interval[1]:+.4g})"
        yield f"{row.network}: {row.score} {row.mean:.4g}{sd}{gap}."
    for name, verdict in final.verdicts.items():
        yield f"{name}: {verdict}."
    items = "the other half of the test items" if outcome.is_split else "all test items, which also chose"
    yield f"The scores are of {items}."
