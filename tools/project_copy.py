"""Copies of the project in which tests run, and processes that use the copy instead of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


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
