"""The type of ``--seed``: a number that every generator of random numbers takes."""

from __future__ import annotations

import re
from typing import Any

import click


class SeedType(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A whole number from 0, with at most 18 digits, as in the lists of `lnkit eval --seeds`."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not re.fullmatch(r"\d{1,18}", str(value), re.ASCII):
            self.fail(f"Expected a whole number from 0, with at most 18 digits, got {str(value)[:40]!r}.", param, ctx)
        return int(value)


SEED = SeedType()
