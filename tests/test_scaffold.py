"""New plugin projects install, pass their own tests and lnkit's checks, and their READMEs are right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from fakeplugins import BACKBONE, FakePlugins, fake_plugins

from lnkit.errors import UsageError
from lnkit.plugins.load import load_registry
from lnkit.scaffold import PARTS, Project, normalize_name, plan, write

__all__ = ["fake_plugins"]

NAMES = tuple(part.name for part in PARTS)
KINDS = {**{f"one-{name}": (name,) for name in NAMES}, "of-all": NAMES}  # plugin -> its parts
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "minimal_plugin"
LONGEST = "a-name-that-has-exactly-32-chars"


def project(name: str, *parts: str) -> Project:
    return plan(name, parts or NAMES, load_registry(only=[]))


# Names


@pytest.mark.parametrize(
    ("given", "name"),
    [("mine", "mine"), ("My-Net2", "my-net2"), ("lnkit-mine", "mine"), ("3d", "3d"), (LONGEST, LONGEST)],
)
def test_valid_names(given: str, name: str) -> None:
    assert normalize_name(given) == name


@pytest.mark.parametrize(
    "given", ["", "my_net", "my net", "-mine", "mine-", "a--b", "../up", "<b>", "naïve", "lnkit-", f"{LONGEST}s", "a\n"]
)
def test_invalid_names(given: str) -> None:
    with pytest.raises(UsageError, match="is not a valid plugin name: use up to 32 letters and digits, and hyphens"):
        normalize_name(given)


@pytest.mark.parametrize(
    ("name", "parts", "said"),
    [
        ("all", NAMES, "the word has a meaning"),
        ("torchvision", ("distance",), "lnkit_torchvision is a plugin of lnkit itself"),
        ("vgg16", ("backbone",), "The backbone 'vgg16' exists already, in the plugin lnkit_torchvision"),
        ("style", ("distance",), "The distance 'style' exists already, in the plugin lnkit_builtins"),
        ("bapps", ("benchmark",), "lnkit_bapps is a plugin of lnkit itself"),
        ("late", ("points",), "The point 'squeezenet1_1:late' exists already"),
        ("mine", (), "Choose one or more parts of the plugin: --backbone, --points, --distance, --benchmark"),
    ],
)
def test_refused_plans(name: str, parts: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan(name, parts, load_registry(only=[]))


def test_a_name_of_another_kind_is_free() -> None:
    assert project("vgg16", "distance").module == "lnkit_vgg16"


def test_an_installed_plugin_may_be_written_again(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("lnkit_mine", BACKBONE.format(name="mine"))
    assert plan("mine", ("backbone",), load_registry()).distribution == "lnkit-mine"


# Files


def test_paths_of_the_files() -> None:
    assert set(project("my-net", "distance").files()) == {
        "pyproject.toml",
        "README.md",
        "src/lnkit_my_net/__init__.py",
        "src/lnkit_my_net/distance.py",
        "tests/test_plugin.py",
        "tests/test_distance.py",
    }


def test_each_part_is_short() -> None:
    """At most 25 lines of code without blank lines; a benchmark, at most 55."""
    files = project("mine").files()
    lines = {name: [line for line in files[f"src/lnkit_mine/{name}.py"].splitlines() if line.strip()] for name in NAMES}
    assert {name: len(code) <= (55 if name == "benchmark" else 25) for name, code in lines.items()} == dict.fromkeys(
        NAMES, True
    )


def test_ruff_accepts_every_combination(tmp_path: Path) -> None:
    """With ruff's defaults, whose lines are shorter than this project's, and the longest name."""
    for count in range(1, len(NAMES) + 1):
        for parts in combinations(NAMES, count):
            write(project(LONGEST, *parts), tmp_path / "-".join(parts))
    for command in (["check", "--extend-select", "I", "--config", "src = ['*/src']"], ["format", "--check", "--diff"]):
        done = run_python("-m", "ruff", *command, "--isolated", "--no-cache", ".", folder=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("*/pyproject.toml"))) == 15


def test_an_existing_folder_is_not_changed(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "kept.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists already; nothing was written"):
        write(project("mine"), folder)
    assert [file.name for file in folder.iterdir()] == ["kept.txt"]
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="exists already"):
        write(project("mine"), tmp_path / "link")


def test_a_project_is_written_completely_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Project, "files", lambda _: {"src": "a file", "src/package.py": "in the way of a folder"})
    with pytest.raises(UsageError, match=r"mine cannot be written \(File exists\)"):
        write(project("mine"), tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_appears_only_when_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed half-way leaves no incomplete project under the name."""
    seen: list[bool] = []

    class WatchedFiles(dict[str, str]):
        def items(self) -> Any:
            for item in super().items():
                yield item
                seen.append((tmp_path / "mine").exists())

    monkeypatch.setattr(Project, "files", lambda _: WatchedFiles({"one.py": "", "two.py": ""}))
    write(project("mine"), tmp_path / "mine")
    assert seen == [False, False]
    assert {file.name for file in (tmp_path / "mine").iterdir()} == {"one.py", "two.py"}


