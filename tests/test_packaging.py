"""What is in the wheel, and a third party's plugin installed with pip beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import lnkit

ROOT = Path(__file__).resolve().parents[1]
BUNDLED = (
    "lnkit_autoencoder",
    "lnkit_bapps",
    "lnkit_delineation",
    "lnkit_invariance",
    "lnkit_superres",
    "lnkit_torchvision",
)
EXAMPLE = ROOT / "examples" / "minimal_plugin"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, made from the source distribution as for a release."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert len(list(folder.glob("*.tar.gz"))) == 1
    (made,) = folder.glob("*.whl")
    return zipfile.ZipFile(made)


def test_every_module_is_in_the_wheel_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    packages = {"lnkit": "src", **dict.fromkeys(BUNDLED, "plugins")}
    sources = {
        file.relative_to(ROOT / place).as_posix()
        for package, place in packages.items()
        for file in (ROOT / place / package).rglob("*.py")
        if "tests" not in file.parts[len(ROOT.parts) :]
    }
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert {name for name in names if name.endswith(".py")} == sources
    others = {name for name in names if not name.endswith(("/README.md", ".py"))}
    templates = (ROOT / "src" / "lnkit" / "scaffold" / "templates").rglob("*.template")
    tables = (ROOT / "src" / "lnkit" / "analysis" / "published" / "data").glob("*.csv")
    assets = (ROOT / "src" / "lnkit" / "report" / "assets").iterdir()
    files = (file.relative_to(ROOT / "src").as_posix() for file in (*templates, *tables, *assets))
    assert others == {f"{package}/py.typed" for package in packages} | set(files)
    assert {name.split("/")[0] for name in names} == set(packages), "no tests, no bench"


def test_metadata(wheel: zipfile.ZipFile) -> None:
    (folder,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    facts = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode())
    assert (facts["Name"], facts["Version"]) == ("lnkit", lnkit.__version__)
    assert facts["License-Expression"] == "Apache-2.0"
    assert b"Apache License" in wheel.read(f"{folder}/licenses/LICENSE")
    assert facts.get_payload() == (ROOT / "README.md").read_text(), "the README is the project's page on PyPI"
    entries = wheel.read(f"{folder}/entry_points.txt").decode().splitlines()
    assert "lnkit = lnkit.cli:main" in entries
    own = {"lnkit_builtins = lnkit.distances.builtin_plugin", *(f"{plugin} = {plugin}" for plugin in BUNDLED)}
    assert own <= set(entries)


def test_the_wheel_runs_alone(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Unpacked somewhere else and first on the path, it finds its plugins and none of this checkout's modules."""
    site = tmp_path / "site"
    wheel.extractall(site)
    code = "import lnkit, lnkit_bapps, lnkit_torchvision as t; print(lnkit.__file__, lnkit_bapps.__file__, t.__file__)"
    files = subprocess.check_output([sys.executable, "-c", code], env=path_first(site), text=True, cwd=tmp_path).split()
    assert all(file.startswith(str(site)) for file in files)
    listed = lnkit_json(site, "plugins")
    assert {one["name"]: one["state"] for one in listed if one["distribution"] == "lnkit"} == dict.fromkeys(
        ("lnkit_builtins", *BUNDLED), "ok"
    )


@pytest.fixture(scope="module")
def with_example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the example plugin."""
    site = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
    command = [sys.executable, "-m", "pip", "install", *options, str(EXAMPLE)]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return site


def test_a_third_partys_plugin_is_listed(with_example: Path) -> None:
    (plugin,) = [one for one in lnkit_json(with_example, "plugins") if one["name"] == "lnkit_minimal"]
    assert (plugin["distribution"], plugin["version"], plugin["state"]) == ("lnkit-minimal", "0.1.0", "ok")
    assert plugin["adds"] == {"backbones": ["edges"], "points": ["edges:fine", "edges:broad"]}
    (backbone,) = [one for one in lnkit_json(with_example, "list-backbones") if one["name"] == "edges"]
    assert backbone["points"] == {"fine": "edges", "broad": "coarse"}


def test_a_third_partys_points(with_example: Path) -> None:
    shown = lnkit_json(with_example, "points", "edges", "--size", "32")
    assert [point["name"] for point in shown["points"]] == ["fine", "broad"]
    outputs = json.dumps(shown["points"])
    assert "[6, 32, 32]" in outputs
    assert "[6, 8, 8]" in outputs


def test_a_third_partys_backbone_is_evaluated(with_example: Path, tmp_path: Path) -> None:
    """Edges tell which of two distorted photographs is the weaker better than chance does."""
    results = ["--results", str(tmp_path / "results")]
    runs = lnkit_json(with_example, "eval", "--backbone", "edges", "--bench", "bapps", "--sample", *results)
    scores = {"+".join(run["key"]["points"]): run["scores"]["2afc"]["value"] for run in runs}
    assert set(scores) == {"fine", "broad"}
    assert all(0.5 < score <= 1.0 for score in scores.values())
    assert {run["key"]["plugins"]["backbone"] for run in runs} == {"lnkit-minimal 0.1.0"}


def test_the_example_is_as_short_as_it_says() -> None:
    lines = (EXAMPLE / "lnkit_minimal.py").read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 25


def path_first(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site)}


def lnkit_json(site: Path, *arguments: str) -> object:
    command = [sys.executable, "-m", "lnkit", *arguments, "--json"]
    done = subprocess.run(command, env=path_first(site), capture_output=True, text=True, check=False, cwd=site)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
