"""Score what a search found on another benchmark: does it transfer?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import run
from lnkit.search.evidence import recommended
from lnkit.search.point_search import SearchResult, loss_of

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry
    from lnkit.progress import Progress


def score_elsewhere(
    result: SearchResult, bench: str, data: Path | None, registry: Registry, progress: Progress
) -> dict[str, Any]:
    """Score the choice, and the standard point that was best where it was chosen, on another benchmark.

    Args:
        result: of the search.
        bench: the other benchmark, which does not train.
        data: folder of its data; None for the cache.
        registry: knows all names.
        progress: receives the progress.

    Returns:
        ``benchmark``, ``score`` and ``losses``: text -> value, interval and the folder of its record.
    """
    confirmed, candidates = result.confirmation, result.measured.candidates
    best = max(confirmed.standards, key=lambda standard: standard.development, default=None)
    combinations = [confirmed.chosen.combination, recommended(result), *([best.combination] if best else [])]
    losses = list({str(loss): loss for loss in (loss_of(c, candidates) for c in combinations)}.values())
    searched = result.plan.request.run
    shared: dict[str, Any] = {
        name: getattr(searched, name) for name in ("weights", "results", "device", "engine", "batch_size", "sample")
    }
    found = {}
    score = ""
    for loss in losses:
        request = RunRequest(loss, bench=bench, data=None if shared["sample"] else data, **shared)
        (finished,) = run(replace(request, seed=searched.seed), registry, progress)
        score, value = next((name, s) for name, s in finished.record.scores.items() if s.primary)
        found[str(loss)] = {"value": value.value, "interval": value.interval, "folder": str(finished.folder)}
    return {"benchmark": bench, "score": score, "losses": found}
