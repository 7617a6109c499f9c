"""Which loss network to take for a task: ranks within what is allowed, and how far the data carry them.

Nothing but Python is needed, so that advice comes at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose

from lnkit.analysis.costs import Attributes, attributes_by_network
from lnkit.analysis.gathering import Gathered
from lnkit.analysis.measurements import PUBLISHED, Measurement
from lnkit.errors import UsageError
from lnkit.nearnames import did_you_mean, near_names

# Half of the last digit that the study prints (Tables V to XI): two values nearer than twice that may be equal.
ROUNDING = {"fraction": 0.0005, "dB": 0.05, "percent": 0.05}
FEWEST = 3  # loss networks of which one can be called the best of
AGREEMENT = 0.5  # Kendall's W above which scores are said to agree; 0 is no agreement, 1 the same order


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a loss network must be; None and empty allow all."""

    flops_below: float | None = None  # multiply-adds up to the point, at 224 x 224
    parameters_below: float | None = None  # up to the point
    flags: Mapping[str, bool] = field(default_factory=dict)  # {"batch_norm": False}
    families: tuple[str, ...] = ()
    backbones: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A loss network that is allowed, and how it does."""

    loss_network: str
    mean_rank: float  # over the task's scores, among the allowed ones; 1 is the best
    values: Mapping[str, float]  # score -> value
    point_flops: float | None
    point_parameters: float | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What the data say about one task in one setting."""

    task: str
    setting: str  # "published", or that of own records
    candidates: tuple[Candidate, ...]  # the best first
    answer: str  # the loss network to take; "" where the data do not carry an answer
    grounds: tuple[str, ...]  # sentences: which data, how many, how sure
    excluded: tuple[str, ...]  # sentences: what the constraints left out


def advise(found: Gathered, task: str, constraints: Constraints) -> list[Advice]:
    """Advice for a task: a benchmark, or one score of it.

    Own records come first, in each setting that has scores of the task; then the published study.

    Raises:
        UsageError: nothing that was gathered is of this task.
    """
    measurements = [one for one in found.measurements if _belongs(one, task)]
    if not measurements:
        raise UsageError(_no_task(found, task))
    attributes = attributes_by_network(measurements, found.records)
    settings = dict.fromkeys(one.setting for one in measurements)
    ordered = sorted(settings, key=lambda setting: setting == PUBLISHED)
    return [
        _advice(task, setting, [one for one in measurements if one.setting == setting], attributes, constraints)
        for setting in ordered
    ]


def _belongs(one: Measurement, task: str) -> bool:
    """Whether it counts: a benchmark's primary scores do, and a score that is asked for by its name."""
    return (one.benchmark == task and one.primary) or task in (one.score, f"{one.benchmark} {one.score}")


def _no_task(found: Gathered, task: str) -> str:
    tasks = list(dict.fromkeys(one.benchmark for one in found.measurements))
    scores = list(dict.fromkeys(one.score for one in found.measurements if one.primary))
    hint = did_you_mean(near_names(task, [*tasks, *scores]))
    return (
        f"There are no scores of {task!r}.{hint} A task is a benchmark ({', '.join(tasks)}) or one of its scores "
        f"({', '.join(scores)})."
    )


def _advice(
    task: str, setting: str, measured: Sequence[Measurement], attributes: Mapping[str, Attributes], wanted: Constraints
) -> Advice:
    networks = {one.loss_network: one for one in measured}
    reasons = {name: _excluded(one, attributes.get(name, {}), wanted) for name, one in networks.items()}
    allowed = [name for name, reason in reasons.items() if not reason]
    values = _complete(measured, allowed)
    candidates = _ranked(measured, values, attributes)
    grounds, sure = _grounds(measured, values, candidates, len(allowed))
    answer = candidates[0].loss_network if candidates and sure else ""
    return Advice(task, setting, tuple(candidates), answer, tuple(grounds), tuple(_say_excluded(reasons)))


def _excluded(one: Measurement, attributes: Attributes, wanted: Constraints) -> str:
    """The first constraint that a loss network does not meet; "" where it meets all."""
    chosen = {"family": wanted.families, "backbone": wanted.backbones, "point": wanted.points}
    for name, allowed in chosen.items():
        if allowed and getattr(one, name) not in allowed:
            return f"{name} other than {', '.join(allowed)}"
    limits = {"point_flops": wanted.flops_below, "point_parameters": wanted.parameters_below}
    for name, limit in limits.items():
        if limit is None:
            continue
        value = attributes.get(name)
        if value is None:
            return f"{name.removeprefix('point_')} unknown"
        if value >= limit:
            return f"{name.removeprefix('point_')} of {limit:,.0f} or more"
    for name, flag in wanted.flags.items():
        if attributes.get(name) is None:
            return f"{_words(name)} unknown"
        if bool(attributes[name]) is not flag:
            return f"{'no ' * flag}{_words(name)}"
    return ""


def _words(flag: str) -> str:
    return flag.replace("conv_1x1", "1x1 convolutions").replace("_", " ")


def _say_excluded(reasons: Mapping[str, str]) -> list[str]:
    counts: dict[str, int] = {}
    for reason in filter(None, reasons.values()):
        counts[reason] = counts.get(reason, 0) + 1
    return [f"{count} of {len(reasons)} loss networks left out: {reason}." for reason, count in counts.items()]


def _complete(measured: Iterable[Measurement], allowed: Iterable[str]) -> dict[str, dict[str, float]]:
    """Score -> loss network -> value turned so that larger is better, of networks that have all scores."""
    table: dict[str, dict[str, float]] = {}
    for one in measured:
        table.setdefault(one.score, {})[one.loss_network] = one.value if one.higher_is_better else -one.value
    complete = [name for name in allowed if all(name in column for column in table.values())]
    return {score: {name: column[name] for name in complete} for score, column in table.items()}


