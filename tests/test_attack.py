"""The attacks in ``tools/attack`` find nothing: a case of each kind here, more with ``make test-all``, all by hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FEW = {"kills": 3, "inputs": 40, "plugins": 3, "records": 2, "concurrency": 6}
MORE = {"kills": 40, "inputs": 600, "plugins": 25, "records": 15, "concurrency": 18}


def attack(name: str, count: int, folder: Path) -> None:
    """Run an attack, and fail with what it found."""
    command = [
        sys.executable,
        "-m",
        "tools.attack",
        name,
        "--count",
        str(count),
        "--jobs",
        "1",
        "--output",
        str(folder),
    ]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("LNKIT_")}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=variables, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + (folder / name / "findings.txt").read_text()
    tried = re.search(rf"([\d,]+) {name if name != 'concurrency' else 'processes'}", done.stdout)
    assert tried is not None, done.stdout
    assert int(tried[1].replace(",", "")) >= count


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), FEW.items())
def test_finds_nothing(name: str, count: int, tmp_path: Path) -> None:
    attack(name, count, tmp_path)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "count"), MORE.items())
def test_finds_nothing_in_many_cases(name: str, count: int, tmp_path: Path) -> None:
    attack(name, count, tmp_path)
