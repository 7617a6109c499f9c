"""Reads ``behaviours.toml``: what hostile plugins do, and where."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Behaviour:
    """One hostile plugin."""

    kind: str  # "raises"
    place: str  # "import"
    name: str
    code: str  # runs at the place
    distribution: tuple[str, str, str]  # name, version, lines of entry points

    @property
    def id(self) -> str:
        return f"{self.kind}|{self.place}|{self.name}"


USUAL = ("hostile", "1.0", "hostile = hostile")


@cache
def behaviours() -> dict[str, list[Behaviour]]:
    """Return all behaviours by kind."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    distributions = tables.pop("distributions")
    every = {
        kind: [
            Behaviour(kind, place, name, code, USUAL)
            for name, code in (table.get("code") or {each: table["each"].format(each) for each in table["of"]}).items()
            for place in table["places"]
        ]
        for kind, table in tables.items()
    }
    every["distributions"] = [
        Behaviour("distributions", "nowhere", name, "", tuple(words)) for name, words in distributions.items()
    ]
    return every
