"""The explanation of a recommendation, as sentences: its data, and how certain it is."""

from __future__ import annotations

from collections.abc import Sequence

from lnkit.analysis.collect import count_of
from lnkit.analysis.published.caveats import is_confound
from lnkit.analysis.recommend.candidates import Candidate, TaskScore, mean_over_tasks
from lnkit.analysis.recommend.pairwise import TIE, UNKNOWN, compare_pair, gap, outcome, rivals
from lnkit.analysis.score_rows import PUBLISHED, ScoreRow
from lnkit.analysis.uncertainty import SLACK
from lnkit.results.records import CUT_DOWN
from lnkit.results.seeds import ENOUGH, ONE_TRAINING, listed
from lnkit.stats.ranks import kendalls_w

# Words for the mean rank correlation between scores, from this value on; a convention of lnkit.
AGREEMENT = ((0.7, "agree strongly"), (0.5, "agree moderately"), (0.3, "agree weakly"), (-1.0, "hardly agree"))
FEWEST = 3  # loss networks; fewer say nothing about agreement
MOST_NAMED = 3
NO_INTERVALS = (
    "The study prints no intervals and no repeats, so the effect of another training or other images is unknown."
)
STAYS = "It stays first if any one score is left out."


def no_answer(scores: Sequence[TaskScore], networks: Sequence[ScoreRow], candidates: Sequence[Candidate]) -> str:
    """Return the reason why there is no answer, as a sentence; "" if there is one.

    Args:
        scores: of the task.
        networks: one row of each loss network in this setting, allowed or not.
        candidates: the loss networks that meet all constraints and have all scores.
    """
    rows = _rows(scores)
    if doubtful := [row for row in rows if row.caveat and not is_confound(row.caveat)]:
        benchmarks = dict.fromkeys(row.benchmark for row in doubtful)
        commands = " and ".join(f"`lnkit eval --backbone NAME --point all --bench {name}`" for name in benchmarks)
        return f"The published data cannot answer this: {doubtful[0].caveat}. Measure it: {commands}."
    if any(row.sample or row.variant in CUT_DOWN for row in rows):
        return (
            "These data cannot answer this: sample data and cut-down protocols show that everything runs, not which "
            "loss network is better."
        )
    if len(networks) == 1:
        return f"There is no choice: only {networks[0].loss_network} was measured."
    return "" if candidates else "No loss network meets all constraints and has all scores."


def say_data(scores: Sequence[TaskScore], networks: int, allowed: int, ranked: int) -> list[str]:
    """Name the data.

    Args:
        scores: of the task.
        networks: number of loss networks that were measured.
        allowed: number of those that meet all constraints.
        ranked: number of those that have all scores.
    """
    rows = _rows(scores)
    source = _say_published(rows) if rows[0].origin == PUBLISHED else _say_own(rows)
    data = f"{source}: {count_of(len(scores), 'score')} of {count_of(networks, 'loss network')}"
    if allowed < networks:
        data += f", {allowed} of which meet{'s' * (allowed == 1)} all constraints"
    return [f"{data}.", *[f"{allowed - ranked} of them lack a score and are not ranked."] * (ranked < allowed)]


def _rows(scores: Sequence[TaskScore]) -> list[ScoreRow]:
    return [row for score in scores for row in score.rows.values()]


def _say_published(rows: Sequence[ScoreRow]) -> str:
    tables = list(dict.fromkeys(row.source.rpartition(" ")[2] for row in rows))
    study = rows[0].source.rpartition(", ")[0]
    return f"The published study, {study}, Table{'s' * (len(tables) > 1)} {', '.join(tables)}"


def _say_own(rows: Sequence[ScoreRow]) -> str:
    items = sorted({row.n for row in rows if row.n})
    spread = f" on {items[0]:,}{f' to {items[-1]:,}' * (len(items) > 1)} items" if items else ""
    return f"Own results, {', '.join(dict.fromkeys(row.setting for row in rows))}{spread}"


def say_own_caveats(scores: Sequence[TaskScore]) -> list[str]:
    """Qualify an answer that rests on own results."""
    rows = _rows(scores)
    sentences = []
    if not all(row.comparable for row in rows):
        sentences.append(
            "They use other data than the official ones, or deviate from the protocol: they compare these loss "
            "networks with each other, not with published values."
        )
    if collapsed := list(dict.fromkeys(row.loss_network for row in rows if row.collapsed)):
        sentences.append(f"Trainings that collapsed count with their best network: {_names(collapsed)}.")
    if once := list(dict.fromkeys(row.loss_network for row in rows if row.trained and row.spread is None)):
        sentences.append(f"Trained once: {_names(once)}. {ONE_TRAINING[0].upper()}{ONE_TRAINING[1:]}.")
    if seeds := sorted({row.spread.seeds for row in rows if row.spread}, key=len):
        few = ", which are few" * (len(seeds[0]) < ENOUGH)
        sentences.append(
            f"The intervals include the spread over the seeds {' or '.join(map(listed, seeds))}{few}, as well as that "
            "over items."
        )
    return sentences


def say_published_caveats(scores: Sequence[TaskScore]) -> list[str]:
    """Qualify an answer that rests on published values."""
    return [f"But {caveat}." for caveat in dict.fromkeys(row.caveat for row in _rows(scores) if row.caveat)]


