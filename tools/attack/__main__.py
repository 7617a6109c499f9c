"""Attack lnkit: kills, mutated inputs, hostile plugins, poisoned records, several processes at once.

Each attack prints its figures and writes what it found, with everything needed to repeat it, into a folder::

    python -m tools.attack kills --count 1000
    python -m tools.attack all
    python -m tools.attack inputs --case png/17

The exit code is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

from . import concurrency, inputs, kills, plugins, records
from .process import warm
from .report import Finding, Report

ATTACKS: dict[str, ModuleType] = {
    "kills": kills,
    "inputs": inputs,
    "plugins": plugins,
    "records": records,
    "concurrency": concurrency,
}


@dataclass(frozen=True)
class Plan:
    """One attack: how much of it, and where."""

    name: str
    count: int
    seed: int
    folder: Path
    jobs: int
    only: str  # cases that begin so

    @property
    def attack(self) -> ModuleType:
        return ATTACKS[self.name]

    def run(self) -> tuple[Counter[str], list[Finding]]:
        """Try cases until the count is reached."""
        ground = self.folder / "ground"
        ground.mkdir(parents=True)
        self.attack.prepare(ground)
        counts: Counter[str] = Counter()
        findings: list[Finding] = []
        cases = (case for case in self.attack.cases(self.seed) if case.startswith(self.only))
        for report in self._reports(cases, ground, counts):
            counts.update(report.counts)
            counts["cases"] += 1
            findings += report.findings
            self.write(report.findings)
        shutil.rmtree(ground)
        return counts, findings

    def write(self, findings: Sequence[Finding]) -> None:
        """Add findings to the list, at once, so that nothing is lost."""
        with (self.folder / "findings.txt").open("a", encoding="utf-8") as file:
            file.writelines(f"{finding}\n\n" for finding in findings)

    def _reports(self, cases: Iterator[str], ground: Path, counts: Counter[str]) -> Iterator[Report]:
        """Yield reports while there are cases and ``counts`` has not reached the count."""
        with ProcessPoolExecutor(self.jobs, get_context("fork")) as pool:
            running: set[Future[Report]] = set()
            while True:
                if counts[self.attack.UNIT] < self.count:
                    more = islice(cases, self.jobs + 1 - len(running))
                    running |= {pool.submit(attempt, self.name, case, self.seed, ground) for case in more}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()


def attempt(name: str, case: str, seed: int, ground: Path) -> Report:
    """Try one case in a folder of its own, which stays if something was found."""
    folder = ground.parent / "cases" / re.sub(r"[^A-Za-z0-9]+", "_", case)[:100]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    report: Report = ATTACKS[name].attempt(case, seed, ground, folder)
    if not report.findings:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.attack", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("attack", choices=[*ATTACKS, "all"])
    parser.add_argument("--count", type=int, help="how many kills, inputs, ...; by default enough for a release")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    parser.add_argument("--case", help="try this case again, and keep its folder")
    parser.add_argument("--only", default="", help="cases that begin so: --only png")
    parser.add_argument("--output", type=Path, default=Path("results/attack"), help="folder for what is found")
    arguments = parser.parse_args()
    warm()
    found = 0
    print("attack       done                                                   findings  seconds")
    for name in ATTACKS if arguments.attack == "all" else [arguments.attack]:
        folder = arguments.output.resolve() / name
        shutil.rmtree(folder, ignore_errors=True)
        count = arguments.count or ATTACKS[name].COUNT
        plan, start = Plan(name, count, arguments.seed, folder, arguments.jobs, arguments.only), time.monotonic()
        counts, findings = _again(plan, arguments.case) if arguments.case else plan.run()
        found += len(findings)
        done = ", ".join(f"{number:,} {unit}" for unit, number in sorted(counts.items()))
        print(f"{name:<12} {done:<55} {len(findings):>7} {time.monotonic() - start:>8.0f}", flush=True)
        for fault, number in Counter(finding.fault for finding in findings).most_common(20):
            print(f"    {number:>5} x {fault}")
    if found:
        print(f"Findings, and how to repeat them: {arguments.output}/*/findings.txt")
    return int(bool(found))


def _again(plan: Plan, case: str) -> tuple[Counter[str], list[Finding]]:
    ground = plan.folder / "ground"
    ground.mkdir(parents=True)
    plan.attack.prepare(ground)
    report = attempt(plan.name, case, plan.seed, ground)
    plan.write(report.findings)
    print("\n".join(map(str, report.findings)))
    return report.counts, report.findings


if __name__ == "__main__":
    sys.exit(main())