def test_parent_folders_are_created(tmp_path: Path) -> None:
    write(project("mine", "points"), tmp_path / "some" / "where")
    assert [file.name for file in (tmp_path / "some").iterdir()] == ["where"]
    assert (tmp_path / "some" / "where" / "src" / "lnkit_mine" / "points.py").is_file()


# Installed


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a project for each part and one with all parts, and install them with pip into ``site``."""
    folder = tmp_path_factory.mktemp("projects")
    for name, parts in KINDS.items():
        write(project(name, *parts), folder / name)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", "site"]
    done = run_python("-m", "pip", "install", *options, *(f"./{name}" for name in KINDS), str(EXAMPLE), folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_they_register_their_parts(projects: Path) -> None:
    listed = {one["name"]: one for one in json.loads(lnkit(projects, "plugins", "--json"))}
    adds = {name: listed[f"lnkit_one_{name}"]["adds"] for name in NAMES}
    assert adds == {
        "backbone": {"backbones": ["one-backbone"], "points": ["one-backbone:early", "one-backbone:late"]},
        "points": {"points": ["squeezenet1_1:one-points"]},
        "distance": {"distances": ["one-distance"]},
        "benchmark": {"benchmarks": ["one-benchmark"]},
    }
    assert set(listed["lnkit_of_all"]["adds"]) == {"backbones", "points", "distances", "benchmarks"}
    assert {listed[f"lnkit_{name.replace('-', '_')}"]["state"] for name in KINDS} == {"ok"}


@pytest.mark.slow
def test_they_pass_their_own_tests(projects: Path) -> None:
    done = run_python("-m", "pytest", "--import-mode=importlib", "-rs", *KINDS, folder=projects, site=projects / "site")
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.slow
def test_they_pass_the_checks(projects: Path) -> None:
    """The plugin of the examples passes too."""
    plugins = [f"lnkit_{name.replace('-', '_')}" for name in KINDS]
    found = json.loads(lnkit(projects, "plugins", "check", *plugins, "lnkit_minimal", "--json"))
    assert {finding["state"] for finding in found} == {"passed"}
    subjects = {finding["subject"] for finding in found if finding["plugin"] == "lnkit_of_all"}
    things = {"backbone of-all", "points of squeezenet1_1", "distance of-all", "benchmark of-all"}
    assert subjects == {"plugin lnkit_of_all", *things}


RUN_ALL = """
import shlex, sys
from lnkit.cli import run

for line in sys.argv[1:]:
    print("$", line, flush=True)
    if code := run(shlex.split(line)[1:]):
        sys.exit(code)
"""


@pytest.mark.slow
def test_the_commands_in_their_readme_run(projects: Path) -> None:
    readme = (projects / "of-all" / "README.md").read_text().splitlines()
    commands = [line for line in readme if line.startswith("lnkit ") and not line.startswith("lnkit plugins check")]
    assert len(commands) == 7
    done = run_python("-c", RUN_ALL, *commands, folder=projects, site=projects / "site")
    assert done.returncode == 0, done.stdout + done.stderr


def lnkit(projects: Path, *arguments: str) -> str:
    """Run lnkit with the projects installed, and return what it printed."""
    done = run_python("-m", "lnkit", *arguments, folder=projects, site=projects / "site")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_python(*arguments: str, folder: Path, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"PYTHONPATH": str(site)} if site else {})}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
