"""Types of options that are numbers: seeds that every generator takes, and numbers that are finite."""

from __future__ import annotations

import math
import re
from typing import Any

import click


class SeedType(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A whole number from 0, with at most 18 digits, as in the lists of ``--seeds``."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not re.fullmatch(r"\d{1,18}", str(value), re.ASCII):
            self.fail(f"Expected a whole number from 0, with at most 18 digits, got {str(value)[:40]!r}.", param, ctx)
        return int(value)


class FiniteRange(click.FloatRange):
    """A number in a range; click's own type takes NaN for one in every range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"Expected a finite number, got {value!r}.", param, ctx)
        return number


SEED = SeedType()
