"""What an attack reports: figures, and findings that can be repeated."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from .process import Ended

PROGRAM = "attack: a program was started: "  # printed where that is noticed
TRACEBACK = "Traceback (most recent call last)"
CATCH_ALL = "(`lnkit --traceback ...` shows where this arose.)"  # ends a sentence about an error that nobody foresaw
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Finding:
    """Something that went wrong."""

    case: str  # give it to --case to try it again
    fault: str
    output: str = ""  # the end of what the command printed

    def noting(self, what: str) -> Finding:
        """Return the finding with a remark on the input."""
        return replace(self, output=f"{printable(what)}\n{self.output}")

    def __str__(self) -> str:
        text = f"{self.case}: {self.fault}"
        return f"{text}\n    " + "\n    ".join(self.output.splitlines()) if self.output else text


@dataclass
class Report:
    """What one case gave."""

    case: str
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def find(self, fault: str, ended: Ended | None = None) -> None:
        """Add a finding."""
        output = "" if ended is None else f"$ {ended.command} -> {ended.code}\n{_end(ended.stderr or ended.stdout)}"
        self.findings.append(Finding(self.case, fault, printable(output)))

    def judge(self, ended: Ended) -> None:
        """Find what no command may do, whatever it was given."""
        self.counts["commands"] += 1
        both = ended.stdout + ended.stderr
        if ended.hung:
            self.find(f"hangs: no end after {ended.seconds:.0f} s", ended)
        elif ended.code < 0:
            self.find(f"died of signal {-ended.code}", ended)
        elif ended.code not in {0, 1, 2, 130}:
            self.find(f"exit code {ended.code}", ended)
        if TRACEBACK in both:
            self.find("a traceback", ended)
        if CATCH_ALL in both:
            self.find("a catch-all sentence", ended)
        if PROGRAM in both:
            self.find("starts a program", ended)
        if found := CONTROL.search(both):
            self.find(f"prints the control character {found[0]!r}", ended)


def printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def _end(text: str, characters: int = 1500) -> str:
    return text if len(text) <= characters else f"... {text[-characters:]}"


def tree(folder: Path) -> list[str]:
    """Every path below a folder, with random names replaced by stars."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(re.sub(r"[0-9a-f]{12,32}|events\.out\.tfevents.*", "*", name) for name in names)
