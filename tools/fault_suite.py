"""A selection of tests that judges planted faults, in copies of the project."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Literal

import pytest
from fault_table import Fault
from project_copy import ROOT, copy_project, environment, find_test, require_copy_is_used, source_folders

OWN_TEST = "test_planted_faults.py"  # fails for every fault, since it checks that the texts are there
Judgment = Literal["caught", "missed", "unclear"]
PASSED, FAILED, INTERRUPTED, NONE_SELECTED = 0, 1, 2, 5  # exit codes of pytest; 2 for errors of collection


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a suite makes of a fault."""

    verdict: Judgment
    by: str  # the first test that fails, or why the verdict is unclear
    seconds: float
    whole: bool  # whether the whole suite was run, not the listed files only
    confirmed: bool  # whether the failing test was seen to pass without the fault
    fault: list[str]  # what was planted, and which files were run: another fault is judged anew


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call of pytest ended."""

    code: int | None  # None: it took too long
    failed: tuple[str, ...]  # tests, or test files that could not be collected
    output: str


class Suite:
    """A selection of tests, run in copies of the project that are removed at the end."""

    def __init__(self, arguments: Sequence[str], seconds: float, folder: Path) -> None:
        """Prepare to run.

        Args:
            arguments: further arguments of pytest.
            seconds: after which a call of pytest is stopped.
            folder: for the copies.
        """
        self.arguments, self.seconds, self.folder = tuple(arguments), seconds, folder
        shared = ROOT.parent / "shared"  # real data, which some tests look for beside the project
        if shared.is_dir():
            (folder / "shared").symlink_to(shared)

    @cached_property
    def pristine(self) -> Path:
        """A compiled copy, of which all others are made; nothing runs in it."""
        tree = self.folder / "pristine"
        copy_project(tree)
        subprocess.run([sys.executable, "-m", "compileall", "-q", "src", "plugins"], cwd=tree, check=False)
        return tree

    @cached_property
    def sound(self) -> Path:
        """A copy without a fault."""
        tree = shutil.copytree(self.pristine, self.folder / "sound")
        require_copy_is_used(tree)
        return tree

    def judge(self, fault: Fault, whole: bool) -> Verdict:
        """Plant a fault, and run the listed test files, then the rest of the suite if ``whole``."""
        started = time.monotonic()
        listed = [find_test(self.sound, name) for name in fault.tests]
        selections = [[*listed, "-k", fault.first]] * bool(fault.first) + [listed]
        if whole:
            selections.append([f"--ignore={file}" for file in [*listed, find_test(self.sound, OWN_TEST)]])
        verdict: Judgment = "missed"
        by = ""
        with self._planted(fault) as tree:
            for selection in selections:
                if verdict == "missed":
                    verdict, by = self._run(tree, selection)
        return Verdict(verdict, by, round(time.monotonic() - started, 1), whole, False, identity(fault))

    def confirm(self, verdicts: dict[str, Verdict]) -> None:
        """Run all tests that caught a fault without one; where they fail, the verdict becomes unclear."""
        caught = {name: each for name, each in verdicts.items() if each.verdict == "caught" and not each.confirmed}
        tests = list(dict.fromkeys(each.by for each in caught.values() if "::" in each.by))
        files = list(dict.fromkeys(each.by for each in caught.values() if "::" not in each.by))  # not collected
        failed: set[str] = set()
        for selection in (tests, ["--collect-only", *files] if files else []):
            if selection:
                outcome = self._pytest(self.sound, [*self.arguments, *selection])
                if outcome.code not in (0, FAILED, INTERRUPTED):
                    raise SystemExit(f"The tests without a fault ended with {outcome.code}: {outcome.output[-1000:]}")
                failed |= set(outcome.failed)
        for name, each in caught.items():
            verdicts[name] = (
                replace(each, verdict="unclear", by=f"{each.by} fails without the fault, too")
                if each.by in failed
                else replace(each, confirmed=True)
            )

    @contextmanager
    def _planted(self, fault: Fault) -> Iterator[Path]:
        """Make a copy of its own for each fault, so that no compiled file of another one is used."""
        tree = shutil.copytree(self.pristine, self.folder / "planted")
        fault.plant(tree)
        try:
            yield tree
        finally:
            shutil.rmtree(tree)

    def _run(self, tree: Path, selection: Sequence[str]) -> tuple[Judgment, str]:
        outcome = self._pytest(tree, ["-x", *self.arguments, *selection])
        if outcome.code in (PASSED, NONE_SELECTED):
            return "missed", ""
        if outcome.code is None:
            return "unclear", f"no end within {self.seconds:g} s"
        if outcome.code not in (FAILED, INTERRUPTED) or not outcome.failed:
            return "unclear", f"pytest ended with {outcome.code}: {outcome.output.strip()[-300:]}"
        return "caught", outcome.failed[0]

    def _pytest(self, tree: Path, arguments: Sequence[str]) -> Outcome:
        failed, log = self.folder / "failed.txt", self.folder / "output.txt"
        failed.write_text("", encoding="utf-8")
        fixed = ["-q", "-p", "no:randomly", *(["-n", "0"] if find_spec("xdist") else [])]
        basetemp = f"--basetemp={self.folder / 'temporary'}"
        code = fork(lambda: run_pytest(tree, [*fixed, basetemp, *arguments], failed, log), self.seconds)
        tests = failed.read_text(encoding="utf-8").splitlines()
        return Outcome(code, tuple(tests), log.read_text(encoding="utf-8", errors="replace"))


def identity(fault: Fault) -> list[str]:
    return [fault.file, fault.text, fault.fault, *fault.tests]


def fork(call: Callable[[], int], seconds: float) -> int | None:
    """Call a function in a process of its own and return what it returns; None if it took too long.

    All of its child processes are stopped then.
    """
    sys.stdout.flush()
    process = os.fork()
    if not process:
        os._exit(call())
    until = time.monotonic() + seconds
    code = None
    try:
        while code is None and time.monotonic() < until:
            done, status = os.waitpid(process, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if done else None
            time.sleep(0 if done else 0.05)
    finally:
        if code is None:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
    return code


def run_pytest(tree: Path, arguments: Sequence[str], failed: Path, log: Path) -> int:
    """Turn this process into one that runs pytest in a copy, as ``python -m pytest`` there does; return its exit code.

    Args:
        tree: the copy.
        arguments: of pytest.
        failed: file for the names of failing tests.
        log: file for the output.
    """
    try:
        os.setsid()
        sys.modules["__main__"] = ModuleType("__main__")  # processes that multiprocessing spawns would import ours
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        os.chdir(tree)
        os.environ.update(environment(tree))
        sys.path[:0] = [str(tree), *map(str, source_folders(tree))]
        return int(pytest.main(list(arguments), plugins=[_Reporter(failed)]))
    except BaseException:
        traceback.print_exc()
        return 3
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


class _Reporter:
    """Appends the names of failing tests, and of files that cannot be collected, to a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._write(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._write(report)

    def _write(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(f"{report.nodeid}\n")