def say_certainty(scores: Sequence[TaskScore], candidates: Sequence[Candidate]) -> list[str]:
    """Say how certain it is that the first candidate is the best."""
    if len(candidates) == 1:
        return [f"{candidates[0].loss_network} is the only candidate."]
    published = scores[0].rows[candidates[0].loss_network].origin == PUBLISHED
    margin = "the last printed digit" if published else "the uncertainty of their 95 % intervals"
    sentences = [_say_tied(candidates)]
    if len(scores) == 1:
        sentences.append(_say_gap(scores[0], candidates, margin))
    else:
        sentences += [_say_best(scores, candidates), _say_runner_up(scores, candidates, margin)]
    sentences += [_say_rivals(scores, candidates), _say_agreement(scores, candidates), _say_without(scores, candidates)]
    sentences.append(NO_INTERVALS if published else "")
    return list(filter(None, sentences))


def _say_tied(candidates: Sequence[Candidate]) -> str:
    tied = [other.loss_network for other in candidates[1:] if other.mean_rank == candidates[0].mean_rank]
    first = candidates[0].loss_network
    return f"{first} shares the first rank with {_names(tied)}; the cheapest is listed first." if tied else ""


def _say_gap(score: TaskScore, candidates: Sequence[Candidate], margin: str) -> str:
    """Compare the first candidate with the second in a single score."""
    first, second = candidates[0].loss_network, candidates[1].loss_network
    words = {UNKNOWN: "their uncertainty is unknown", TIE: f"no more than {margin}"}
    result = outcome(score, first, second)
    verdict = words.get(result, f"more than {margin}")
    lead = "is ahead of" if result in words else "is better than"
    return f"{first} {lead} {second}, the next, by {abs(gap(score, first, second)):.2g}: {verdict}."


def _say_best(scores: Sequence[TaskScore], candidates: Sequence[Candidate]) -> str:
    first = candidates[0]
    best = sum(rank == min(other.ranks[label] for other in candidates) for label, rank in first.ranks.items())
    return (
        f"{first.loss_network} is the best of {len(candidates)}, alone or tied, in {best} of {len(scores)} scores; its "
        f"worst rank is {max(first.ranks.values()):g}."
    )


def _say_runner_up(scores: Sequence[TaskScore], candidates: Sequence[Candidate], margin: str) -> str:
    second = candidates[1].loss_network
    result = compare_pair(scores, candidates[0].loss_network, second)
    parts = [f"better in {result.wins}", f"worse in {result.losses}"]
    parts += [f"tied in {result.ties}"] * bool(result.ties)
    parts += [f"of unknown uncertainty in {result.unknown}"] * bool(result.unknown)
    return f"Against {second}, the next, by more than {margin}: {', '.join(parts)} of {len(scores)} scores."


def _say_rivals(scores: Sequence[TaskScore], candidates: Sequence[Candidate]) -> str:
    names = [f"{other.loss_network}{_cost(other, candidates[0])}" for other in rivals(scores, candidates)]
    return (
        f"The scores do not separate it from {_names(names)}: it is better no more often than worse." if names else ""
    )


def _cost(candidate: Candidate, first: Candidate) -> str:
    if not candidate.point_macs or not first.point_macs:
        return ""
    return f" (at {times(candidate.point_macs / first.point_macs)} its multiply-adds)"


def times(ratio: float) -> str:
    """Format a ratio to precede its object: ``3 % of``, ``about`` or ``8.5 times``."""
    if ratio < 0.995:
        return f"{100 * ratio:.2g} % of"
    return "about" if ratio < 1.05 else f"{ratio:.2g} times" if ratio < 9.95 else f"{ratio:,.0f} times"


def _say_agreement(scores: Sequence[TaskScore], candidates: Sequence[Candidate]) -> str:
    if len(scores) == 1 or len(candidates) < FEWEST:
        return ""
    judges = len(scores)
    w = kendalls_w([{other.loss_network: other.ranks[score.label] for other in candidates} for score in scores])
    correlation = (judges * w - 1) / (judges - 1)  # the mean of Spearman's over all pairs of scores
    words = next(words for least, words in AGREEMENT if correlation >= least - SLACK)
    return (
        f"The {judges} scores {words} on the order: Kendall's W is {w:.2f}, and {1 / judges:.2f} by chance. Scores of "
        "one benchmark are not independent."
    )


def _say_without(scores: Sequence[TaskScore], candidates: Sequence[Candidate]) -> str:
    """Say whether the first candidate stays first without any one score."""
    if len(scores) == 1:
        return ""
    needed = [out.label for out in scores if not _stays_first([s for s in scores if s is not out], candidates)]
    return f"It would not be first without {_names(needed, 'or')}." if needed else STAYS


def _stays_first(scores: Sequence[TaskScore], candidates: Sequence[Candidate]) -> bool:
    first, *others = (mean_over_tasks([(s.task, candidate.ranks[s.label]) for s in scores]) for candidate in candidates)
    return first <= min(others)


def _names(names: Sequence[str], last: str = "and") -> str:
    more = len(names) - MOST_NAMED
    shown = [*names[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {last} {shown[-1]}"
