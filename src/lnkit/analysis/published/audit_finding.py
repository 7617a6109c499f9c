"""The result of one check of the published tables."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

AGREES, DIFFERS, SUSPECT = "agrees", "differs", "suspect"


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """The result of one check of the published tables."""

    id: str  # caveats refer to it
    title: str
    tables: tuple[str, ...]  # names in the package
    verdict: str  # "agrees", "differs" or "suspect"
    summary: str  # sentences
    columns: tuple[str, ...]  # of the evidence
    rows: tuple[tuple[str, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