def _ranked(
    measured: Iterable[Measurement], values: Mapping[str, Mapping[str, float]], attributes: Mapping[str, Attributes]
) -> list[Candidate]:
    ranks = {score: _ranks(column) for score, column in values.items()}
    shown = {(one.loss_network, one.score): one.value for one in measured}
    names = next(iter(values.values()), {})
    candidates = [
        Candidate(
            name,
            sum(ranks[score][name] for score in values) / len(values),
            {score: shown[name, score] for score in values},
            attributes.get(name, {}).get("point_flops"),
            attributes.get(name, {}).get("point_parameters"),
        )
        for name in names
    ]
    return sorted(candidates, key=lambda one: (one.mean_rank, one.point_flops or 0, one.loss_network))


def _ranks(column: Mapping[str, float]) -> dict[str, float]:
    """1 for the best; equal values share the mean of their ranks."""
    better = {name: sum(other > value for other in column.values()) for name, value in column.items()}
    equal = {name: sum(other == value for other in column.values()) for name, value in column.items()}
    return {name: better[name] + (equal[name] + 1) / 2 for name in column}


def _grounds(
    measured: Sequence[Measurement],
    values: Mapping[str, Mapping[str, float]],
    candidates: Sequence[Candidate],
    allowed: int,
) -> tuple[list[str], bool]:
    """What the advice rests on, and whether it carries an answer."""
    said = [_say_data(measured, len(values), len(candidates))]
    if allowed > len(candidates):
        said.append(f"{allowed - len(candidates)} more lack one of the scores and are not ranked.")
    doubt = _doubt(measured, candidates)
    if len(candidates) > 1:
        said += _say_sure(measured, values, candidates)
    return [*said, *doubt], not doubt


def _say_data(measured: Sequence[Measurement], scores: int, ranked: int) -> str:
    first = measured[0]
    if first.origin == PUBLISHED:
        where = ", ".join(dict.fromkeys(one.source.rpartition(", ")[2] for one in measured))
        data = f"the published study ({first.source.partition(',')[0]}, {where})"
    else:
        data = f"own results in the setting {first.setting}"
    return f"Data: {data}: {scores} score{'s' * (scores != 1)} of {ranked} loss networks that are allowed."


def _doubt(measured: Sequence[Measurement], candidates: Sequence[Candidate]) -> list[str]:
    """Why there is no answer."""
    if not candidates:
        return ["No answer: no loss network is left that meets all constraints and has all scores."]
    if len(candidates) < FEWEST:
        return [
            f"No answer: with {len(candidates)} of {FEWEST} loss networks at least, there is too little to compare."
        ]
    if caveats := list(dict.fromkeys(one.caveat for one in measured if one.caveat)):
        benchmark = measured[0].benchmark
        return [f"No answer: {caveats[0]}. Measure it: `lnkit eval --backbone NAME --point all --bench {benchmark}`."]
    if not all(one.comparable for one in measured):
        return [
            "No answer: these results are of sample data, cut-down protocols or other data than the official ones."
        ] * (any(one.sample or one.variant in ("quick", "sample") for one in measured))
    return []


def _say_sure(
    measured: Sequence[Measurement], values: Mapping[str, Mapping[str, float]], candidates: Sequence[Candidate]
) -> list[str]:
    first, second = candidates[0].loss_network, candidates[1].loss_network
    margins = {one.score: _margin(one) for one in measured}
    gaps = {score: column[first] - column[second] for score, column in values.items()}
    clear = sum(gap > margins[score] for score, gap in gaps.items())
    lost = sum(-gap > margins[score] for score, gap in gaps.items())
    said = [
        f"{first} is clearly better than {second}, the next, in {clear} of {len(gaps)} scores, clearly worse in "
        f"{lost}; in {len(gaps) - clear - lost} the difference is within {_margin_words(measured)}."
    ]
    if len(values) > 1 and len(candidates) >= FEWEST:
        w = kendalls_w([_ranks(column) for column in values.values()])
        said.append(f"The scores {'agree' if w > AGREEMENT else 'hardly agree'} on the order: Kendall's W {w:.2f}.")
    return said


def _margin(one: Measurement) -> float:
    """A difference that may be nothing: of published values their rounding, of own ones the width of the interval."""
    if one.low is not None and one.high is not None:
        return (one.high - one.low) / 2
    return 2 * ROUNDING.get(one.unit, 0.0) if one.origin == PUBLISHED else 0.0


def _margin_words(measured: Sequence[Measurement]) -> str:
    return (
        "the rounding of the published figures" if measured[0].origin == PUBLISHED else "half the width of the interval"
    )


def kendalls_w(ranks: Sequence[Mapping[str, float]]) -> float:
    """Kendall's coefficient of concordance of several rankings of the same items, in [0, 1], corrected for ties."""
    items, judges = list(ranks[0]), len(ranks)
    n = len(items)
    sums = [sum(one[item] for one in ranks) for item in items]
    mean = sum(sums) / n
    spread = sum((value - mean) ** 2 for value in sums)
    ties = sum(_ties(list(one.values())) for one in ranks)
    most = judges**2 * (n**3 - n) - judges * ties
    return 12 * spread / most if not isclose(most, 0) else 0.0


def _ties(ranks: Sequence[float]) -> int:
    sizes = [ranks.count(rank) for rank in set(ranks)]
    return sum(size**3 - size for size in sizes)
