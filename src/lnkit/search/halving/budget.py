"""Budgets of time as people write them: 90s, 30m, 4h, 1d."""

from __future__ import annotations

import re

from lnkit.errors import UsageError

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}  # seconds
_PART = r"(\d{1,6}(?:\.\d{1,6})?)([dhms])"


def read_budget(text: str) -> float:
    """Return the seconds of a budget.

    Raises:
        UsageError: The text is no duration, or nothing.

    Example:
        >>> read_budget("90s"), read_budget("1h30m"), read_budget("0.5d")
        (90.0, 5400.0, 43200.0)
    """
    given = text.strip().lower()
    if not re.fullmatch(f"(?:{_PART})+", given):
        raise UsageError(f"Expected a budget such as 90s, 30m, 4h or 1d, got {text[:40]!r}.")
    seconds = sum(float(number) * UNITS[unit] for number, unit in re.findall(_PART, given))
    if not seconds:
        raise UsageError(f"Expected a budget of more than nothing, such as 30m, got {text[:40]!r}.")
    return seconds


def duration(seconds: float) -> str:
    """Return a duration in one or two units, which :func:`read_budget` reads back.

    Example:
        >>> duration(5460), duration(41.2), duration(90_000), duration(0.4)
        ('1h31m', '41s', '1d1h', '0.4s')
    """
    if seconds < 10:
        return f"{seconds:.2g}s"
    rest = round(seconds) if seconds < 3 * UNITS["m"] else round(seconds / UNITS["m"]) * UNITS["m"]
    parts = []
    for unit, length in UNITS.items():
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


def length_text(length: int, field: str) -> str:
    """Return a length with its unit, the name of a protocol's field.

    Example:
        >>> length_text(1, "epochs"), length_text(2500, "iterations")
        ('1 epoch', '2,500 iterations')
    """
    return f"{length:,} {field.removesuffix('s') if length == 1 else field}"
