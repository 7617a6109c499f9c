"""Mutated inputs: whatever a file, a value or a command line holds, lnkit ends with a result or a sentence."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from .material import MODULE
from .mutations import make_special, mutate, special_name
from .process import Command, Ended, run
from .report import Report
from .series import run_series
from .targets import TARGETS, Target
from .words import WORDS, random_words

UNIT, COUNT = "inputs", 10_000
BATCH = 20  # inputs in a case
NOTHING = {"results", "cache", "data", "judged", "config"}  # folders in which lnkit may write


def prepare(_ground: Path) -> None:
    """Leave it to the first case of each kind to make its valid files."""


def _valid(name: str, ground: Path) -> Path:
    """Return the folder of the valid files of a kind, made once."""
    folder = ground / name
    with FileLock(ground / f"{name}.lock"):
        if not (folder / "attacked.py").is_file():
            TARGETS[name].write(folder)
            (folder / "attacked.py").write_text(MODULE, encoding="utf-8")
    return folder


def cases(_seed: int) -> Iterator[str]:
    """Yield cases without end: kind/first-last."""
    round_ = 0
    while True:
        for name in (*TARGETS, *WORDS):
            weight = TARGETS[name].weight if name in TARGETS else WORDS[name]
            for _ in range(weight):
                yield f"{name}/{round_ * BATCH}-{round_ * BATCH + BATCH - 1}"
                round_ += 1


@dataclass(frozen=True)
class _Input:
    """One input, in a folder of its own."""

    case: str
    command: Command
    here: Path
    what: str


def attempt(case: str, seed: int, ground: Path, work: Path) -> Report:
    """Try a batch of inputs; ``png/17`` is one of them, ``png/0-19`` are twenty."""
    name, numbers = case.split("/")
    first, _, last = numbers.partition("-")
    report = Report(case)
    inputs = [_make(f"{name}/{n}", seed, ground, work / str(n)) for n in range(int(first), int(last or first) + 1)]
    before = set(os.listdir(work))  # noqa: PTH208
    alone = name in TARGETS and TARGETS[name].alone
    ends = (run(each.command) for each in inputs) if alone else run_series([each.command for each in inputs])
    for each, ended in zip(inputs, ends, strict=True):
        report.counts["inputs"] += 1
        report.case = each.case
        faults = len(report.findings)
        report.judge(ended)
        _check_end(report, each, ended)
        if len(report.findings) == faults:
            shutil.rmtree(each.here)
        elif each.what:
            report.findings[-1] = report.findings[-1].noting(each.what)
    report.case = case
    if strange := set(os.listdir(work)) - before:  # noqa: PTH208
        report.find(f"written outside its folder: {sorted(strange)[:3]}")
    return report


def _make(case: str, seed: int, ground: Path, here: Path) -> _Input:
    chance = random.Random(f"{seed}/{case}")
    name = case.split("/")[0]
    target = TARGETS.get(name)
    if target is None:
        here.mkdir(parents=True)
        (here / "attacked.py").write_text(MODULE, encoding="utf-8")
        words, what = random_words(name, _valid("png", ground), chance), ""
    else:
        shutil.copytree(_valid(name, ground), here, copy_function=os.link)
        words, what = target.command, _damage(target, here, chance)
    for folder in ("home", "tmp"):
        (here / folder).mkdir()
    variables = {
        "LNKIT_CACHE": str(here / "cache"),
        "LNKIT_RESULTS": str(here / "results"),
        "XDG_CONFIG_HOME": str(here / "config"),
        "HOME": str(here / "home"),
        "TMPDIR": str(here / "tmp"),
    }
    places = {"{here}": here, "{valid}": ground / name}
    arguments = tuple(_placed(word, places) for word in words)
    return _Input(case, Command(arguments, here, variables), here, what)


def _placed(word: str, places: dict[str, Path]) -> str:
    for sign, folder in places.items():
        word = word.replace(sign, str(folder))
    return word


def _damage(target: Target, here: Path, chance: random.Random) -> str:
    """Damage one of the files; return what was done."""
    files = [path for path in sorted(here.glob(target.files)) if path.is_file()]
    chosen, other = chance.choice(files), chance.choice(files)
    short = str(chosen.relative_to(here))
    roll = chance.random()
    if roll < 0.04:
        return f"{short}: {make_special(chosen, chance)}"
    if roll < 0.06:
        name = os.fsencode(chosen.parent) + b"/" + special_name(chance) + os.fsencode(chosen.suffix)
        try:
            os.rename(chosen, name[:4000])  # noqa: PTH104
        except OSError:  # a file system with rules for names
            return "unchanged"
        return f"{short}: renamed to {name!r}"
    data = mutate(chosen.read_bytes(), other.read_bytes(), chance)
    chosen.unlink()  # it is a link to the valid one
    chosen.write_bytes(data)
    return f"{short}: mutated, {len(data)} bytes"


def _check_end(report: Report, each: _Input, ended: Ended) -> None:
    """Find a success without a result, a failure without a sentence, and files in other places."""
    if ended.code == 0 and not ended.stdout.strip() and "--output" not in " ".join(ended.command.arguments):
        report.find("exit code 0, and nothing was printed", ended)
    evaluated = ended.command.arguments[0] == "eval" and not {"--help", "-h"} & set(ended.command.arguments)
    if ended.code == 0 and evaluated and not [*each.here.glob("results/*/result.json")]:
        report.find("exit code 0 without a record", ended)
    if ended.code in {1, 2} and not ended.stderr.strip() and "--json" not in ended.command.arguments:
        report.find(f"exit code {ended.code} without a sentence", ended)
    if ended.code == 130:
        report.find("says that it was interrupted", ended)
    for folder in ("home", "tmp"):
        if strange := [*(each.here / folder).iterdir()]:
            report.find(f"written outside its folder: {folder}/{strange[0].name}", ended)
