"""Which loss network to take for a task: ranks within what is allowed, and how far the data carry them.

Nothing but Python is needed, so that advice comes at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lnkit.analysis.collect import Gathered
from lnkit.analysis.measurements import PUBLISHED, ScoreRow
from lnkit.analysis.recommend.candidates import Candidate, Column, columns_of, complete, ranked
from lnkit.analysis.recommend.constraints import Constraints, meeting, require_known, rules, say_left_out, say_nearest
from lnkit.analysis.recommend.costs import Attributes, attributes_by_network
from lnkit.analysis.recommend.explanation import FEWEST, doubt, say_data, say_own_doubts, say_sure
from lnkit.analysis.recommend.pairwise import rivals
from lnkit.errors import UsageError, did_you_mean, near_names

Chosen = Sequence[tuple[str, ScoreRow]]  # with the task that each belongs to


class Advice(NamedTuple):
    """What the data of one setting say."""

    setting: str  # "published", or that of own records
    comparable: bool  # own records that may stand beside published values, or these
    answer: str | None  # the loss network to take; None where the data do not carry an answer
    rivals: tuple[str, ...]  # that the scores do not tell from it, the best first
    candidates: tuple[Candidate, ...]  # the best first
    grounds: tuple[str, ...]  # sentences: which data, how many, how sure
    left_out: tuple[str, ...]  # sentences: what the constraints left out
    sources: tuple[str, ...]  # tables of the study, or ids of records


class Conclusion(NamedTuple):
    """What to take for a task, over all settings."""

    task: str  # "superres"; "bapps + superres" where one loss network shall serve both
    answer: str | None
    setting: str | None  # that the answer comes from
    rivals: tuple[str, ...]  # that the scores there do not tell from it, the best first
    remarks: tuple[str, ...]  # sentences: what the other settings say
    advice: tuple[Advice, ...]  # of each setting, the one that counts most first


def advise(found: Gathered, tasks: Sequence[str], constraints: Constraints | None = None) -> list[Conclusion]:
    """Advice for each task, and for all of them together where there are several.

    A task is a benchmark, whose primary scores count, or a single score. Own results that may stand beside published
    ones count most, if they leave at least three loss networks to choose from; then the published study, then other own
    results. Settings are never mixed in one ranking.

    Raises:
        UsageError: nothing that was gathered is of a task, or nothing of it has a name that a constraint asks for.
    """
    wanted = constraints or Constraints()
    chosen = {task: _of_task(found, task) for task in dict.fromkeys(tasks)}
    measured = [one for pairs in chosen.values() for _, one in pairs]
    require_known(wanted, measured)
    attributes = attributes_by_network(measured, found.records)
    conclusions = [_conclude(task, _by_setting(pairs), wanted, attributes) for task, pairs in chosen.items()]
    if len(chosen) > 1:
        conclusions.append(_conclude(" + ".join(chosen), _together(chosen), wanted, attributes))
    return conclusions


def _of_task(found: Gathered, task: str) -> Chosen:
    """What counts for it: the primary scores of a benchmark, or a score that is asked for by its name."""
    pairs = [(task, one) for one in found.measurements if one.benchmark == task and one.primary]
    pairs = pairs or [(task, one) for one in found.measurements if one.benchmark == task]
    pairs = pairs or [(task, one) for one in found.measurements if task in (one.score, f"{one.benchmark} {one.score}")]
    if not pairs:
        raise UsageError(_no_task(found, task))
    return pairs


def _no_task(found: Gathered, task: str) -> str:
    tasks = list(dict.fromkeys(one.benchmark for one in found.measurements))
    scores = list(dict.fromkeys(one.score for one in found.measurements if one.primary))
    near = near_names(task, [*tasks, *scores]) or [name for name in scores if task and task.lower() in name][:3]
    return (
        f"There are no scores of {task!r}.{did_you_mean(near)} A task is a benchmark ({', '.join(tasks)}) or one of "
        f"its scores ({', '.join(scores)})."
    )


def _by_setting(pairs: Chosen) -> dict[str, Chosen]:
    settings = dict.fromkeys(one.setting for _, one in pairs)
    return {setting: [(task, one) for task, one in pairs if one.setting == setting] for setting in settings}


def _together(chosen: Mapping[str, Chosen]) -> dict[str, Chosen]:
    """All tasks in one: the published ones, and those of own results where each task has a single setting."""
    found: dict[str, Chosen] = {}
    for published in (False, True):
        parts = [
            {setting: pairs for setting, pairs in _by_setting(all_).items() if (setting == PUBLISHED) is published}
            for all_ in chosen.values()
        ]
        if all(len(part) == 1 for part in parts):
            settings = dict.fromkeys(setting for part in parts for setting in part)
            found[" + ".join(settings)] = [pair for part in parts for pairs in part.values() for pair in pairs]
    return found


def _conclude(
    task: str, settings: Mapping[str, Chosen], wanted: Constraints, attributes: Mapping[str, Attributes]
) -> Conclusion:
    advice = [_advice(setting, columns_of(pairs), wanted, attributes) for setting, pairs in settings.items()]
    advice.sort(key=_standing)
    first = next((one for one in advice if one.answer), None)
    remarks = [] if advice else ["No setting has scores of all of these tasks."]
    if first is None:
        return Conclusion(task, None, None, (), tuple(remarks), tuple(advice))
    remarks += [_say_other(first, one) for one in advice if one.answer and one is not first]
    return Conclusion(task, first.answer, first.setting, first.rivals, tuple(remarks), tuple(advice))


def _standing(one: Advice) -> int:
    """Which setting counts most, the lowest: see :func:`advise`."""
    if one.answer is None:
        return 4
    if one.setting == PUBLISHED:
        return 1
    return (0 if len(one.candidates) >= FEWEST else 2) if one.comparable else 3


def _say_other(first: Advice, other: Advice) -> str:
    who = "The published study" if other.setting == PUBLISHED else f"Own results ({other.setting})"
    return f"{who} would take {'the same' if other.answer == first.answer else other.answer}."


def _advice(
    setting: str, columns: Sequence[Column], wanted: Constraints, attributes: Mapping[str, Attributes]
) -> Advice:
    networks = {name: one for column in columns for name, one in column.measured.items()}
    applied = rules(wanted)
    allowed = meeting(networks, attributes, applied)
    candidates = ranked(columns, complete(columns, allowed), attributes)
    everything = list(networks.values())
    against = doubt(columns, everything, candidates)
    grounds = say_data(columns, everything, len(allowed), len(candidates))
    if against:
        grounds.append(against)
    else:
        grounds += say_sure(columns, candidates)
        grounds += [] if setting == PUBLISHED else say_own_doubts(columns)
        grounds += _say_unconstrained(columns, candidates, networks, attributes)
    left_out = say_left_out(networks, attributes, applied)
    if not candidates:
        left_out += say_nearest(networks, attributes, applied)
    measured = [one for column in columns for one in column.measured.values()]
    comparable = all(one.comparable for one in measured)
    answer = None if against else candidates[0].loss_network
    equal = tuple(one.loss_network for one in rivals(columns, candidates)) if answer else ()
    return Advice(setting, comparable, answer, equal, candidates, tuple(grounds), tuple(left_out), _sources(measured))


def _sources(measured: Sequence[ScoreRow]) -> tuple[str, ...]:
    """The tables, or the ids of the records, of which a mean has several."""
    found = [[one.source] if one.origin == PUBLISHED else one.source.split() for one in measured]
    return tuple(dict.fromkeys(source for sources in found for source in sources))


def _say_unconstrained(
    columns: Sequence[Column],
    candidates: Sequence[Candidate],
    networks: Mapping[str, ScoreRow],
    attributes: Mapping[str, Attributes],
) -> list[str]:
    """What the constraints cost."""
    everything = ranked(columns, complete(columns, networks), attributes)
    if len(everything) == len(candidates):
        return []
    answer, best = candidates[0].loss_network, everything[0].loss_network
    if answer == best:
        return [f"It comes first among all {len(everything)} without constraints too."]
    place = next(i for i, one in enumerate(everything, start=1) if one.loss_network == answer)
    return [f"Without constraints {best} would come first; {answer} has place {place} of {len(everything)} then."]
