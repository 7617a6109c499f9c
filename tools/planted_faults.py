"""Plant faults into a copy of the project, one at a time, and say which test notices each.

A suite that became faster lost no guard if it still catches every fault that the old suite caught. The faults are in
``planted_faults.toml`` beside this file::

    python tools/planted_faults.py --list
    python tools/planted_faults.py results/quick                           # what `pytest` selects
    python tools/planted_faults.py results/all --suite='-m ""'             # with further arguments of pytest
    python tools/planted_faults.py --compare results/quick results/all

The test files that the table lists are run first; ``--whole`` runs the others where these catch nothing. A fault counts
as caught only if the failing test passes without it, which is tried at the end. The same command goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib import import_module
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_suffix(".toml")
OWN_TEST = "test_planted_faults.py"  # fails for every fault, since it checks that the texts are there
VERDICTS = "verdicts.json"
SECONDS = 1200.0  # for one call of pytest
Judgment = Literal["caught", "missed", "unclear"]
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PASSED, FAILED, INTERRUPTED, NONE_SELECTED = 0, 1, 2, 5  # exit codes of pytest; 2 for errors of collection

# Imported once for all calls of pytest, which are forks of this process. No package of this project may be among them.
WARM = ("numpy", "pandas", "PIL.Image", "scipy.stats", "skimage", "altair", "torch", "torchvision")


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


def load_faults(table: Path = TABLE) -> tuple[Fault, ...]:
    """Read the table of faults."""
    rows = tomllib.loads(table.read_text(encoding="utf-8"))["fault"]
    return tuple(Fault(**{**row, "tests": tuple(row["tests"])}) for row in rows)


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


def copy_project(target: Path) -> None:
    """Copy the files that git knows or would add."""
    listing = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def source_folders(tree: Path) -> list[Path]:
    """Return the folders from which the packages of the project are imported."""
    return [tree / "src", tree / "plugins", *sorted(tree.glob("plugins/*/src"))]


def require_copy_is_used(tree: Path) -> None:
    """Refuse to go on where another installation of a package is imported instead of the copy, in any process."""
    packages = [path.parent.name for folder in source_folders(tree) for path in folder.glob("*/__init__.py")]
    code = f"import {', '.join(packages)}; print(*[m.__file__ for m in ({', '.join(packages)},)], sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        env=os.environ | environment(tree),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    elsewhere = [line for line in done.stdout.splitlines() if not Path(line).is_relative_to(tree)]
    if done.returncode or elsewhere:
        raise SystemExit(f"Expected the packages to be imported from the copy in {tree}, got:\n{done.stdout}")


def environment(tree: Path) -> dict[str, str]:
    """Return the variables with which processes use the packages of a copy, in one thread."""
    path = os.pathsep.join(map(str, source_folders(tree)))
    return {"PYTHONPATH": path, **THREADS}


def find_test(tree: Path, name: str) -> str:
    """Return the path of a test file, relative to the project, wherever it lies."""
    paths = [path for folder in ("tests", "plugins") for path in sorted((tree / folder).rglob(name))]
    if len(paths) != 1:
        raise SystemExit(f"Expected one test file {name} in tests/ and plugins/, got {len(paths)}.")
    return paths[0].relative_to(tree).as_posix()


def identity(fault: Fault) -> list[str]:
    return [fault.file, fault.text, fault.fault, *fault.tests]


def judge_all(faults: Sequence[Fault], folder: Path, suite: Suite, whole: bool) -> dict[str, Verdict]:
    """Judge faults and write each verdict at once; those in ``folder`` are not judged again.

    Args:
        faults: to judge.
        folder: for the verdicts of one suite.
        suite: to run.
        whole: run the whole suite where the listed files catch nothing.
    """
    verdicts = read_verdicts(folder, suite.arguments)
    for number, fault in enumerate(faults, start=1):
        known = verdicts.get(fault.id)
        if known is None or known.fault != identity(fault) or (whole and not known.whole and known.verdict == "missed"):
            known = verdicts[fault.id] = suite.judge(fault, whole)
            write_verdicts(folder, suite.arguments, verdicts)
        print(f"{number}/{len(faults)} {fault.id}: {describe(known)} ({known.seconds:.0f} s)", flush=True)
    suite.confirm(verdicts)
    write_verdicts(folder, suite.arguments, verdicts)
    return {fault.id: verdicts[fault.id] for fault in faults}


def write_verdicts(folder: Path, arguments: Sequence[str], verdicts: Mapping[str, Verdict]) -> None:
    content = {"suite": list(arguments), "verdicts": {name: asdict(each) for name, each in verdicts.items()}}
    (folder / VERDICTS).write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_verdicts(folder: Path, arguments: Sequence[str] | None = None) -> dict[str, Verdict]:
    """Return the verdicts in a folder; refuse those of a suite with other arguments, if some are given."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / VERDICTS
    if not file.is_file():
        return {}
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if arguments is not None and content["suite"] != list(arguments):
        raise SystemExit(f"{file} is of the suite {content['suite']}, not {list(arguments)}: name another folder.")
    return {name: Verdict(**fields) for name, fields in content["verdicts"].items()}


