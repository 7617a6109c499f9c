"""The table of planted faults: which change of which file makes the project wrong, and what should notice it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

TABLE = Path(__file__).with_name("planted_faults.toml")


@dataclass(frozen=True, slots=True)
class Fault:
    """A change of one file that makes the project wrong."""

    id: str
    file: str  # relative to the project
    text: str  # occurs exactly once in the file
    fault: str  # replaces it
    does: str  # what is wrong then
    tests: tuple[str, ...]  # names of the test files that are expected to notice it
    first: str = ""  # tests in them to run before the others, as for pytest's -k

    @property
    def room(self) -> str:
        """Part of the project: "distances", "lnkit_bapps", or "lnkit" for the modules that lie in no part."""
        parts = Path(self.file).parts
        if parts[0] == "plugins":
            return parts[1]
        return parts[2] if len(parts) > 3 else "lnkit"

    def plant(self, tree: Path) -> None:
        """Change the file in a copy of the project."""
        path = tree / self.file
        source = path.read_text(encoding="utf-8")
        if source.count(self.text) != 1:
            raise SystemExit(
                f"{self.id}: expected its text once in {self.file}, got it {source.count(self.text)} times."
            )
        path.write_text(source.replace(self.text, self.fault), encoding="utf-8")
        Path(cache_from_source(path)).unlink(missing_ok=True)  # it may be of the same second and size


def load_faults(table: Path = TABLE) -> tuple[Fault, ...]:
    """Read the table of faults."""
    rows = tomllib.loads(table.read_text(encoding="utf-8"))["fault"]
    return tuple(Fault(**{**row, "tests": tuple(row["tests"])}) for row in rows)


def chosen(ids: Sequence[str]) -> tuple[Fault, ...]:
    """Return the faults of these ids, or all."""
    faults = load_faults()
    if unknown := set(ids) - {fault.id for fault in faults}:
        raise SystemExit(f"There is no fault {min(unknown)!r}; --list shows all.")
    return tuple(fault for fault in faults if not ids or fault.id in ids)
