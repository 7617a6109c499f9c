"""What a loss network must be to be advised, which constraint leaves out what, and what would nearly do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from lnkit.analysis.measurements import ScoreRow
from lnkit.analysis.recommend.costs import WEIGHTS, Attributes
from lnkit.errors import UsageError, did_you_mean, near_names

_MAGNITUDES = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
_NO_FLAGS: Mapping[str, bool] = MappingProxyType({})


class Constraints(NamedTuple):
    """What a loss network must be; None and empty allow all."""

    macs_below: float | None = None  # multiply-adds up to the point, at 224 x 224
    parameters_below: float | None = None  # up to the point
    flags: Mapping[str, bool] = _NO_FLAGS  # {"batch_norm": False}: of the backbone
    families: tuple[str, ...] = ()
    backbones: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


class Rule(NamedTuple):
    """One constraint: a limit on an attribute, a flag, or the names that a field may have."""

    words: str  # "macs below 2 G"
    field: str  # an attribute, or a field of ScoreRow
    limit: float | None = None
    flag: bool | None = None
    names: tuple[str, ...] = ()

    def allows(self, one: ScoreRow, attributes: Attributes) -> bool:
        """Whether a loss network meets it; one whose attribute is unknown does not."""
        if self.names:
            return bool(_called(one, self.field) & set(self.names))
        value = attributes.get(self.field)
        if value is None:
            return False
        return value < self.limit if self.limit is not None else bool(value) is self.flag

    def unknown(self, attributes: Attributes) -> bool:
        """Whether it cannot be told."""
        return not self.names and attributes.get(self.field) is None


def _called(one: ScoreRow, field: str) -> set[str]:
    """The value of a field; a backbone of several weights is meant by its plain name too."""
    value: str = getattr(one, field)
    return {value, WEIGHTS.sub("", f"{value}:").removesuffix(":")} if field == "backbone" else {value}


def rules(wanted: Constraints) -> list[Rule]:
    """The constraints one by one."""
    limits = {"macs": wanted.macs_below, "parameters": wanted.parameters_below}
    found = [
        Rule(f"{name} below {amount(limit)}", f"point_{name}", limit=limit)
        for name, limit in limits.items()
        if limit is not None
    ]
    found += [
        Rule(f"{'with' if flag else 'no'} {_words(name)}", name, flag=flag) for name, flag in wanted.flags.items()
    ]
    chosen = {"family": wanted.families, "backbone": wanted.backbones, "point": wanted.points}
    return found + [Rule(f"{name} {' or '.join(names)}", name, names=names) for name, names in chosen.items() if names]


def _words(flag: str) -> str:
    return flag.replace("conv_1x1", "1x1 convolutions").replace("_", " ")


def amount(value: float) -> str:
    """``1.94 G``, ``21.4 M``, ``1,792``: three digits."""
    for size, letter in _MAGNITUDES:
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def require_known(wanted: Constraints, measured: Sequence[ScoreRow]) -> None:
    """Refuse names that nothing which was measured has, rather than leave everything out for a slip of the pen.

    Raises:
        UsageError: a family, backbone or point is not among ``measured``.
    """
    for rule in rules(wanted):
        if not rule.names:
            continue
        known = sorted(set().union(*(_called(one, rule.field) for one in measured)))
        for name in rule.names:
            if name not in known:
                near = near_names(name, known) or [other for other in known if other.lower() == name.lower()]
                raise UsageError(
                    f"Nothing was measured of {rule.field} {name!r}.{did_you_mean(near)} There are: "
                    f"{', '.join(filter(None, known))}."
                )


def meeting(
    networks: Mapping[str, ScoreRow], attributes: Mapping[str, Attributes], wanted: Sequence[Rule]
) -> list[str]:
    """The names of the loss networks that meet all of the rules, in order."""
    return [
        name for name, one in networks.items() if all(rule.allows(one, attributes.get(name, {})) for rule in wanted)
    ]


def say_left_out(
    networks: Mapping[str, ScoreRow], attributes: Mapping[str, Attributes], wanted: Sequence[Rule]
) -> list[str]:
    """A sentence for each rule: how many it leaves out, each counted by itself."""
    said = []
    for rule in wanted:
        if out := len(networks) - len(meeting(networks, attributes, [rule])):
            said.append(f"Left out for {rule.words!r}: {out} of {len(networks)} loss networks.")
    unknown = [name for name in networks if any(rule.unknown(attributes.get(name, {})) for rule in wanted)]
    return said + ([_say_unknown(networks, unknown)] if unknown else [])


def _say_unknown(networks: Mapping[str, ScoreRow], unknown: Sequence[str]) -> str:
    backbone = networks[unknown[0]].backbone.partition("@")[0]
    return (
        f"Of {len(unknown)} of these that is not known, such as {unknown[0]}: `lnkit attributes {backbone}` computes "
        "it, and `lnkit eval --force` keeps it with a new result."
    )


def say_nearest(
    networks: Mapping[str, ScoreRow], attributes: Mapping[str, Attributes], wanted: Sequence[Rule]
) -> list[str]:
    """Where nothing meets all of the rules: which one could be dropped, and what comes nearest to it."""
    said = []
    for rule in wanted:
        others = meeting(networks, attributes, [one for one in wanted if one is not rule])
        if others:
            said.append(f"Without {rule.words!r}, {len(others)} would be left{_nearest(others, attributes, rule)}.")
    if len(wanted) > 1 and not said:
        said.append("Dropping a single constraint would not help: no loss network meets the others either.")
    return said


def _nearest(names: Sequence[str], attributes: Mapping[str, Attributes], rule: Rule) -> str:
    values = {name: value for name in names if (value := attributes.get(name, {}).get(rule.field)) is not None}
    if rule.limit is None or not values:
        return ""
    nearest = min(values, key=values.__getitem__)
    return f"; nearest is {nearest} with {amount(values[nearest])}"
