"""What a search found, in sentences and as a loss with its evidence inside."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lnkit._version import __version__
from lnkit.losses.toml import EVIDENCE, loss_to_toml
from lnkit.search.choice import Combination
from lnkit.search.confirmation import Assessed, Interval
from lnkit.search.point_search import SearchResult, loss_of


def verdict(result: SearchResult) -> str:
    """Say whether the choice is better than the standard points, on items that it was not chosen on."""
    confirmed = result.confirmation
    if not confirmed.standards:
        return (
            "The backbone has no registered points, so there is nothing to compare with: the confirmation score stands "
            "for itself."
        )
    count = len(confirmed.standards)
    several = f"each of the {count} standard points" if count > 1 else "the standard point"
    doubtful = [i for i, difference in enumerate(confirmed.differences) if not difference.positive]
    worst = min(doubtful or range(count), key=lambda i: confirmed.differences[i].value)
    difference = confirmed.differences[worst]
    measured = f"{difference.value:+.3f}{_within(difference.interval)}"
    name = loss_of(confirmed.standards[worst].combination, result.measured.candidates)
    if not doubtful:
        return f"The choice is better than {several} on items that it was not chosen on; than {name} by {measured}."
    if confirmed.standards[worst].combination.members == confirmed.chosen.combination.members:
        return f"None: nothing was found that is better than {several}; {name} itself scores highest."
    return (
        f"None: nothing was found that is better than {several} beyond chance. The choice differs from {name} by "
        f"{measured} on items that it was not chosen on."
    )


def recommended(result: SearchResult) -> Combination:
    """Return the choice if it is better than the standard points, else the standard point to use instead."""
    confirmed = result.confirmation
    if confirmed.better:
        return confirmed.chosen.combination
    return max(confirmed.standards, key=lambda standard: standard.development).combination


def as_good_and_cheaper(result: SearchResult) -> int | None:
    """Return the cheapest candidate that the confirmation items cannot tell from the choice, if it costs less."""
    candidates, chosen = result.measured.candidates, result.confirmation.chosen.combination
    macs = max(candidates[index].node.macs for index in chosen.members)
    cheapest = min(not_told_apart(result), key=lambda i: (candidates[i].node.macs, -result.scores[0, i]), default=None)
    return cheapest if cheapest is not None and candidates[cheapest].node.macs < macs else None


def not_told_apart(result: SearchResult) -> list[int]:
    """Return the searched candidates that the confirmation items cannot tell from the choice."""
    return [index for index in result.confirmation.not_told_apart if result.measured.candidates[index].searched]


def front(result: SearchResult) -> list[int]:
    """Return the candidates than which none is both cheaper and better on the development items, cheapest first."""
    kept: list[int] = []
    candidates, scores = result.measured.candidates, result.scores[0]
    for index in sorted(
        np.flatnonzero(result.measured.searched).tolist(), key=lambda i: (candidates[i].node.macs, -scores[i])
    ):
        if not kept or scores[index] > scores[kept[-1]]:
            kept.append(index)
    return kept


def facts(result: SearchResult) -> dict[str, Any]:
    """Return all facts as plain values, for ``--json`` and the evidence of a loss."""
    plan, confirmed, candidates = result.plan, result.confirmation, result.measured.candidates
    request, record = plan.request, result.measured.runs[0].record
    selection = confirmed.selection
    return {
        "lnkit": __version__,
        "benchmark": record.key.benchmark,
        "benchmark_version": record.key.benchmark_version,
        "variant": record.key.variant,
        "score": result.measured.judgments.score,
        "data": dict(record.key.data),
        "sample": request.run.sample,
        "weights": {run.record.key.backbone: run.record.key.weights_sha256 for run in result.measured.runs},
        "backbones": list(request.backbones),
        "nodes": {name: len(found.nodes) for name, found in plan.nodes.items()},
        "left_out": dict(plan.left_out),
        "distances": list(dict.fromkeys(candidate.distance for candidate in candidates)),
        "candidates": plan.candidates,
        "combine": request.combine,
        "layer_weights": request.layer_weights,
        "split": f"{request.folds} nested folds" if request.folds else f"{request.share:g} for development",
        "split_seed": request.split_seed,
        "items": len(result.development),
        "development_items": int(result.development.sum()),
        "choice": str(result.loss),
        **_scores(confirmed.chosen),
        "optimism": selection.optimism,
        "development_corrected": selection.corrected,
        "development_interval": list(selection.interval or ()),
        "chosen_in_samples": _share_of_choice(result),
        "samples": request.resamples,
        "not_told_apart": len(not_told_apart(result)),
        "better_than_standard_points": bool(confirmed.standards) and confirmed.better,
        "verdict": verdict(result),
        "recommended": str(loss_of(recommended(result), candidates)),
        "standard_points": [
            {
                "loss": str(loss_of(standard.combination, candidates)),
                **_scores(standard),
                "difference": difference.value,
                "difference_interval": list(difference.interval or ()),
            }
            for standard, difference in zip(confirmed.standards, confirmed.differences, strict=True)
        ],
    }


def all_candidates(result: SearchResult) -> list[dict[str, Any]]:
    """Return each candidate with its cost and its scores, the cheapest first."""
    return [
        {
            "loss": str(candidate),
            "macs": candidate.node.macs,
            "development": float(result.scores[0, index]),
            "confirmation": float(result.scores[1, index]),
            "searched": candidate.searched,
            "equal_nodes": list(candidate.node.equal),
            "not_told_apart": index in result.confirmation.not_told_apart,
        }
        for index, candidate in enumerate(result.measured.candidates)
    ]


def to_toml(result: SearchResult) -> str:
    """Return the recommended loss as TOML, with what was tried, on what, and how sure it is."""
    loss = loss_of(recommended(result), result.measured.candidates)
    found = facts(result)
    lines = [f"{name} = {_toml(value)}" for name, value in found.items() if name != "standard_points"]
    tables = [
        "\n".join([f"\n[[{EVIDENCE}.standard_points]]", *(f"{name} = {_toml(value)}" for name, value in row.items())])
        for row in found["standard_points"]
    ]
    return "\n".join([loss_to_toml(loss), f"[{EVIDENCE}]", *lines, *tables]) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_toml(part)}" for name, part in value.items()) + " }"
    return json.dumps(value)  # text, numbers, lists and booleans are written alike


def _scores(assessed: Assessed) -> dict[str, Any]:
    return {
        "development": assessed.development,
        "confirmation": assessed.confirmation,
        "confirmation_interval": list(assessed.interval or ()),
    }


def _share_of_choice(result: SearchResult) -> float:
    members = result.confirmation.chosen.combination.members
    return dict(result.confirmation.selection.shares).get(members, 0.0)


def _within(interval: Interval | None) -> str:
    return f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
