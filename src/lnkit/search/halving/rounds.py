"""One round of a search: its trainings as a sweep, and what their records say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lnkit.errors import LnkitError
from lnkit.results.folder import ResultsFolder
from lnkit.search.halving.candidates import Candidate
from lnkit.search.halving.outcome import RungResult, Training
from lnkit.search.halving.schedule import Rung, survivors_of
from lnkit.search.halving.scores import best_first, mean_ranks, means, score_halves
from lnkit.sweep.status import TaskStatus
from lnkit.sweep.sweep import Sweep

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

RunSweep = Callable[[Sweep], str]  # runs the open tasks; returns "", or where they run if that is elsewhere


class SubmittedError(LnkitError):
    """The trainings of a round run elsewhere, and have not ended."""


@dataclass
class Rounds:
    """Trains rounds, and keeps what all of their records say."""

    candidates: Mapping[str, Candidate]
    length_field: str
    seed: int
    results: ResultsFolder
    registry: Registry
    seconds: dict[str, float] = field(default_factory=dict)  # id of a record -> what its training took
    higher_is_better: dict[str, bool] = field(default_factory=dict)  # main score -> its direction

    @property
    def spent(self) -> float:
        """Seconds of all trainings whose records were read."""
        return sum(self.seconds.values())

    def train(self, rung: Rung, names: Sequence[str], run_sweep: RunSweep) -> RungResult:
        """Train with the first loss networks of a list, as many as the round has.

        Args:
            rung: The round.
            names: Loss networks, the best first.
            run_sweep: Runs the open tasks.

        Raises:
            SubmittedError: The trainings run elsewhere; the sentence says where.
            LnkitError: Some have not ended.
        """
        trainings = self._trainings(rung, names)
        sweep = self._sweep(trainings)
        submitted = run_sweep(sweep)
        states = {task.task.id: task for task in sweep.status().tasks}
        if any(task.state in ("open", "running") for task in states.values()):
            if submitted:
                raise SubmittedError(submitted)
            raise LnkitError("Some trainings have not ended. Run the same command again: it goes on.")
        found, lost = {}, {}
        for name, of_one in trainings.items():
            ended = [self._read(states[one.task.id], one) for one in of_one]
            if reasons := [reason for reason in ended if isinstance(reason, str)]:
                lost[name] = reasons[0]
            else:
                found[name] = tuple(run for run in ended if isinstance(run, Training))
        scores = {name: means([run.scores.chosen_by for run in runs]) for name, runs in found.items()}
        ranks = mean_ranks(scores, self.higher_is_better) if scores else {}
        order = best_first(ranks)
        return RungResult(rung, {name: found[name] for name in order}, {name: ranks[name] for name in order}, lost)

    def have_ended(self, rung: Rung, names: Sequence[str]) -> bool:
        """Whether every training of a round has a record, or was given up."""
        counts = self._sweep(self._trainings(rung, names)).status().counts
        return not (counts["open"] or counts["running"])

    def _trainings(self, rung: Rung, names: Sequence[str]) -> dict[str, list[Candidate]]:
        """Return the trainings of a round. The last ones have seeds that no training before had."""
        first = self.seed + (1 if rung.last else 0)
        return {
            name: [
                self.candidates[name].training(self.length_field, rung.length, seed, self.registry)
                for seed in range(first, first + rung.seeds)
            ]
            for name in names[: rung.count]
        }

    def _sweep(self, trainings: Mapping[str, Sequence[Candidate]]) -> Sweep:
        all_ = [one for of_one in trainings.values() for one in of_one]
        return Sweep(self.results.path, self.registry, [one.task for one in all_], [one.resolved for one in all_])

    def _read(self, state: TaskStatus, training: Candidate) -> Training | str:
        """Return a training, or why its loss network loses its place."""
        seed = training.task.request.seed
        if not state.records:
            return f"the training with seed {seed} failed: {state.failures[-1].sentence}"
        record = state.records[0]
        self.seconds[record.id] = record.seconds
        if record.collapsed:
            return f"the training with seed {seed} collapsed: {record.collapsed}"
        self.higher_is_better |= {name: record.scores[name].higher_is_better for name in record.main_scores}
        return Training(seed, record, score_halves(record, self.results, self.registry))


def going_on(result: RungResult) -> list[str]:
    """Return the loss networks that are trained longer, the best first."""
    return list(result.trainings)[: survivors_of(result.rung.count)]


def tied_at_the_cut(result: RungResult) -> list[str]:
    """Return the loss networks that went on although others with equal scores did not."""
    on, all_ = going_on(result), list(result.trainings)
    if result.rung.last or len(on) == len(all_) or result.ranks[on[-1]] != result.ranks[all_[len(on)]]:
        return []
    return [name for name in on if result.ranks[name] == result.ranks[on[-1]]]
