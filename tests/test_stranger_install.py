"""The lowest versions that all distributions allow, as the check of an installation takes them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from stranger_install import Check, lowest_versions

PROJECT = """
[project]
name = "{name}"
dependencies = {dependencies}
[project.optional-dependencies]
more = {more}
"""


def project(folder: Path, name: str, dependencies: list[str], more: tuple[str, ...] = ()) -> Path:
    place = folder / name
    place.mkdir()
    text = PROJECT.format(name=name, dependencies=dependencies, more=list(more))
    (place / "pyproject.toml").write_text(text, encoding="utf-8")
    return place


def test_the_highest_of_the_lower_bounds_is_taken(tmp_path: Path) -> None:
    core = project(tmp_path, "core", ["torch>=2.6", "scipy>=1.9"], ("altair>=5.5",))
    plugin = project(tmp_path, "plugin", ["core[more]>=0.1", "core", "scipy>=1.13", "weights==0.0.2"])
    assert lowest_versions([core, plugin]) == {"torch": "2.6", "scipy": "1.13", "altair": "5.5", "weights": "0.0.2"}


def test_a_package_without_a_lower_bound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'torch<3' of core"):
        lowest_versions([project(tmp_path, "core", ["torch<3"])])


def test_a_failed_step_is_counted_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check = Check(tmp_path)
    assert check.run([sys.executable, "-c", "pass"], "nothing")
    assert not check.run([sys.executable, "-c", "raise SystemExit('a reason')"], "something")
    out = capsys.readouterr().out
    assert check.failed == 1
    assert out.splitlines()[0].startswith("ok ")
    assert "FAILED" in out
    assert "a reason" in out


def test_the_environment_has_nothing_of_lnkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("LNKIT_PLUGINS", "mine")
    environment = Check(tmp_path).environment
    assert not {"PYTHONPATH", "LNKIT_PLUGINS"} & set(environment)
    assert environment["LNKIT_CACHE"].startswith(str(tmp_path))
