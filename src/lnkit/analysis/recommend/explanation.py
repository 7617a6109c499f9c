"""On what an advice rests, and how sure it is, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lnkit.analysis.measurements import PUBLISHED, ScoreRow
from lnkit.analysis.recommend.candidates import Candidate, Column, mean_over_tasks
from lnkit.analysis.recommend.pairwise import SLACK, duel, gap, outcome, rivals
from lnkit.results.records import CUT_DOWN
from lnkit.stats.ranks import kendalls_w

# Words for the mean rank correlation between scores, from this one on; a convention of lnkit's.
AGREEMENT = ((0.7, "agree strongly"), (0.5, "agree moderately"), (0.3, "agree weakly"), (-1.0, "hardly agree"))
FEWEST = 3  # loss networks of which agreement can be said
MOST_NAMED = 3
NO_INTERVALS = (
    "The study prints neither intervals nor repeats: what another training or other images would give is not known."
)
STAYS = "It comes first whichever score is left out."


def doubt(columns: Sequence[Column], everything: Sequence[ScoreRow], candidates: Sequence[Candidate]) -> str:
    """Why there is no answer, as a sentence; "" where there is one.

    Args:
        columns: the scores.
        everything: one measurement of each loss network in this setting, allowed or not.
        candidates: those that are allowed and have all scores.
    """
    measured = [one for column in columns for one in column.measured.values()]
    if caveats := list(dict.fromkeys(one.caveat for one in measured if one.caveat)):
        return f"The published numbers cannot carry an answer: {caveats[0]}.{_say_measure(measured)}"
    if any(one.sample or one.variant in CUT_DOWN for one in measured):
        return (
            "They cannot carry an answer: sample data and cut-down protocols show that everything runs, not which loss "
            "network is better."
        )
    if len(everything) == 1:
        return f"One loss network is nothing to choose from: only {everything[0].loss_network} was measured."
    return "" if candidates else "No loss network is left that meets all constraints and has all scores."


def _say_measure(measured: Iterable[ScoreRow]) -> str:
    doubtful = dict.fromkeys(one.benchmark for one in measured if one.caveat)
    commands = " and ".join(f"`lnkit eval --backbone NAME --point all --bench {name}`" for name in doubtful)
    return f" Measure it: {commands}."


def say_data(columns: Sequence[Column], everything: Sequence[ScoreRow], allowed: int, ranked: int) -> list[str]:
    """Which data, and how many loss networks: measured, allowed, and ranked since they have all scores."""
    measured = [one for column in columns for one in column.measured.values()]
    where = _say_published(measured) if measured[0].origin == PUBLISHED else _say_own(measured)
    said = f"{where}: {_count(len(columns), 'score')} of {_count(len(everything), 'loss network')}"
    if allowed < len(everything):
        said += f", {allowed} of which meet{'s' * (allowed == 1)} all constraints"
    return [f"{said}.", *[f"{allowed - ranked} of them lack a score and are not ranked."] * (ranked < allowed)]


def _say_published(measured: Sequence[ScoreRow]) -> str:
    tables = list(dict.fromkeys(one.source.rpartition(" ")[2] for one in measured))
    study = measured[0].source.rpartition(", ")[0]
    return f"The published study, {study}, Table{'s' * (len(tables) > 1)} {', '.join(tables)}"


def _say_own(measured: Sequence[ScoreRow]) -> str:
    items = sorted({one.n for one in measured if one.n})
    spread = (
        f" on {items[0]:,} items" if len(items) == 1 else f" on {items[0]:,} to {items[-1]:,} items" if items else ""
    )
    return f"Own results, {', '.join(dict.fromkeys(one.setting for one in measured))}{spread}"


def say_own_doubts(columns: Sequence[Column]) -> list[str]:
    """What must be known about own results that an answer rests on."""
    measured = [one for column in columns for one in column.measured.values()]
    said = []
    if not all(one.comparable for one in measured):
        said.append(
            "They are of other data than the official ones, or deviate from the protocol: they tell these loss "
            "networks apart, and cannot be set beside published values."
        )
    if collapsed := list(dict.fromkeys(one.loss_network for one in measured if one.collapsed)):
        said.append(f"Trainings that collapsed count with the best they had: {_names(collapsed)}.")
    if any(one.seed is not None for one in measured):
        said.append("One seed each: where something was trained, what another seed would give is not in the intervals.")
    return said


def say_sure(columns: Sequence[Column], candidates: Sequence[Candidate]) -> list[str]:
    """How sure it is that the first of the candidates is the best of them."""
    if len(candidates) == 1:
        return [f"{candidates[0].loss_network} is the only one, so nothing was chosen."]
    published = columns[0].measured[candidates[0].loss_network].origin == PUBLISHED
    margin = "the last digit printed" if published else "their 95 % intervals leave open"
    said = [_say_tied(candidates)]
    if len(columns) == 1:
        said.append(_say_gap(columns[0], candidates, margin))
    else:
        said += [_say_best(columns, candidates), _say_duel(columns, candidates, margin)]
    said += [_say_rivals(columns, candidates), _say_agreement(columns, candidates), _say_without(columns, candidates)]
    said.append(NO_INTERVALS if published else "")
    return list(filter(None, said))


def _say_tied(candidates: Sequence[Candidate]) -> str:
    tied = [one.loss_network for one in candidates[1:] if one.mean_rank == candidates[0].mean_rank]
    return f"The first place is shared with {_names(tied)}; the cheaper comes first." if tied else ""


def _say_gap(column: Column, candidates: Sequence[Candidate], margin: str) -> str:
    """Of a single score: how much the first is better than the second."""
    first, second = candidates[0].loss_network, candidates[1].loss_network
    more = {"unknown": "their intervals are not known", "within": f"no more than {margin}"}
    words = more.get(outcome(column, first, second), f"more than {margin}")
    return f"{first} is better than {second}, the next, by {abs(gap(column, first, second)):.2g}: {words}."


def _say_best(columns: Sequence[Column], candidates: Sequence[Candidate]) -> str:
    first = candidates[0]
    best = sum(rank == min(one.ranks[score] for one in candidates) for score, rank in first.ranks.items())
    return (
        f"{first.loss_network} is the best of the {len(candidates)}, alone or with others, in {best} of {len(columns)} "
        f"scores; its worst rank is {max(first.ranks.values()):g}."
    )


def _say_duel(columns: Sequence[Column], candidates: Sequence[Candidate], margin: str) -> str:
    second = candidates[1].loss_network
    found = duel(columns, candidates[0].loss_network, second)
    said = [f"better in {found.wins}", f"worse in {found.losses}"]
    said += [f"no further apart in {found.within}"] * bool(found.within)
    said += [f"without a known interval in {found.unknown}"] * bool(found.unknown)
    return f"Against {second}, the next, by more than {margin}: {', '.join(said)} of {len(columns)} scores."


def _say_rivals(columns: Sequence[Column], candidates: Sequence[Candidate]) -> str:
    names = [f"{one.loss_network}{_cost(one, candidates[0])}" for one in rivals(columns, candidates)]
    if not names:
        return ""
    return f"As often better as worse than it, so that the scores do not tell them apart: {_names(names)}."


def _cost(one: Candidate, first: Candidate) -> str:
    if not one.point_macs or not first.point_macs:
        return ""
    return f" (at {times(one.point_macs / first.point_macs)} its multiply-adds)"


def times(ratio: float) -> str:
    """``3 % of``, ``about`` or ``8.5 times``, to put before what is compared with."""
    if ratio < 0.995:
        return f"{100 * ratio:.2g} % of"
    return "about" if ratio < 1.05 else f"{ratio:.2g} times" if ratio < 9.95 else f"{ratio:,.0f} times"


def _say_agreement(columns: Sequence[Column], candidates: Sequence[Candidate]) -> str:
    if len(columns) == 1 or len(candidates) < FEWEST:
        return ""
    judges = len(columns)
    w = kendalls_w([{one.loss_network: one.ranks[column.label] for one in candidates} for column in columns])
    correlation = (judges * w - 1) / (judges - 1)  # the mean of Spearman's over all pairs of scores
    words = next(words for least, words in AGREEMENT if correlation >= least - SLACK)
    return (
        f"The {judges} scores {words} on the order: Kendall's W {w:.2f}, where chance gives about {1 / judges:.2f}. "
        "Scores of one benchmark are no independent votes."
    )


def _say_without(columns: Sequence[Column], candidates: Sequence[Candidate]) -> str:
    """Whether the first would stay so with one score less."""
    if len(columns) == 1:
        return ""
    lost = [left.label for left in columns if not _stays_first([one for one in columns if one is not left], candidates)]
    return f"It would not come first without {_names(lost, 'or')}." if lost else STAYS


def _stays_first(columns: Sequence[Column], candidates: Sequence[Candidate]) -> bool:
    first, *others = (mean_over_tasks([(c.task, one.ranks[c.label]) for c in columns]) for one in candidates)
    return first <= min(others)


def _names(names: Sequence[str], last: str = "and") -> str:
    more = len(names) - MOST_NAMED
    shown = [*names[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {last} {shown[-1]}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
