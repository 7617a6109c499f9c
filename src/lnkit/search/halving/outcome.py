"""What a search over trainings found, with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lnkit.results.records import RunRecord
from lnkit.search.halving.schedule import Rung, Schedule
from lnkit.search.halving.scores import HalfScores

WORSE, BETTER, MIXED, NOT_TOLD_APART = "worse", "better", "differs by score", "not told apart"


@dataclass(frozen=True)
class Training:
    """A finished training of a search."""

    seed: int
    record: RunRecord
    scores: HalfScores


@dataclass(frozen=True)
class RungResult:
    """What a round showed."""

    rung: Rung
    trainings: Mapping[str, tuple[Training, ...]]  # loss network -> its trainings, the best loss network first
    ranks: Mapping[str, float]  # mean ranks by the half to choose by, the best first
    lost: Mapping[str, str]  # loss network -> why it lost its place, other than by its score


@dataclass(frozen=True)
class FinalRow:
    """One main score of one loss network, over the seeds of the last trainings, on the half that confirms."""

    network: str
    score: str
    mean: float
    sd: float | None  # over the seeds; None of one
    seeds: int
    difference: float | None = None  # to the chosen one
    interval: tuple[float, float] | None = None  # 95 %, of the difference
    told_apart: bool | None = None


@dataclass(frozen=True)
class FinalResult:
    """The choice, confirmed or not."""

    chosen: str
    rows: tuple[FinalRow, ...]
    verdicts: Mapping[str, str]  # each other finalist -> how it compares with the chosen one
    over_items: bool  # the intervals include the choice of test items, not only of seeds


@dataclass(frozen=True)
class Prediction:
    """How well a cheap score predicted the order in a later round."""

    proxy: str  # "1 epochs", "bapps/paper@3f2a9c"
    target: str  # "10 epochs"
    n: int
    spearman: float
    low: float
    high: float
    verdict: str  # see lnkit.analysis.proxy.verdict
    note: str


@dataclass(frozen=True)
class SearchPlan:
    """What a search would do next."""

    candidates: tuple[str, ...]
    length_field: str
    full_length: int
    budget: float
    spent: float  # seconds of trainings that have ended
    done: tuple[Rung, ...]  # rounds that have ended
    schedule: Schedule | None  # what is to come; None: how long trainings take is unknown, or everything is done
    times_are_known: bool


@dataclass(frozen=True)
class SearchOutcome:
    """The result of a search."""

    bench: str
    variant: str
    candidates: tuple[str, ...]
    length_field: str
    full_length: int
    budget: float
    spent: float
    rungs: tuple[RungResult, ...]
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)  # main score -> its direction
    final: FinalResult | None = None
    predictions: tuple[Prediction, ...] = ()
    submitted: str = ""  # trainings run elsewhere, and the search is not finished
    would_fit: float | None = None  # seconds of a budget that the last trainings would fit into
    results: Path | None = None

    @property
    def lost(self) -> dict[str, str]:
        """Loss networks whose trainings failed or collapsed -> why."""
        return {name: why for rung in self.rungs for name, why in rung.lost.items()}

    @property
    def is_split(self) -> bool:
        """Whether the choice and its confirmation are by different test items."""
        runs = [run for rung in self.rungs for of_one in rung.trainings.values() for run in of_one]
        return bool(runs) and all(run.scores.is_split for run in runs)

    def to_plain(self) -> dict[str, Any]:
        """Return values for JSON."""
        return {
            "bench": self.bench,
            "protocol": self.variant,
            "tried": len(self.candidates),
            "candidates": list(self.candidates),
            "length": {"field": self.length_field, "full": self.full_length},
            "budget_seconds": self.budget,
            "spent_seconds": self.spent,
            "items_split": self.is_split,
            "rungs": [_rung_to_plain(rung) for rung in self.rungs],
            "chosen": self.final.chosen if self.final else None,
            "final": asdict(self.final) if self.final else None,
            "predictions": [asdict(prediction) for prediction in self.predictions],
            "lost": self.lost,
            "submitted": self.submitted,
            "would_fit_seconds": self.would_fit,
            "results": str(self.results),
        }


def _rung_to_plain(result: RungResult) -> dict[str, Any]:
    return {
        **asdict(result.rung),
        "networks": {
            name: {
                "mean_rank": result.ranks[name],
                "trainings": [
                    {
                        "seed": run.seed,
                        "record": run.record.id,
                        "seconds": run.record.seconds,
                        "chosen_by": dict(run.scores.chosen_by),
                        "confirmed_by": dict(run.scores.confirmed_by),
                    }
                    for run in runs
                ],
            }
            for name, runs in result.trainings.items()
        },
        "lost": dict(result.lost),
    }
