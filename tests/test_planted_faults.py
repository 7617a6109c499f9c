"""The table of planted faults fits the code, and the tool that plants them says which test notices one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import fault_suite
import pytest
from fault_suite import OWN_TEST, Suite, Verdict, identity
from fault_table import Fault, chosen, load_faults
from planted_faults import judge_all
from project_copy import ROOT, find_test

FAULTS = load_faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_has_one_place_and_a_guard(fault: Fault) -> None:
    assert (ROOT / fault.file).read_text(encoding="utf-8").count(fault.text) == 1
    assert fault.text != fault.fault
    assert fault.does
    assert fault.tests
    assert all((ROOT / find_test(ROOT, name)).is_file() for name in fault.tests)


def test_there_are_enough_faults_and_each_has_its_own_name() -> None:
    assert len({fault.id for fault in FAULTS}) == len(FAULTS) >= 40
    assert len({(fault.file, fault.text, fault.fault) for fault in FAULTS}) == len(FAULTS)


def test_every_room_has_a_fault() -> None:
    packages = {path.parent.name for path in (ROOT / "src" / "lnkit").glob("*/__init__.py")}
    plugins = {path.name for path in (ROOT / "plugins").iterdir() if path.name.startswith("lnkit")}
    assert {fault.room for fault in FAULTS} == {"lnkit", *packages, *plugins}


def test_an_unknown_fault_is_named() -> None:
    with pytest.raises(SystemExit, match="no fault 'missing'"):
        chosen(["missing", FAULTS[0].id])


TINY = {
    "src/tiny/__init__.py": "def twice(x):\n    return 2 * x\n\n\ndef half(x):\n    return x / 2\n",
    "tests/test_child.py": (  # the code of the copy is used in child processes too
        "import subprocess, sys\n\n"
        "def test_twice():\n"
        "    code = 'from tiny import twice; print(twice(3))'\n"
        "    assert subprocess.check_output([sys.executable, '-c', code], text=True) == '6\\n'\n"
    ),
    "tests/test_other.py": "from tiny import half\n\ndef test_half():\n    assert half(4) == 2\n",
    "tests/test_broken.py": "def test_broken():\n    assert False\n",
    f"tests/{OWN_TEST}": "def test_always_fails():\n    assert False\n",
}


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """The tests of a tiny project."""
    root = tmp_path / "project"
    for name, text in TINY.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(fault_suite, "ROOT", root)
    monkeypatch.setattr(fault_suite, "copy_project", lambda target: shutil.copytree(root, target))
    (tmp_path / "copies").mkdir()
    return Suite(["--deselect", "tests/test_broken.py"], 60, tmp_path / "copies")


def plant(text: str, fault: str, *tests: str) -> Fault:
    return Fault("tiny", "src/tiny/__init__.py", text, fault, "a wrong number", tests)


def test_the_first_failing_test_is_named(suite: Suite, tmp_path: Path) -> None:
    by_child = suite.judge(plant("2 * x", "3 * x", "test_child.py"), whole=False)
    assert (by_child.verdict, by_child.by) == ("caught", "tests/test_child.py::test_twice")
    by_no_listed = plant("x / 2", "x / 3", "test_child.py")
    assert suite.judge(by_no_listed, whole=False).verdict == "missed"
    by_other = suite.judge(by_no_listed, whole=True)
    assert (by_other.verdict, by_other.by) == ("caught", "tests/test_other.py::test_half")
    assert not (tmp_path / "copies" / "planted").exists()
    assert (tmp_path / "project" / "src/tiny/__init__.py").read_text() == TINY["src/tiny/__init__.py"]


def test_a_test_that_fails_anyway_catches_nothing(suite: Suite, tmp_path: Path) -> None:
    suite.arguments = ()
    faults = [plant("x / 2", "x / 3", "test_broken.py"), replace(plant("2 *", "3 *", "test_child.py"), id="good")]
    unclear, caught = judge_all(faults, tmp_path / "verdicts", suite, whole=False).values()
    assert (unclear.verdict, unclear.by) == (
        "unclear",
        "tests/test_broken.py::test_broken fails without the fault, too",
    )
    assert (caught.verdict, caught.confirmed) == ("caught", True)


def test_the_same_command_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def judge(self: Suite, fault: Fault, whole: bool) -> Verdict:
        asked.append((fault.id, whole))
        return Verdict("missed", "", 1.0, whole, False, identity(fault))

    monkeypatch.setattr(Suite, "judge", judge)
    (tmp_path / "copies").mkdir()
    suite, folder = Suite(["-k", "x"], 60, tmp_path / "copies"), tmp_path / "verdicts"
    (first, second, *_), changed = FAULTS, replace(FAULTS[1], tests=("test_other.py",))
    judge_all([first], folder, suite, whole=False)
    judge_all([first, second], folder, suite, whole=False)
    judge_all([first, changed], folder, suite, whole=False)
    assert asked == [(first.id, False), (second.id, False), (second.id, False)]
    judge_all([first], folder, suite, whole=True)
    judge_all([first], folder, suite, whole=True)
    assert asked[3:] == [(first.id, True)]
    with pytest.raises(SystemExit, match="name another folder"):
        judge_all([first], folder, Suite([], 60, tmp_path), whole=False)
