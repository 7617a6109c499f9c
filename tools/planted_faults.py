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
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from fault_suite import Suite, Verdict, identity
from fault_table import Fault, chosen
from project_copy import THREADS

VERDICTS = "verdicts.json"
SECONDS = 1200.0  # for one call of pytest

# Imported once for all calls of pytest, which are forks of this process. No package of this project may be among them.
WARM = ("numpy", "pandas", "PIL.Image", "scipy.stats", "skimage", "altair", "torch", "torchvision")


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
