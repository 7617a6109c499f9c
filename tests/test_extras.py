"""Packages of the extras: what goes on without them, and what refuses with a sentence, in processes without them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lnkit import extras

ROOT = Path(__file__).resolve().parents[1]
OPTIONAL = ("altair", "vl_convert", "onnxruntime", "onnx", "onnxscript", "lpips", "pyarrow", "tensorboard")
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({OPTIONAL!r}))\n"
COMMANDS = WITHOUT + "from lnkit.cli import run; sys.exit(max(run(command.split()) for command in sys.argv[1:]))"
TRAINING = (
    WITHOUT
    + """
import toytraining
from pathlib import Path
toytraining.SilentProgress.say = lambda self, sentence: print(sentence)
print(*toytraining.train(Path(sys.argv[1]) / "toy", iterations=2).files)
"""
)
DRAWING = WITHOUT + "import lnkit.report; lnkit.report.ranks"


def run_without(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that has none of the optional packages."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parent)])}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


@pytest.mark.parametrize("extra", ["onnx", "plot", "ray", "slurm"])
def test_an_extra_installs_the_packages_that_are_looked_for(extra: str) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    names = {re.split("[<>=~!]", requirement)[0] for requirement in declared[extra]}
    assert names == set(getattr(extras, extra.upper()).values())


def test_the_sentence_names_what_is_missing() -> None:
    absent = {"absent_one": "absent-one", "absent_two": "absent-two"}
    assert extras.missing("plot", {"sys": "python"}) == ""
    assert extras.missing("plot", {"sys": "python", "absent_one": "absent-one"}) == (
        "the package absent-one (pip install 'lnkit[plot]')"
    )
    assert "the packages absent-one, absent-two (" in extras.missing("plot", absent)


def test_commands_that_need_none(tmp_path: Path) -> None:
    commands = [
        "--help",
        "list-backbones --family VGG",
        "list-benchmarks",
        "list-distances",
        "plugins",
        "plot --list",
        "published list",
        "recommend --task superres",
        "analyze ranks --from published",
        "reproduce",
        "points squeezenet1_1",
        "attributes squeezenet1_1",
        "eval --backbone pixel --point all --bench bapps --sample",
    ]
    done = run_without(COMMANDS, tmp_path, *commands)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["plot ranks --from published --output ranks.svg", "report --from published"])
def test_a_command_that_draws_says_what_it_needs(command: str, tmp_path: Path) -> None:
    done = run_without(COMMANDS, tmp_path, command)
    sentence = "A figure needs the packages altair, vl-convert-python (pip install 'lnkit[plot]')."
    assert (done.returncode, done.stdout, done.stderr.strip()) == (2, "", f"Error: {sentence}")
    assert not list(tmp_path.iterdir())


def test_a_figure_in_python_says_what_it_needs(tmp_path: Path) -> None:
    done = run_without(DRAWING, tmp_path)
    assert "UsageError: A figure needs the packages altair" in done.stderr


def test_a_training_goes_on_and_says_that_it_drew_no_curves(tmp_path: Path) -> None:
    done = run_without(TRAINING, tmp_path, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Drawing curves of a toy needs the packages altair, vl-convert-python (pip install 'lnkit[plot]'); "
        "log.csv has their values.",
        "toy/log.csv toy/network.safetensors toy/training.json",
    ]
