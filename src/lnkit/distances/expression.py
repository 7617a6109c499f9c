"""Distances as text: names with options in parentheses, joined with ``+``: ``spatial+gram(criterion=squared)``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lnkit.errors import UsageError

Option = str | int | float | bool

_TERM = re.compile(r"\s*([\w.-]+)\s*(?:\(([^()]*)\))?\s*")
_PLUS = re.compile(r"\+(?![^()]*\))")  # outside parentheses, where it may be the sign of an exponent
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class DistanceTerm:
    """A distance by name, with its options."""

    name: str  # "charbonnier"
    options: Mapping[str, Option] = field(default_factory=dict)  # {"eps": 1e-3}

    def __str__(self) -> str:
        options = ", ".join(f"{name}={_write(value)}" for name, value in self.options.items())
        return f"{self.name}({options})" if options else self.name


def parse_distance(text: str) -> tuple[DistanceTerm, ...]:
    """Return the terms of a distance.

    Args:
        text: ``name``, ``name(option=value, ...)``, or several of them joined with ``+``. A value is a number,
            ``true``, ``false`` or a word.

    Raises:
        UsageError: the text has another form.

    Example:
        >>> for term in parse_distance("spatial+charbonnier(eps=1e-3)"):
        ...     print(term.name, dict(term.options))
        spatial {}
        charbonnier {'eps': 0.001}
    """
    return tuple(_parse_term(term, text) for term in _PLUS.split(text))


def _parse_term(term: str, whole: str) -> DistanceTerm:
    match = _TERM.fullmatch(term)
    if match is None:
        raise UsageError(
            f"Expected a distance such as 'spatial', 'charbonnier(eps=1e-3)' or a sum 'spatial+gram', got {whole!r}."
        )
    name, inner = match.groups()
    options: dict[str, Option] = {}
    for option in inner.split(",") if inner and inner.strip() else ():
        key, equals, value = (part.strip() for part in option.partition("="))
        if not equals or not key.isidentifier() or not value:
            raise UsageError(f"Expected options of {name!r} as option=value, got {option.strip()!r} in {whole!r}.")
        if key in options:
            raise UsageError(f"The option {key!r} of {name!r} is given twice in {whole!r}.")
        options[key] = _read(value)
    return DistanceTerm(name, options)


def _write(value: Option) -> str:
    return (
        str(value).lower() if isinstance(value, bool) else f"{value:.15g}" if isinstance(value, float) else str(value)
    )


def _read(value: str) -> Option:
    if value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    return value
