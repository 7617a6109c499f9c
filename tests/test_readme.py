"""The outputs in the README are those of its commands, run in their order."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"
HASH = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{8,}\b")
NUMBER = re.compile(r"\d+\.\d{4}")
TOLERANCE = 0.03  # of a score on the sample: its JPEGs differ a little between versions of Pillow


def shown() -> list[tuple[str, list[str]]]:
    """Return the commands of the README's console blocks, each with the lines below it."""
    blocks = re.findall(r"```console\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return [(block.splitlines()[0].removeprefix("$ "), block.splitlines()[1:]) for block in blocks]


def form(line: str) -> str:
    """Return the line without digests, scores and column widths, which may differ between machines."""
    return " ".join(NUMBER.sub("#", HASH.sub("@", line)).split())


@pytest.mark.slow
def test_commands_print_what_the_readme_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LNKIT_RESULTS")  # the README's reader has not set it
    pytest.importorskip("lnkit_timm", reason="the README's environment has the timm plugin")
    assert len(shown()) >= 3
    for command, expected in shown():
        words = shlex.split(command)
        assert words[0] == "lnkit"
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr
        printed = done.stdout.splitlines()
        if expected[-1] == "...":
            expected = expected[:-1]
            assert len(printed) > len(expected)
            printed = printed[: len(expected)]
        assert [form(line) for line in printed] == [form(line) for line in expected], command
        for came, stands in zip(printed, expected, strict=True):
            assert list(map(float, NUMBER.findall(came))) == pytest.approx(
                list(map(float, NUMBER.findall(stands))), abs=TOLERANCE
            ), command
