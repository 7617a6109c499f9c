"""`lnkit search` on a benchmark that trains: the plan, the rounds, and the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

from lnkit.cli._output import echo, emit_json, note, print_sentence, print_table, warn

if TYPE_CHECKING:
    from lnkit.search.halving import HalvingSearch, SearchOutcome, TrainingSearchOptions
    from lnkit.search.halving.outcome import FinalRow, Prediction, RungResult, SearchPlan
    from lnkit.sweep.sweep import Sweep

FEWEST_TO_PREDICT = 5  # loss networks; of 4, one in three random orders correlates by 0.7 or more in size


def search_training(options: TrainingSearchOptions) -> None:
    """Search by successive halving, and print the result.

    Args:
        options: What to search among, and the time for it.

    Raises:
        UsageError: An option is wrong, or the budget too small.
        LnkitError: Every training failed.
    """
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for --help
    from lnkit.cli._registry import open_registry  # noqa: PLC0415
    from lnkit.plugins.output import stdout_to_stderr  # noqa: PLC0415
    from lnkit.search.halving import HalvingSearch  # noqa: PLC0415

    search = HalvingSearch(options, open_registry())
    plan = search.plan()
    if options.plan_only:
        if options.as_json:
            emit_json(_plan_to_plain(plan))
        else:
            _show_plan(plan, search)
        return
    if not options.as_json:
        _show_plan(plan, search)
    progress = make_progress()

    def run_sweep(sweep: Sweep) -> str:
        return _run(sweep, options, progress)

    with stdout_to_stderr():
        search.check(progress, opens_data=options.on == "local")
        outcome = search.run(run_sweep, progress)
    if options.output and outcome.final:
        _write_loss(options, outcome)
    if options.as_json:
        emit_json(outcome.to_plain())
    else:
        _show(outcome)
    for name, why in outcome.lost.items():
        warn(f"{name} lost its place: {why.rstrip('.')}.")


def _run(sweep: Sweep, options: TrainingSearchOptions, progress: Any) -> str:
    return run_on(sweep, options.on, options.executor, options.device, progress, failed=options.failed)


def run_on(
    sweep: Sweep, on: str, executor: Mapping[str, str], device: str, progress: Any, *, failed: bool = False
) -> str:
    """Run the tasks of a sweep where ``--on`` says, and return what the executor says."""
    from contextlib import nullcontext  # noqa: PLC0415

    from lnkit.cli._sweep_progress import watching  # noqa: PLC0415

    local, options = on == "local", dict(executor)
    if local and device != "auto":
        options.setdefault("devices", device)
    with watching(sweep.status) if local else nullcontext():
        return sweep.run(on, options, progress, failed=failed)


def _show_plan(plan: SearchPlan, search: HalvingSearch) -> None:
    """Print the rounds that have ended and those that are to come, and what these take."""
    from lnkit.search.halving.budget import duration  # noqa: PLC0415 - nothing of this for --help
    from lnkit.search.halving.schedule import halved_counts  # noqa: PLC0415

    to_come = plan.schedule.rungs if plan.schedule else ()
    echo(f"{len(plan.candidates)} loss networks on {search.options.bench}, by successive halving:")
    rows = [
        [
            number,
            rung.count,
            f"{rung.length:,} of {plan.full_length:,} {plan.length_field}",
            rung.seeds,
            rung.trainings,
            "done" if number <= len(plan.done) else "to come",
        ]
        for number, rung in enumerate([*plan.done, *to_come], start=1)
    ]
    if rows:
        print_table(["round", "loss networks", "length", "seeds", "trainings", "state"], rows)
    if plan.schedule:
        spent = f", and {duration(plan.spent)} are spent" if plan.spent else ""
        print_sentence(
            f"At most {duration(plan.schedule.seconds)} on one device like those of the results in the folder"
            f"{spent}; the budget is {duration(plan.budget)}. After each round the rest is planned anew, by what its "
            "trainings took."
        )
    elif not plan.times_are_known:
        *counts, last = map(str, halved_counts(len(plan.candidates)))
        listed = f"{', '.join(counts)} and {last}" if counts else last
        print_sentence(
            "How long trainings take is not known: the results folder has no trainings of two lengths of "
            f"{search.options.bench} with this protocol. The search first makes some short ones, with one loss "
            f"network, and then plans rounds of {listed} loss networks for a budget of {duration(plan.budget)}."
        )
    if to_come and to_come[-1].length < plan.full_length:
        print_sentence(
            f"The last trainings are shorter than the protocol says ({to_come[-1].length:,} of {plan.full_length:,} "
            f"{plan.length_field}), as the budget has it: a deviation, and the records say so."
        )


def _show(outcome: SearchOutcome) -> None:
    """Print the scores by round, the choice with its confirmation, and what predicted it."""
    from lnkit.search.halving.budget import duration  # noqa: PLC0415

    if outcome.submitted:
        print_sentence(outcome.submitted)
        print_sentence("When the trainings have ended, the same command goes on with the next round.")
        return
    echo()
    _show_rounds(outcome)
    if outcome.final:
        echo()
        _show_final(outcome)
    elif outcome.would_fit is not None:
        print_sentence(
            f"Too little of the budget of {duration(outcome.budget)} is left for the last trainings with several "
            "seeds, so nothing is confirmed: the order above is that of one short training each. --budget "
            f"{duration(1.1 * outcome.would_fit)} goes on from here."
        )
    echo()
    _show_predictions(outcome.predictions)
    trainings = sum(len(runs) for rung in outcome.rungs for runs in rung.trainings.values())
    print_sentence(
        f"{len(outcome.candidates)} loss networks tried in {trainings} trainings, {duration(outcome.spent)} of "
        f"{duration(outcome.budget)}. Results: {outcome.results}"
    )


def _show_rounds(outcome: SearchOutcome) -> None:
    """Print the main score of each loss network in each round, those that came furthest first."""
    from lnkit.search.halving.budget import length_text  # noqa: PLC0415 - nothing of this for --help
    from lnkit.search.halving.rounds import tied_at_the_cut  # noqa: PLC0415

    scores = list(outcome.higher_is_better)
    columns = [length_text(result.rung.length, outcome.length_field) for result in outcome.rungs]
    if outcome.rungs[-1].rung.last:
        columns[-1] = f"{outcome.rungs[-1].rung.length:,}, {outcome.rungs[-1].rung.seeds} seeds"
    order = list(dict.fromkeys(name for result in reversed(outcome.rungs) for name in result.trainings))
    order += [name for name in outcome.candidates if name not in order]
    rows = [[name, *(_cell(result, name, scores) for result in outcome.rungs)] for name in order]
    print_table(["loss network", *columns], rows)
    direction = "higher" if outcome.higher_is_better[scores[0]] else "lower"
    print_sentence(
        f"{scores[0]}, {direction} is better."
        if len(scores) == 1
        else f"Mean ranks over {len(scores)} main scores; 1 is the best."
    )
    print_sentence(
        "On the half of the test items that the choice is made by; the other half confirms it."
        if outcome.is_split
        else "On all test items, as they cannot be split in two: the same items choose and confirm, so the best score "
        "is somewhat too good."
    )
    for number, result in enumerate(outcome.rungs, start=1):
        if tied := tied_at_the_cut(result):
            print_sentence(
                f"Round {number} was cut between equal scores; those named first went on: {', '.join(tied)}.", "  "
            )


def _cell(result: RungResult, name: str, scores: Sequence[str]) -> str:
    if name in result.lost:
        return "lost"
    if name not in result.trainings:
        return "-"
    if len(scores) > 1:
        return f"{result.ranks[name]:.1f}"
    from lnkit.search.halving.scores import means  # noqa: PLC0415 - numpy

    return _number(means([run.scores.chosen_by for run in result.trainings[name]])[scores[0]])


def _show_final(outcome: SearchOutcome) -> None:
    """Print the scores of the last loss networks, and whether the seeds tell them apart."""
    from lnkit.search.halving.outcome import NOT_TOLD_APART, WORSE  # noqa: PLC0415

    final = outcome.final
    assert final is not None, "asked before"
    rows = [
        [
            row.network,
            *([row.score] if len(outcome.higher_is_better) > 1 else []),
            _number(row.mean),
            "-" if row.sd is None else _number(row.sd),
            row.seeds,
            *_gap(row),
        ]
        for row in final.rows
    ]
    score = ["score"] if len(outcome.higher_is_better) > 1 else []
    columns = ["loss network", *score, "mean", "sd", "seeds", "difference", "95 % interval"]
    print_table(columns, rows, least=("seeds",))
    others = list(final.verdicts.items())
    alike = [name for name, verdict in others if verdict == NOT_TOLD_APART]
    over = "test items and seeds" if final.over_items else "seeds alone"
    said = [f"Chosen: {final.chosen}, of {len(outcome.candidates)} tried."]
    if not others:
        said.append("No other loss network came so far, so there is nothing to compare with.")
    if alike:
        said.append(f"Not told apart from it by {over}: {', '.join(alike)}. Either will do; more seeds may tell.")
    said += [f"{name} is {verdict} than it ({over})." for name, verdict in others if verdict == WORSE]
    said += [
        f"{name}: {verdict} on the items that confirm. The choice is not confirmed."
        for name, verdict in others
        if verdict not in (NOT_TOLD_APART, WORSE)
    ]
    print_sentence(" ".join(said))


def _gap(row: FinalRow) -> Iterator[str]:
    if row.difference is None:
        yield from ("", "")
        return
    yield f"{row.difference:+.3g}"
    yield "-" if row.interval is None or isnan(row.interval[0]) else f"{row.interval[0]:+.3g} to {row.interval[1]:+.3g}"


def _show_predictions(predictions: Sequence[Prediction]) -> None:
    """Print which cheap score predicted the order of a later round."""
    told = [one for one in predictions if one.n >= FEWEST_TO_PREDICT]
    if told:
        print_table(
            ["cheap score", "predicts", "n", "Spearman", "95 % interval", "as a proxy"],
            [
                [
                    one.proxy,
                    one.target,
                    one.n,
                    f"{one.spearman:+.2f}" if isfinite(one.spearman) else "-",
                    f"{one.low:+.2f} to {one.high:+.2f}" if isfinite(one.low) else "-",
                    one.verdict,
                ]
                for one in told
            ],
            least=("as a proxy",),
        )
        if any(not isfinite(one.low) for one in told):
            print_sentence("No interval: the loss networks are of fewer than 5 backbones.")
    few = [one for one in predictions if one.n < FEWEST_TO_PREDICT]
    if few:
        listed = "; ".join(f"{one.proxy} for {one.target} ({one.n})" for one in few)
        print_sentence(f"Of fewer than {FEWEST_TO_PREDICT} loss networks nothing can be said: {listed}.")


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"


def _write_loss(options: TrainingSearchOptions, outcome: SearchOutcome) -> None:
    """Write the chosen loss network as TOML, with its evidence as comments."""
    from lnkit.data.atomic import atomic_write_text  # noqa: PLC0415
    from lnkit.escapes import printable  # noqa: PLC0415
    from lnkit.losses.toml import loss_to_toml  # noqa: PLC0415
    from lnkit.search.halving.evidence import chosen_loss, evidence  # noqa: PLC0415

    assert options.output is not None, "asked before"
    lines = [f"# {printable(sentence)}" for sentence in evidence(outcome)]
    atomic_write_text(options.output, "\n".join([*lines, "", loss_to_toml(chosen_loss(outcome))]))
    note(f"Written: {options.output}")


def _plan_to_plain(plan: SearchPlan) -> Mapping[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    return asdict(plan)
