"""All distributions have one version, that of src/lnkit/_version.py, and each wheel can be built from its sdist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "lnkit" / "_version.py"
DISTRIBUTIONS = [ROOT, *sorted((ROOT / "plugins").glob("lnkit-*"))]
NAMES = ["lnkit", *(folder.name for folder in DISTRIBUTIONS[1:])]


def test_every_distribution_reads_the_one_version() -> None:
    for folder in DISTRIBUTIONS:
        content = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        assert "version" not in content["project"], folder
        assert content["project"]["dynamic"] == ["version"], folder
        assert (folder / content["tool"]["hatch"]["version"]["path"]).resolve() == SOURCE, folder


def test_no_other_module_holds_a_version() -> None:
    modules = [file for folder in ("src", "plugins") for file in (ROOT / folder).rglob("*.py")]
    assigned = re.compile(r"^__version__\s*=", re.MULTILINE)
    assert [file for file in modules if assigned.search(file.read_text(encoding="utf-8"))] == [SOURCE]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_changed_version_reaches_the_wheel_through_the_sdist(name: str, tmp_path: Path) -> None:
    """`build` makes the wheel from the unpacked sdist alone, where lnkit's source is not beside a plugin's."""
    tree = tmp_path / "tree"
    for part in ("src", "plugins"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tree)
    (tree / SOURCE.relative_to(ROOT)).write_text('__version__ = "98.7.6"\n', encoding="utf-8")
    folder = tree if name == "lnkit" else tree / "plugins" / name

    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(folder)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)

    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = (tmp_path / "dist").glob("*.whl")
    wheel = zipfile.ZipFile(made)
    (metadata,) = [file for file in wheel.namelist() if file.endswith(".dist-info/METADATA")]
    facts = Parser().parsestr(wheel.read(metadata).decode())
    assert (facts["Name"], facts["Version"]) == (name, "98.7.6")
    packages = {file.split("/")[0] for file in wheel.namelist() if ".dist-info/" not in file}
    assert {f"{package}/py.typed" for package in packages} <= set(wheel.namelist()), "types of every package count"
