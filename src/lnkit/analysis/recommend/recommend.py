"""Recommendations for a task: the loss networks that meet the constraints, ranked, and how far the data support it.

Plain Python, so that `lnkit recommend` starts at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lnkit.analysis.attributes import Attributes, attributes_by_network
from lnkit.analysis.collect import ScoreSet
from lnkit.analysis.recommend.candidates import Candidate, TaskScore, complete, ranked, task_scores
from lnkit.analysis.recommend.constraints import Constraints, meeting, require_known, rules, say_left_out, say_nearest
from lnkit.analysis.recommend.explanation import (
    FEWEST,
    no_answer,
    say_certainty,
    say_data,
    say_own_caveats,
    say_published_caveats,
)
from lnkit.analysis.recommend.pairwise import rivals
from lnkit.analysis.score_rows import PUBLISHED, ScoreRow
from lnkit.errors import UsageError, did_you_mean, near_names

TaskRows = Sequence[tuple[str, ScoreRow]]  # each row with its task


class SettingRecommendation(NamedTuple):
    """The recommendation from the data of one setting."""

    setting: str  # "published", or that of own records
    comparable: bool  # published values, or own ones that are comparable with them
    answer: str | None  # the recommended loss network; None if the data cannot answer
    rivals: tuple[str, ...]  # loss networks that the scores do not separate from it, the best first
    candidates: tuple[Candidate, ...]  # the best first
    explanation: tuple[str, ...]  # sentences: which data, how many, how certain
    left_out: tuple[str, ...]  # sentences: what the constraints left out
    sources: tuple[str, ...]  # tables of the study, or ids of records


class Recommendation(NamedTuple):
    """The recommendation for a task, over all settings."""

    task: str  # "superres"; "bapps + superres" for one loss network that serves both
    answer: str | None  # the recommended loss network; None if the data cannot answer
    setting: str | None  # of the answer
    rivals: tuple[str, ...]  # loss networks that the scores there do not separate from it, the best first
    remarks: tuple[str, ...]  # sentences: the answers of other settings
    by_setting: tuple[SettingRecommendation, ...]  # the most important setting first


def recommendations(
    scores: ScoreSet, tasks: Sequence[str], constraints: Constraints | None = None
) -> list[Recommendation]:
    """Recommend a loss network for each task, and one for all tasks together if there are several.

    Own results that are comparable with published ones come first if they have at least three loss networks to choose
    from, then the published study, then other own results. Settings are never mixed in one ranking.

    Args:
        scores: own records, the published study, or both.
        tasks: benchmarks, whose primary scores count, or single scores.
        constraints: on the loss networks.

    Raises:
        UsageError: there are no scores of a task, or none of a name in the constraints.
    """
    constraints = constraints or Constraints()
    by_task = {task: _rows_of(scores, task) for task in dict.fromkeys(tasks)}
    rows = [row for pairs in by_task.values() for _, row in pairs]
    require_known(constraints, rows)
    attributes = attributes_by_network(rows, scores.records)
    results = [_recommend(task, _by_setting(pairs), constraints, attributes) for task, pairs in by_task.items()]
    if len(by_task) > 1:
        results.append(_recommend(" + ".join(by_task), _together(by_task), constraints, attributes))
    return results


def _rows_of(scores: ScoreSet, task: str) -> TaskRows:
    """Return the rows of a task: primary scores of a benchmark, or a score by its name."""
    pairs = [(task, row) for row in scores.rows if row.benchmark == task and row.primary]
    pairs = pairs or [(task, row) for row in scores.rows if row.benchmark == task]
    pairs = pairs or [(task, row) for row in scores.rows if task in (row.score, f"{row.benchmark} {row.score}")]
    if not pairs:
        tasks = list(dict.fromkeys(row.benchmark for row in scores.rows))
        names = list(dict.fromkeys(row.score for row in scores.rows if row.primary))
        near = near_names(task, [*tasks, *names]) or [name for name in names if task and task.lower() in name][:3]
        raise UsageError(
            f"There are no scores of {task!r}.{did_you_mean(near)} A task is a benchmark ({', '.join(tasks)}) or one "
            f"of its scores ({', '.join(names)})."
        )
    return pairs


def _by_setting(pairs: TaskRows) -> dict[str, TaskRows]:
    settings = dict.fromkeys(row.setting for _, row in pairs)
    return {setting: [(task, row) for task, row in pairs if row.setting == setting] for setting in settings}


def _together(by_task: Mapping[str, TaskRows]) -> dict[str, TaskRows]:
    """Join all tasks: their published rows, and their own ones if each task has a single setting."""
    joined: dict[str, TaskRows] = {}
    for published in (False, True):
        parts = [
            {setting: pairs for setting, pairs in _by_setting(all_).items() if (setting == PUBLISHED) is published}
            for all_ in by_task.values()
        ]
        if all(len(part) == 1 for part in parts):
            settings = dict.fromkeys(setting for part in parts for setting in part)
            joined[" + ".join(settings)] = [pair for part in parts for pairs in part.values() for pair in pairs]
    return joined


def _recommend(
    task: str, settings: Mapping[str, TaskRows], constraints: Constraints, attributes: Mapping[str, Attributes]
) -> Recommendation:
    options = [_of_setting(setting, task_scores(pairs), constraints, attributes) for setting, pairs in settings.items()]
    options.sort(key=_priority)
    first = next((option for option in options if option.answer), None)
    remarks = [] if options else ["No setting has scores of all of these tasks."]
    if first is None:
        return Recommendation(task, None, None, (), tuple(remarks), tuple(options))
    remarks += [_say_other(first, other) for other in options if other.answer and other is not first]
    return Recommendation(task, first.answer, first.setting, first.rivals, tuple(remarks), tuple(options))


def _priority(option: SettingRecommendation) -> int:
    """Return 0 for the most important setting; see :func:`recommendations`."""
    if option.answer is None:
        return 4
    if option.setting == PUBLISHED:
        return 1
    return (0 if len(option.candidates) >= FEWEST else 2) if option.comparable else 3


def _say_other(first: SettingRecommendation, other: SettingRecommendation) -> str:
    if other.setting == PUBLISHED:
        source, verb = "The published study", "recommends"
    else:
        source, verb = f"Own results ({other.setting})", "recommend"
    return f"{source} {verb} {'the same' if other.answer == first.answer else other.answer}."


def _of_setting(
    setting: str, scores: Sequence[TaskScore], constraints: Constraints, attributes: Mapping[str, Attributes]
) -> SettingRecommendation:
    networks = {name: row for score in scores for name, row in score.rows.items()}
    applied = rules(constraints)
    allowed = meeting(networks, attributes, applied)
    candidates = ranked(scores, complete(scores, allowed), attributes)
    reason = no_answer(scores, list(networks.values()), candidates)
    explanation = say_data(scores, len(networks), len(allowed), len(candidates))
    if reason:
        explanation.append(reason)
    else:
        explanation += say_certainty(scores, candidates)
        explanation += say_published_caveats(scores) if setting == PUBLISHED else say_own_caveats(scores)
        explanation += _say_unconstrained(scores, candidates, networks, attributes)
    left_out = say_left_out(networks, attributes, applied)
    if not candidates:
        left_out += say_nearest(networks, attributes, applied)
    rows = [row for score in scores for row in score.rows.values()]
    return SettingRecommendation(
        setting,
        comparable=all(row.comparable for row in rows),
        answer=None if reason else candidates[0].loss_network,
        rivals=() if reason else tuple(rival.loss_network for rival in rivals(scores, candidates)),
        candidates=candidates,
        explanation=tuple(explanation),
        left_out=tuple(left_out),
        sources=_sources(rows),
    )


def _sources(rows: Sequence[ScoreRow]) -> tuple[str, ...]:
    """Return the tables, or the ids of the records; a mean has several."""
    sources = [[row.source] if row.origin == PUBLISHED else row.source.split() for row in rows]
    return tuple(dict.fromkeys(source for each in sources for source in each))


def _say_unconstrained(
    scores: Sequence[TaskScore],
    candidates: Sequence[Candidate],
    networks: Mapping[str, ScoreRow],
    attributes: Mapping[str, Attributes],
) -> list[str]:
    """Say what the constraints cost."""
    everything = ranked(scores, complete(scores, networks), attributes)
    if len(everything) == len(candidates):
        return []
    answer, best = candidates[0].loss_network, everything[0].loss_network
    if answer == best:
        return [f"It is also first among all {len(everything)} without constraints."]
    rank = next(i for i, candidate in enumerate(everything, start=1) if candidate.loss_network == answer)
    return [f"Without constraints {best} is first, and {answer} is number {rank} of {len(everything)}."]
