"""Constraints on recommended loss networks: which ones meet them, and which constraint excludes how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from lnkit.analysis.attributes import Attributes, plain_name
from lnkit.analysis.score_rows import ScoreRow
from lnkit.errors import UsageError, did_you_mean, near_names

_MAGNITUDES = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
_NO_FLAGS: Mapping[str, bool] = MappingProxyType({})


class Constraints(NamedTuple):
    """Limits on the recommended loss networks; None and empty allow all."""

    macs_below: float | None = None  # multiply-adds up to the point, at 224 x 224
    parameters_below: float | None = None  # up to the point
    flags: Mapping[str, bool] = _NO_FLAGS  # of the backbone: {"batch_norm": False}
    families: tuple[str, ...] = ()
    backbones: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


class Rule(NamedTuple):
    """One constraint: a limit on an attribute, a flag, or the allowed names of a field."""

    words: str  # "macs below 2 G"
    field: str  # an attribute, or a field of ScoreRow
    limit: float | None = None
    flag: bool | None = None
    names: tuple[str, ...] = ()

    def allows(self, row: ScoreRow, attributes: Attributes) -> bool:
        """Test whether a loss network meets the rule; one with an unknown attribute does not."""
        if self.names:
            return bool(_names(row, self.field) & set(self.names))
        value = attributes.get(self.field)
        if value is None:
            return False
        return value < self.limit if self.limit is not None else bool(value) is self.flag

    def unknown(self, attributes: Attributes) -> bool:
        """Test whether the attribute of a loss network is unknown."""
        return not self.names and attributes.get(self.field) is None


def _names(row: ScoreRow, field: str) -> set[str]:
    """Return the value of a field, and the plain name of a backbone with several weights."""
    value: str = getattr(row, field)
    return {value, plain_name(value)} if field == "backbone" else {value}


def rules(constraints: Constraints) -> list[Rule]:
    """Split constraints into rules."""
    limits = {"macs": constraints.macs_below, "parameters": constraints.parameters_below}
    of_limits = [
        Rule(f"{name} below {amount(limit)}", f"point_{name}", limit=limit)
        for name, limit in limits.items()
        if limit is not None
    ]
    words = {name: name.replace("conv_1x1", "1x1 convolutions").replace("_", " ") for name in constraints.flags}
    of_flags = [
        Rule(f"{'with' if flag else 'no'} {words[name]}", name, flag=flag) for name, flag in constraints.flags.items()
    ]
    fields = {"family": constraints.families, "backbone": constraints.backbones, "point": constraints.points}
    of_names = [Rule(f"{name} {' or '.join(names)}", name, names=names) for name, names in fields.items() if names]
    return of_limits + of_flags + of_names


def amount(value: float) -> str:
    """Format a number with three digits: ``1.94 G``, ``21.4 M``, ``1,792``."""
    for size, letter in _MAGNITUDES:
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def require_known(constraints: Constraints, rows: Sequence[ScoreRow]) -> None:
    """Reject names that no row has: a typo would exclude every loss network.

    Raises:
        UsageError: a family, backbone or point is in none of the rows.
    """
    for rule in rules(constraints):
        if not rule.names:
            continue
        known = sorted(set().union(*(_names(row, rule.field) for row in rows)))
        for name in rule.names:
            if name not in known:
                near = near_names(name, known) or [other for other in known if other.lower() == name.lower()]
                raise UsageError(
                    f"There are no scores of {rule.field} {name!r}.{did_you_mean(near)} There are: "
                    f"{', '.join(filter(None, known))}."
                )


def meeting(
    networks: Mapping[str, ScoreRow], attributes: Mapping[str, Attributes], applied: Sequence[Rule]
) -> list[str]:
    """Return the names of the loss networks that meet all rules, in order."""
    return [
        name for name, row in networks.items() if all(rule.allows(row, attributes.get(name, {})) for rule in applied)
    ]


def say_left_out(
    networks: Mapping[str, ScoreRow], attributes: Mapping[str, Attributes], applied: Sequence[Rule]
) -> list[str]:
    """Say how many loss networks each rule excludes, counted by itself."""
    sentences = []
    for rule in applied:
        if out := len(networks) - len(meeting(networks, attributes, [rule])):
            sentences.append(f"Left out for {rule.words!r}: {out} of {len(networks)} loss networks.")
    unknown = [name for name in networks if any(rule.unknown(attributes.get(name, {})) for rule in applied)]
    return sentences + ([_say_unknown(networks, unknown)] if unknown else [])


def _say_unknown(networks: Mapping[str, ScoreRow], unknown: Sequence[str]) -> str:
    backbone = plain_name(networks[unknown[0]].backbone)
    return (
        f"The attribute is unknown for {len(unknown)} of these, such as {unknown[0]}: `lnkit attributes {backbone}` "
        "computes it, and `lnkit eval --force` stores it with a new result."
    )


def say_nearest(
    networks: Mapping[str, ScoreRow], attributes: Mapping[str, Attributes], applied: Sequence[Rule]
) -> list[str]:
    """Say which rule could be dropped if nothing meets all of them, and which loss network comes nearest to it."""
    sentences = []
    for rule in applied:
        others = meeting(networks, attributes, [other for other in applied if other is not rule])
        if others:
            sentences.append(
                f"Without {rule.words!r}, {len(others)} would be left{_nearest(others, attributes, rule)}."
            )
    if len(applied) > 1 and not sentences:
        sentences.append("Dropping a single constraint would not help: no loss network meets the others.")
    return sentences


def _nearest(names: Sequence[str], attributes: Mapping[str, Attributes], rule: Rule) -> str:
    values = {name: value for name in names if (value := attributes.get(name, {}).get(rule.field)) is not None}
    if rule.limit is None or not values:
        return ""
    nearest = min(values, key=values.__getitem__)
    return f"; nearest is {nearest} with {amount(values[nearest])}"
