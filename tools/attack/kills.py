"""Kills: SIGKILL before every file-system event and at random moments, then the same command again.

After each kill every record that was there must be there, whole; after the last run the folder must hold the bits of an
undisturbed run, and nothing else.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from filelock import FileLock

from .facts import facts
from .material import EVAL, make
from .process import Command, Ended, patience, run
from .report import Report, tree

UNIT, COUNT = "kills", 1000
PATIENCE = 300.0  # seconds that a run may take; machines may be busy
MOST = 4  # kills in a case
REDUCED = {  # protocols that train for a second
    "autoencoder": "epochs=1 mlp_epochs=1 datasets=svhn unlabeled_images=20 labeled_images=20 test_images=4 "
    "batch_size=8 mlp_batch_size=8",
    "superres": "iterations=3 validate_every=2 train_images=4 valid_images=2 size=80 resize=80 residual_blocks=0 "
    "test_per_set=1 factors=4 batch_size=1 test_images=crop",
    "delineation": "epochs=1 k_train=1 k_test=1 width=2 crop=32 size=32 test_tiles=1 batch_size=4",
}


@dataclass(frozen=True)
class Scenario:
    """A command to kill."""

    arguments: tuple[str, ...]  # {ground} and {case} stand for folders
    before: tuple[str, ...] = ()  # an undisturbed run first
    weight: int = 1  # how often it is taken
    shared_cache: bool = False  # with samples, which take long to make


def _training(bench: str, *more: str) -> tuple[str, ...]:
    fields = [word for field in REDUCED[bench].split() for word in ("--set", field)]
    return (*EVAL, "--point", "1", "--bench", bench, "--sample", *fields, *more)


_BAPPS = (*EVAL, "--bench", "bapps", "--data", "{ground}/bapps", "--point", "1", "--point", "3")
_EARLYSTOP = ("resnet6", "--data", "{ground}/classes", "--epochs", "2", "--batch-size", "12",
              "--checkpoint-every", "2", "--ps-data", "{ground}/bapps")  # fmt: skip
_TRAIN = ("earlystop", "train", *_EARLYSTOP, "--output", "{case}/results/run")
SCENARIOS = {
    "eval": Scenario(_BAPPS, weight=4),
    "replace": Scenario((*_BAPPS, "--force"), before=_BAPPS, weight=4),
    "superres": Scenario(_training("superres"), weight=4, shared_cache=True),
    "superres-images": Scenario(
        _training("superres", "--images"), before=_training("superres"), weight=4, shared_cache=True
    ),
    "superres-replace": Scenario(
        _training("superres", "--force"), before=_training("superres"), weight=2, shared_cache=True
    ),
    "autoencoder": Scenario(_training("autoencoder"), weight=1, shared_cache=True),
    "delineation-images": Scenario(_training("delineation", "--images"), weight=2, shared_cache=True),
    "earlystop": Scenario(_TRAIN, weight=2, shared_cache=True),
    "import": Scenario(("data", "import", "bapps", "{ground}/bapps.tar", "--partial"), weight=3),
    "sweep": Scenario(
        ("earlystop", "sweep", "lr", *_EARLYSTOP, "--values", "0.1,0.2", "--output", "{case}/results/sweep"),
        shared_cache=True,
    ),
}
RARELY = {"sweep": 40}  # one in so many of its turns: it starts processes, which are slow to start


def prepare(ground: Path) -> None:
    """Make the material; what a scenario starts from and ends with is made when it is first needed."""
    make(ground)


def cases(seed: int) -> Iterator[str]:
    """Yield cases without end: every event of every scenario first, each once in an order of chance."""
    number = 0
    while True:
        for name, scenario in SCENARIOS.items():
            if number % RARELY.get(name, 1) == 0:
                yield from (f"{name}/{scenario.weight * number + i}" for i in range(scenario.weight))
        number += 1


def attempt(case: str, seed: int, ground: Path, work: Path) -> Report:
    """Kill a command up to four times, then let it end."""
    name, number = case.split("/")
    report = Report(case)
    story = _Story(name, SCENARIOS[name], ground, work, report)
    reference = story.reference(seed)
    if reference is None:
        return report
    story.start(reference.folder / "start")
    chance = random.Random(f"{seed}/{case}")
    order = list(range(1, reference.events + 1))
    random.Random(seed).shuffle(order)
    moment: dict[str, float] = {"kill_at": order[int(number) % len(order)]}
    for _ in range(chance.randint(1, MOST)):
        ended = run(replace(story.command(), **moment))  # type: ignore[arg-type]
        if not ended.killed:
            break
        report.counts["kills"] += 1
        story.check_moment(ended, reference)
        at_event = chance.random() < 0.5
        moment = {"kill_at": chance.randint(1, reference.events)} if at_event else {
            "kill_after": chance.uniform(0, reference.seconds)
        }  # fmt: skip
    story.check_end(run(story.command()), reference)
    return report


@dataclass(frozen=True)
class Reference:
    """An undisturbed run."""

    folder: Path
    events: int
    seconds: float
    facts: dict[str, str]
    tree: list[str]
    records: tuple[str, ...]  # that were there before


@dataclass(frozen=True)
class _Story:
    name: str
    scenario: Scenario
    ground: Path
    folder: Path
    report: Report

    def command(self, arguments: tuple[str, ...] = ()) -> Command:
        folders = {"{ground}": self.ground, "{case}": self.folder}
        words = arguments or self.scenario.arguments
        for sign, folder in folders.items():
            words = tuple(word.replace(sign, str(folder)) for word in words)
        cache = self.ground / "cache" if self.scenario.shared_cache else self.folder / "cache"
        variables = {"LNKIT_CACHE": str(cache), "LNKIT_RESULTS": str(self.folder / "results")}
        return Command(words, self.folder / "work", variables, seconds=PATIENCE, eager=True)

    def start(self, start: Path) -> None:
        shutil.copytree(start, self.folder, dirs_exist_ok=True)

    def reference(self, seed: int) -> Reference | None:
        """Make what the scenario starts from and the undisturbed run, or read them."""
        folder = self.ground / "references" / self.name
        with FileLock(f"{folder}.lock"):  # several cases of a scenario may run at once
            if not (folder / "facts.json").is_file() and not self._make_reference(folder):
                return None
        return _read_reference(folder)

    def _make_reference(self, folder: Path) -> bool:
        for name in ("start", "end"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        story = replace(self, folder=folder / "start")
        shutil.copytree(self.ground / "work", folder / "start" / "work", dirs_exist_ok=True)
        first = [self.scenario.before] if self.scenario.before else []
        whole = replace(self, folder=folder / "end")
        if self.scenario.shared_cache and not first:  # samples are made here, outside of what is counted
            sample = replace(self, folder=folder / "sample")
            sample.start(folder / "start")
            run(sample.command())
        endings: list[Ended] = [run(story.command(words)) for words in first]
        whole.start(folder / "start")
        endings.append(run(whole.command()))
        for ended in endings:
            if ended.code:
                self.report.find("an undisturbed run fails", ended)
                return False
        content = {
            "events": endings[-1].events,
            "seconds": endings[-1].seconds,
            "facts": whole.facts(),
            "tree": whole.tree(),
            "records": sorted(path.parent.name for path in (folder / "start").glob("results/*/result.json")),
        }
        (folder / "facts.json").write_text(json.dumps(content), encoding="utf-8")
        return True

    def facts(self) -> dict[str, str]:
        return facts(self.folder / "results") | facts(self.folder / "cache" / "datasets")

    def tree(self) -> list[str]:
        return [name for name in tree(self.folder) if not name.startswith("work")]

    def check_moment(self, ended: Ended, reference: Reference) -> None:
        """Find records that are missing or damaged after a kill."""
        if ended.orphans:
            self.report.find("processes that it had started live on after a kill", ended)
        folders = (self.folder / "results", self.folder / "results" / "run" / "results")  # the latter of earlystop
        for folder, records in zip(folders, (reference.records, ()), strict=True):
            words = (
                "results",
                "list",
                "--each-seed",
                *("--sample",) * ("--sample" in self.scenario.arguments),
                "--json",
            )
            variables = {"LNKIT_RESULTS": str(folder)}
            listed = run(replace(self.command(words), variables=variables, eager=False, seconds=patience()))
            self.report.judge(listed)
            if listed.code or "Warning" in listed.stderr:
                self.report.find(f"a record cannot be read after a kill before event {ended.events}", listed)
            if lost := [name for name in records if name not in listed.stdout]:
                self.report.find(f"a record is lost after a kill before event {ended.events}: {lost[0]}", ended)

    def check_end(self, ended: Ended, reference: Reference) -> None:
        self.report.judge(ended)
        if ended.code:
            self.report.find("the run after the kills fails", ended)
            return
        found = self.facts()
        for name in sorted(found.keys() | reference.facts.keys()):
            if found.get(name) != reference.facts.get(name):
                self.report.find(f"{name} is not that of an undisturbed run", ended)
        if litter := sorted(set(self.tree()) - set(reference.tree)):
            self.report.find(f"left behind: {', '.join(litter[:5])} ({len(litter)})", ended)


@cache
def _read_reference(folder: Path) -> Reference:
    return Reference(folder, **json.loads((folder / "facts.json").read_text(encoding="utf-8")))
