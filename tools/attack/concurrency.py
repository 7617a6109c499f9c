"""Several processes at once, on one results folder and one cold cache, some of them killed: the scores of one."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .facts import facts
from .kills import PATIENCE, REDUCED
from .material import EVAL, make
from .process import Command, patience, run, run_together
from .report import Report, tree

UNIT, COUNT = "processes", 120
SIX = 6
KILLED = 2  # of the six


def _training(bench: str, *more: str) -> tuple[str, ...]:
    fields = [word for field in REDUCED[bench].split() for word in ("--set", field)]
    return (*EVAL, "--point", "1", "--bench", bench, "--sample", *fields, *more)


_BAPPS = (*EVAL, "--bench", "bapps", "--data", "{ground}/bapps", "--point", "1", "--point", "3")
STORIES: dict[str, tuple[tuple[str, ...], ...]] = {  # what the six processes do, in turn
    "evaluations": (_BAPPS,),
    "replacements": ((*_BAPPS, "--force"), _BAPPS),
    "trainings": (_training("superres"), _BAPPS),
    "pictures": (_training("superres", "--images"), _training("superres")),
    "everything": (_training("delineation"), _training("superres", "--images"), (*_BAPPS, "--force")),
}


def prepare(ground: Path) -> None:
    """Run each story once, one process after the other; the samples stay in a cache."""
    make(ground)
    for name, commands in STORIES.items():
        folder = ground / "references" / name
        shutil.copytree(ground / "work", folder / "work")
        for arguments in commands:
            ended = run(_command(arguments, ground, folder))
            if ended.code:
                raise RuntimeError(f"{ended.command}: {ended.stderr}")


def cases(_seed: int) -> Iterator[str]:
    """Yield cases without end; every second one has kills."""
    number = 0
    while True:
        yield from (f"{name}/{number}{'k' if number % 2 else ''}" for name in STORIES)
        number += 1


def attempt(case: str, seed: int, ground: Path, work: Path) -> Report:
    """Start six processes together, and compare what they leave with what one leaves."""
    name, number = case.split("/")
    report, chance = Report(case), random.Random(f"{seed}/{case}")
    shutil.copytree(ground / "work", work / "work")
    commands = [_command(STORIES[name][i % len(STORIES[name])], ground, work) for i in range(SIX)]
    if number.endswith("k"):
        commands[:KILLED] = [replace(command, kill_after=chance.uniform(0.1, 2)) for command in commands[:KILLED]]
    for ended in run_together(commands):
        report.counts["processes"] += 1
        if not ended.killed:
            report.judge(ended)
            if ended.code:
                report.find("a process fails beside others", ended)
    if number.endswith("k"):  # what the killed began, others need not end
        for arguments in STORIES[name]:
            report.judge(run(_command(arguments, ground, work)))
    _compare(report, ground / "references" / name, work)
    return report


def _command(arguments: tuple[str, ...], ground: Path, folder: Path) -> Command:
    words = tuple(word.replace("{ground}", str(ground)) for word in arguments)
    variables = {"LNKIT_CACHE": str(folder / "cache"), "LNKIT_RESULTS": str(folder / "results")}
    return Command(words, folder / "work", variables, seconds=max(PATIENCE, patience()), eager=True)


def _compare(report: Report, reference: Path, work: Path) -> None:
    expected, found = facts(reference / "results"), facts(work / "results")
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            report.find(f"{name} is not that of one process")
    names = [set(tree(folder / kind)) for folder in (work, reference) for kind in ("results", "cache")]
    for kind, here, there in (("results", names[0], names[2]), ("cache", names[1], names[3])):
        locks = {name for name in here if name.endswith(".lock")}  # the last of several clears none; the next run does
        if litter := sorted(here - there - locks):
            report.find(f"left behind in {kind}: {', '.join(litter[:5])} ({len(litter)})")
