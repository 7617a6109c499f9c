"""`lnkit plugins new` and `lnkit plugins check` on the command line."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from fakeplugins import FakePlugins, fake_plugins
from faulty_plugin import GOOD
from test_lazy_imports import HEAVY, modules_of

from lnkit.cli import run
from lnkit.plugins.load import default_registry
from lnkit.testing import LIMIT

__all__ = ["fake_plugins"]

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _fresh_registry() -> None:
    default_registry.cache_clear()


# The group


@pytest.mark.parametrize("command", [["plugins", "new"], ["plugins", "check"]], ids=" ".join)
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    code, modules = modules_of(*command, "--help")
    assert code == 0
    assert not modules & {*HEAVY, "rich", "pluggy"}


def test_help_lists_both_commands_whole(capsys: Capture) -> None:
    assert run(["plugins", "--help"]) == 0
    commands = capsys.readouterr().out.split("Commands:")[1]
    assert "check  Check everything that an installed plugin adds." in commands
    assert "new    Write a new plugin that works and is yours to change." in commands


def test_options_of_the_listing_do_not_go_before_a_command(capsys: Capture) -> None:
    assert run(["plugins", "--json", "check", "lnkit_builtins"]) == 2
    assert "Give the options of check after it" in capsys.readouterr().err


# check


def test_passed_checks_are_counted(capsys: Capture) -> None:
    assert run(["plugins", "check", "lnkit_builtins"]) == 0
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["subject", "passed", "failed", "skipped"]
    assert ["distance", "style", "8", "-", "-"] in lines
    assert lines[-1] == [str(sum(int(line[-3]) for line in lines[1:-1])), "passed"]
    assert err == ""


def test_faults_are_sentences(fake_plugins: FakePlugins, capsys: Capture) -> None:
    faulty = GOOD.replace("(a - b).square()", "-(a - b).square()").replace("return Network()", "print(1); return 1")
    faulty = faulty.replace("import numpy as np\n", "raise lnkit.UsageError('Ask the authors.')\n")
    fake_plugins.add("faulty", faulty)
    assert run(["plugins", "check", "faulty"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert ["backbone", "probe", "1", "1", "10"] in [line.split() for line in lines]
    (built,) = [line for line in lines if line.startswith("Failed: backbone probe, builds. Backbone probe cannot be")]
    assert "its plugin returned int" in built
    assert not any(line.startswith("Skipped: backbone probe") for line in lines), "which would repeat the failure"
    start = "Skipped: benchmark probe, declared scores, repeated scores, any batch size, network independence. Not che"
    assert any(line.startswith(start) and line.endswith("no sample. Ask the authors.") for line in lines)
    assert any(
        line.startswith("Failed: distance probe, never negative. Expected a distance of 0 or more") for line in lines
    )
    assert lines[-1].endswith(" passed, 2 failed, 14 skipped")


def test_results_as_json(fake_plugins: FakePlugins, capsys: Capture) -> None:
    fake_plugins.add(
        "faulty", GOOD.replace("def open_data(context):\n", "def open_data(context):\n    print('noise')\n")
    )
    assert run(["plugins", "check", "faulty", "lnkit_builtins", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {finding["plugin"] for finding in found} == {"faulty", "lnkit_builtins"}
    assert found[0] == {
        "plugin": "faulty",
        "check": "loads",
        "subject": "plugin faulty",
        "state": "passed",
        "message": "It is installed once, can be imported, and implements only hooks of lnkit.",
        "place": "",
    }


MANY = """
    import lnkit

    def load(pretrained):
        import torch
        return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1))

    @lnkit.hookimpl
    def register_backbone(register):
        for index in range(100):
            register(lnkit.BackboneSpec(f"many/{index:02}", "Fake", load))

    @lnkit.hookimpl
    def register_extraction_points(register):
        for index in range(100):
            register(f"many/{index:02}", lnkit.ExtractionPoint("only", node="0"))
"""


def test_only_some_of_many_backbones_are_checked_with_a_note(fake_plugins: FakePlugins, capsys: Capture) -> None:
    fake_plugins.add("many", MANY)
    assert run(["plugins", "check", "many", "--json"]) == 0
    out, err = capsys.readouterr()
    assert len({finding["subject"] for finding in json.loads(out)}) == 1 + LIMIT
    assert err.startswith("20 of the 100 backbones of many are checked, evenly spread; --limit 0 checks all of them")
    assert run(["plugins", "check", "many", "--only", "many/07", "--json"]) == 0
    out, err = capsys.readouterr()
    assert {finding["subject"] for finding in json.loads(out)} == {"plugin many", "backbone many/07"}
    assert err == ""
    assert run(["-q", "plugins", "check", "many", "--limit", "1"]) == 0
    assert capsys.readouterr().err == ""


def test_the_help_says_how_many_are_checked(capsys: Capture) -> None:
    assert run(["plugins", "check", "--help"]) == 0
    assert f"[default: {LIMIT}]" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent"], "No plugin is called 'absent'; installed are: lnkit_autoencoder, lnkit_bapps"),
        (["lnkit_torchvision", "--only", "vgg61"], "has neither a backbone 'vgg61' nor points for one. Did you mean"),
        ([], "Missing argument 'NAME...'"),
        (["lnkit_bapps", "--limit", "-1"], "-1"),
    ],
)
def test_wrong_usage_of_check(arguments: list[str], said: str, capsys: Capture) -> None:
    assert run(["plugins", "check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


# new


def test_a_project_is_written_without_heavy_imports(tmp_path: Path) -> None:
    code, modules = modules_of("plugins", "new", "mine", "--backbone", "--folder", str(tmp_path / "there"))
    assert code == 0
    assert not modules & {*HEAVY, "rich"}
    assert (tmp_path / "there" / "src" / "lnkit_mine" / "backbone.py").is_file()


def test_the_default_folder_has_the_name_of_the_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["plugins", "new", "My-Net", "--distance", "--points"]) == 0
    out, err = capsys.readouterr()
    assert out == "Written: lnkit-my-net\n"
    assert err == "Next: pip install --editable lnkit-my-net && lnkit plugins check lnkit_my_net\n"
    modules = {file.name for file in (tmp_path / "lnkit-my-net" / "src" / "lnkit_my_net").iterdir()}
    assert modules == {"__init__.py", "distance.py", "points.py"}
    assert run(["plugins", "new", "my-net", "--distance"]) == 2
    assert "lnkit-my-net exists already" in capsys.readouterr().err


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lnkit", "plugins", "new", "mine"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: Choose one or more parts of the plugin: --backbone, --points,")
    assert list(tmp_path.iterdir()) == []


def test_an_invalid_name_is_refused_before_any_question(capsys: Capture) -> None:
    assert run(["plugins", "new", "a_b"]) == 2
    assert "'a_b' is not a valid plugin name" in capsys.readouterr().err


def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "lnkit", "plugins", "new", "mine"]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    os.write(ours, b"n\nn\ny\ny\nhere\n")  # backbone, points, distance, benchmark, folder
    out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err
    assert out == "Written: here\n"
    for question in ("a backbone?", "extraction points?", "a distance?", "a benchmark?"):
        assert f"Include {question} [y/N]" in err
    assert "Folder [lnkit-mine]" in err
    modules = {file.name for file in (tmp_path / "here" / "src" / "lnkit_mine").iterdir()}
    assert modules == {"__init__.py", "distance.py", "benchmark.py"}
