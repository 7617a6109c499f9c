"""Successive halving over trainings, on the engines of sweeps.

The rule is ours. Optuna's pruners for successive halving (5.0) stop a training that runs while it reports its scores,
and decide by what other trainings have reported until then: the result would depend on which training was faster, and
the trainings that are stopped would leave no record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lnkit.data.storage import locked
from lnkit.errors import LnkitError, UsageError
from lnkit.evaluation.runner import check, open_data
from lnkit.plugins.load import default_registry
from lnkit.progress import Progress, SilentProgress
from lnkit.results.folder import ResultsFolder, results_dir
from lnkit.search.halving.budget import duration, length_text, read_budget
from lnkit.search.halving.candidates import length_field, make_candidates
from lnkit.search.halving.final import final_result
from lnkit.search.halving.options import TrainingSearchOptions
from lnkit.search.halving.outcome import RungResult, SearchOutcome, SearchPlan
from lnkit.search.halving.predictions import predictions
from lnkit.search.halving.rounds import Rounds, RunSweep, SubmittedError, going_on
from lnkit.search.halving.schedule import (
    Rung,
    Schedule,
    halved_counts,
    halved_lengths,
    longest_schedule,
    shortest_schedule,
    survivors_of,
)
from lnkit.search.halving.state import SearchState, read_state, state_file
from lnkit.search.halving.times import TrainingTimes, times_of
from lnkit.sweep.finished import FinishedTasks

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

TRIAL_STEP = 2  # halvings from one trial training to the next, which is four times as long
VISIBLE = 1.25  # ours: a training that takes so many times as long shows what a unit of length takes
MOST_FOR_TRIALS = 1 / 16  # of the budget; ours
MARGIN = 1.1  # of the budget that is suggested above what is needed


class HalvingSearch:
    """A search over the loss networks of a benchmark that trains; what it has done lies in the results folder.

    Example:
        >>> from lnkit.search.halving import TrainingSearchOptions
        >>> options = TrainingSearchOptions("autoencoder", ("squeezenet1_1",), budget="1h", sample=True)
        >>> search = HalvingSearch(options)
        >>> len(search.candidates), search.length_field, search.full_length
        (4, 'epochs', 2)
    """

    def __init__(self, options: TrainingSearchOptions, registry: Registry | None = None) -> None:
        """Look up every name; nothing is trained.

        Raises:
            UsageError: A name is unknown, the budget is no duration, or there is nothing to search among.
        """
        self.options, self.registry = options, registry or default_registry()
        self.budget = read_budget(options.budget)
        self.candidates = {one.name: one for one in make_candidates(options, self.registry)}
        self.length_field, self.full_length = length_field(list(self.candidates.values()), options.length)
        self.results = ResultsFolder(results_dir(options.results).absolute())
        self._finished = FinishedTasks(self.results.path)
        self._file = state_file(self.results.path, list(self.candidates.values()), self.length_field)

    def check(self, progress: Progress, *, opens_data: bool = True) -> None:
        """Check every option before the first training.

        Args:
            progress: Receives the progress of opening the data.
            opens_data: Also open the data, which the workers then find prepared.

        Raises:
            UsageError: An option is wrong.
            LnkitError: Weights or data are missing or damaged.
        """
        by_backbone = {str(one.task.request.backbone): one.task.request for one in self.candidates.values()}
        for request in by_backbone.values():
            check(request, self.registry, progress)
        if opens_data:
            open_data(next(iter(by_backbone.values())), self.registry, progress)

    def plan(self) -> SearchPlan:
        """Return what the search would do next; nothing is trained, and nothing is written.

        Raises:
            UsageError: The budget is too small; the sentence says what would fit.
        """
        state, rounds = read_state(self._file, self.budget), self._rounds()
        self._count_trials(state, rounds)
        names, done = list(self.candidates), []
        for rung in state.rungs:
            if not rounds.have_ended(rung, names) or (rung.last and state.budget != self.budget):
                break
            done.append(rounds.train(rung, names, lambda sweep: ""))
            names = going_on(done[-1])
            if not names:
                raise LnkitError(f"Every training failed or collapsed: {_listed(done[-1].lost)}.")
        times = self._times()
        decided = state.rungs[len(done)] if len(done) < len(state.rungs) and state.budget == self.budget else None
        schedule = None
        known = self._suffice(times, state)
        if known and not (done and done[-1].rung.last):
            length = done[-1].rung.length if done else 0
            schedule = self._rest(names, times, length, rounds.spent, decided)
        return SearchPlan(
            tuple(self.candidates),
            self.length_field,
            self.full_length,
            self.budget,
            rounds.spent,
            tuple(result.rung for result in done),
            schedule,
            known,
        )

    def run(self, run_sweep: RunSweep, progress: Progress | None = None) -> SearchOutcome:
        """Train round by round, from where an earlier command stopped.

        Args:
            run_sweep: Runs the open tasks of a sweep.
            progress: Receives what each round will do.

        Raises:
            UsageError: The budget is too small; the sentence says what would fit.
            LnkitError: Every training failed.
            KeyboardInterrupt: It was interrupted; the same command goes on.
        """
        progress = progress or SilentProgress()
        with locked(self._file, f"searching in {self.results.path}", progress):
            state, rounds = read_state(self._file, self.budget), self._rounds()
            done: list[RungResult] = []
            try:
                self._measure_times(state, rounds, run_sweep, progress)
                needed = self._run_rounds(state, rounds, done, run_sweep, progress)
            except SubmittedError as submitted:
                return self._outcome(rounds, done, submitted=str(submitted))
        return self._outcome(rounds, done, would_fit=needed)

    def _run_rounds(
        self,
        state: SearchState,
        rounds: Rounds,
        done: list[RungResult],
        run_sweep: RunSweep,
        progress: Progress,
    ) -> float | None:
        """Run all rounds.

        Returns:
            None, or the budget that would be needed for the last trainings, where this one is too small.
        """
        names, length = list(self.candidates), 0
        if state.budget != self.budget:  # what was planned with the old one, and has not ended, is planned anew
            state.rungs, state.budget = self._short_and_ended(state, names), self.budget
            state.write()
        while not (done and done[-1].rung.last):
            if len(done) == len(state.rungs):
                times = self._times()
                schedule = self._rest(names, times, length, rounds.spent)
                if schedule is None:
                    return self._least(names, times, length).seconds + rounds.spent
                state.rungs.append(schedule.rungs[0])
                state.write()
            rung = state.rungs[len(done)]
            progress.say(self._sentence(rung))
            result = rounds.train(rung, names, run_sweep)
            if not result.trainings:
                raise LnkitError(f"Every training failed or collapsed: {_listed(result.lost)}.")
            done.append(result)
            names, length = going_on(result), rung.length
        return None

    def _short_and_ended(self, state: SearchState, names: Sequence[str]) -> list[Rung]:
        rounds, ended = self._rounds(), []
        for rung in state.rungs:
            if rung.last or not rounds.have_ended(rung, names):
                break
            ended.append(rung)
            names = going_on(rounds.train(rung, names, lambda sweep: ""))
        return ended

    def _measure_times(self, state: SearchState, rounds: Rounds, run_sweep: RunSweep, progress: Progress) -> None:
        """Train with one loss network, ever longer, until the times tell what a unit of length takes."""
        self._count_trials(state, rounds)
        if state.rungs or (self._suffice(self._times(), state) and not state.trials):
            return
        lost: dict[str, str] = {}
        for name in self.candidates:
            first = total = 0.0
            for length in halved_lengths(self.full_length)[::-1][::TRIAL_STEP]:
                if (name, length) not in state.trials:
                    state.trials.append((name, length))
                    state.write()
                    progress.say(
                        f"How long trainings take is not known yet: {name} is trained for "
                        f"{length_text(length, self.length_field)} to see."
                    )
                result = rounds.train(Rung(1, length), [name], run_sweep)
                lost |= result.lost
                if result.lost:
                    break  # the next loss network may do better
                seconds = result.trainings[name][0].record.seconds
                total, first = total + seconds, first or seconds
                if seconds > max(first, VISIBLE * first) or total > self.budget * MOST_FOR_TRIALS:
                    return
            else:
                return
        raise LnkitError(f"Every training failed or collapsed: {_listed(lost)}.")

    def _suffice(self, times: TrainingTimes, state: SearchState) -> bool:
        """Whether the times are good enough to plan with; later rounds are planned with what there is."""
        return bool(times.measured) and (times.tell_lengths_apart or self.full_length == 1 or bool(state.rungs))

    def _count_trials(self, state: SearchState, rounds: Rounds) -> None:
        """Count what the finished trial trainings took."""
        for name, length in state.trials:
            if rounds.have_ended(Rung(1, length), [name]):
                rounds.train(Rung(1, length), [name], lambda sweep: "")

    def _rest(
        self, names: Sequence[str], times: TrainingTimes, length: int, spent: float, decided: Rung | None = None
    ) -> Schedule | None:
        """Return the rounds that are to come, the one that is decided first; None if too little is left for them.

        Raises:
            UsageError: Not even the first one fits.
        """
        counts, left = halved_counts(len(names)), self.budget - spent
        if decided is not None:
            takes = times.longest(names, decided.count, decided.length) * decided.seeds
            if decided.last:
                return Schedule((decided,), takes)
            counts, length, left = halved_counts(survivors_of(decided.count)), decided.length, left - takes
        rest = longest_schedule(
            counts, self.full_length, lambda n, of: times.longest(names, n, of), left, longer_than=length
        )
        if decided is not None:
            return Schedule((decided, *(rest.rungs if rest else ())), takes + (rest.seconds if rest else 0.0))
        if rest is None and not length:
            raise UsageError(self._too_small(names, times, spent))
        return rest

    def _least(self, names: Sequence[str], times: TrainingTimes, length: int) -> Schedule:
        counts = halved_counts(len(names))
        return shortest_schedule(
            counts, self.full_length, lambda n, of: times.longest(names, n, of), longer_than=length
        )

    def _too_small(self, names: Sequence[str], times: TrainingTimes, spent: float) -> str:
        quickest = sorted(names, key=lambda name: times.seconds(name, 1))
        least = self._least(names, times, 0)
        trainings = " and ".join(
            f"{rung.trainings} of {length_text(rung.length, self.length_field)}" for rung in least.rungs
        )
        takes = least.seconds + spent
        fitting = [
            n for n in range(2, len(names)) if self._least(quickest[:n], times, 0).seconds + spent <= self.budget
        ]
        fewer = f", or search among {fitting[-1]} loss networks" if fitting else ""
        return (
            f"A budget of {duration(self.budget)} is too small for {len(names)} loss networks: the shortest search "
            f"takes about {duration(takes)} ({trainings}; {duration(spent)} of it done). Give --budget "
            f"{duration(MARGIN * takes)} or more{fewer}."
        )

    def _sentence(self, rung: Rung) -> str:
        seeds = f", {rung.seeds} seeds each" if rung.last else ""
        return (
            f"Training with {rung.count} loss networks for {rung.length:,} of {self.full_length:,} "
            f"{self.length_field}{seeds}."
        )

    def _times(self) -> TrainingTimes:
        return times_of(list(self.candidates.values()), self._finished.every_record(), self.length_field)

    def _rounds(self) -> Rounds:
        return Rounds(self.candidates, self.length_field, self.options.seed, self.results, self.registry)

    def _outcome(
        self,
        rounds: Rounds,
        done: Sequence[RungResult],
        *,
        submitted: str = "",
        would_fit: float | None = None,
    ) -> SearchOutcome:
        outcome = SearchOutcome(
            bench=self.options.bench,
            variant=next(iter(self.candidates.values())).resolved.request.variant,
            candidates=tuple(self.candidates),
            length_field=self.length_field,
            full_length=self.full_length,
            budget=self.budget,
            spent=rounds.spent,
            rungs=tuple(done),
            higher_is_better=dict(rounds.higher_is_better),
            submitted=submitted,
            would_fit=would_fit,
            results=self.results.path,
        )
        if submitted or not done:
            return outcome
        last = done[-1]
        return replace(
            outcome,
            final=final_result(last, outcome.higher_is_better, self.results, self.registry) if last.rung.last else None,
            predictions=tuple(
                predictions(done, outcome.higher_is_better, self._finished.every_record(), self.length_field)
            ),
        )


def _listed(lost: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {why.rstrip('.')}" for name, why in lost.items())