def describe(verdict: Verdict) -> str:
    return f"{verdict.verdict} by {verdict.by}" if verdict.verdict == "caught" else f"{verdict.verdict} {verdict.by}"


def print_comparison(folders: Sequence[Path], faults: Sequence[Fault]) -> None:
    """Print a table in Markdown: what each suite makes of each fault."""
    suites = [read_verdicts(folder) for folder in folders]
    print("| fault | " + " | ".join(folder.name for folder in folders) + " |")
    print("| --- " * (len(folders) + 1) + "|")
    for fault in faults:
        cells = [describe(suite[fault.id]).rstrip() if fault.id in suite else "" for suite in suites]
        print(f"| {fault.id}: {fault.does} | " + " | ".join(cells) + " |")


def chosen(ids: Sequence[str]) -> tuple[Fault, ...]:
    """Return the faults of these ids, or all."""
    faults = load_faults()
    if unknown := set(ids) - {fault.id for fault in faults}:
        raise SystemExit(f"There is no fault {min(unknown)!r}; --list shows all.")
    return tuple(fault for fault in faults if not ids or fault.id in ids)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="folder for the verdicts of this suite")
    parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="judge these faults only")
    parser.add_argument(
        "--suite", default="", metavar="ARGUMENTS", help="""further arguments of pytest: --suite='-m ""'"""
    )
    parser.add_argument("--whole", action="store_true", help="run all tests where the listed files catch nothing")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="after which a call of pytest is stopped")
    parser.add_argument("--list", action="store_true", help="list the faults")
    parser.add_argument("--compare", nargs="+", type=Path, metavar="FOLDER", help="print the verdicts in these folders")
    arguments = parser.parse_args()
    faults = chosen(arguments.only)
    if arguments.list:
        print("\n".join(f"{fault.room}: {fault.id}: {fault.does}" for fault in faults))
        return 0
    if arguments.compare:
        print_comparison(arguments.compare, faults)
        return 0
    if arguments.folder is None:
        parser.error("name a folder for the verdicts")
    os.environ.update(THREADS)  # before torch is imported
    for name in WARM:
        with suppress(ImportError):
            import_module(name)
    with tempfile.TemporaryDirectory(prefix="planted-") as copies:
        suite = Suite(shlex.split(arguments.suite), arguments.seconds, Path(copies))
        verdicts = judge_all(faults, arguments.folder, suite, arguments.whole)
    left = [name for name, verdict in verdicts.items() if verdict.verdict != "caught"]
    print(f"{len(verdicts) - len(left)} of {len(verdicts)} faults are caught.", *left, sep="\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
