"""The overview of a report: for each task the best loss network, how sure that is, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from lnkit.analysis.collect import ScoreSet
from lnkit.analysis.recommend.candidates import Candidate
from lnkit.analysis.recommend.constraints import amount
from lnkit.analysis.recommend.explanation import times
from lnkit.analysis.recommend.recommend import Recommendation, SettingRecommendation, recommendations
from lnkit.analysis.score_rows import PUBLISHED
from lnkit.report.markup import escape, paragraph, table
from lnkit.report.notes import Notes

TOP = 5  # candidates of a setting that are shown
MOST_NAMED = 3  # rivals that are named


def answers(gathered: ScoreSet, notes: Notes) -> str:
    """Return one card for each benchmark, as HTML.

    Args:
        gathered: the measurements and records of the report.
        notes: the caveats of the report.
    """
    tasks = list(dict.fromkeys(row.benchmark for row in gathered.rows))
    found = recommendations(gathered, tasks)[: len(tasks)]  # behind them is the one for all tasks together
    return f'<div class="cards">{"".join(_card(recommendation, notes) for recommendation in found)}</div>'


def _card(recommendation: Recommendation, notes: Notes) -> str:
    task, settings = recommendation.task, recommendation.by_setting
    chosen = next((each for each in settings if each.setting == recommendation.setting), settings[0])
    mark = notes.of_benchmark(task) if chosen.setting == PUBLISHED else ""
    if recommendation.answer is None:
        head = f'<p class="answer muted">no answer{mark}</p>'
        facts = {"why": f"{chosen.explanation[-1].partition('; ')[0].removesuffix('.')}."}
    else:
        head = f'<p class="answer">{escape(recommendation.answer)}{mark}</p>'
        facts = {"how sure": _certainty(chosen), "cost": _cost(chosen)}
    facts["from"] = chosen.explanation[0]
    listed = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    reasons = "".join(map(_reasons, settings))
    more = f"<details><summary>Reasons and candidates</summary>{reasons}</details>"
    shown = f"{head}<dl>{listed}</dl>{''.join(map(paragraph, recommendation.remarks))}{more}"
    return f'<article class="card"><h3>{escape(task)}</h3>{shown}</article>'


def _certainty(chosen: SettingRecommendation) -> str:
    others = len(chosen.candidates) - 1
    if not others:
        return "There is no other candidate."
    if not chosen.rivals:
        return f"Better than each of the {others} others in more scores than worse."
    named = ", ".join(chosen.rivals[:MOST_NAMED])
    more = len(chosen.rivals) - MOST_NAMED
    return f"The scores do not separate it from {named}{f' and {more} more' if more > 0 else ''}."


def _cost(chosen: SettingRecommendation) -> str:
    """Say what the answer costs, and the cheapest loss network that the scores do not separate from it."""
    answer = chosen.candidates[0]
    if not answer.point_macs:
        return "Not known."
    parameters = "" if answer.point_parameters is None else f", {amount(answer.point_parameters)} parameters"
    words = f"{amount(answer.point_macs)} multiply-adds{parameters} up to the point"
    rivals = [each for each in chosen.candidates if each.loss_network in chosen.rivals and each.point_macs]
    cheapest = min(rivals, key=lambda each: each.point_macs or 0.0, default=answer)
    if not cheapest.point_macs or cheapest.point_macs >= answer.point_macs:
        return f"{words}."
    share = times(cheapest.point_macs / answer.point_macs)
    return f"{words}; {cheapest.loss_network}, not separated from it, costs {share} its multiply-adds."


def _reasons(setting: SettingRecommendation) -> str:
    """Return the explanation of a setting with its first candidates, if it has an answer."""
    shown = setting.candidates[:TOP] if setting.answer else ()
    return paragraph(setting.explanation[0]) + (_candidates(shown) if shown else "") + _items(setting.explanation[1:])


def _items(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>" if texts else ""


def _candidates(candidates: Sequence[Candidate]) -> str:
    columns = ["loss network", "mean rank", "multiply-adds", "parameters"]
    costs = [[None if cost is None else amount(cost) for cost in (each.point_macs, each.point_parameters)]
             for each in candidates]  # fmt: skip
    rows = [[each.loss_network, f"{each.mean_rank:.2f}", *cost] for each, cost in zip(candidates, costs, strict=True)]
    return table(columns, rows, numeric=columns[1:], sortable=False)
