"""Runs what a page of the documentation shows, in its order, and hands back what was printed.

`console` blocks hold commands behind ``$``, each with the lines that it prints, `python` blocks go to one interpreter
for the whole page, and a block whose title is a file name is a file to be written. A `text` block titled "Output" is
what the Python block before it prints. A title that begins with "Needs" keeps a block from being run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

from warm_process import Environment, WarmProcess

FENCE = re.compile(r"^( *)```(\w*)([^\n]*)\n(.*?)^\1```\s*$", re.DOTALL | re.MULTILINE)
TITLE = re.compile(r'title="([^"]+)"')
FILE = re.compile(r"[\w./-]+\.(md|py|sh|toml|txt)")
NEEDS = "Needs "
OUTPUT = "Output"
SECONDS = 600  # until a command is given up

HASH = re.compile(r"\b[0-9a-f]{8,}\b")
NUMBER = re.compile(r"(?<![\d.])[+-]?\d+\.\d{4}(?!\d)")
TOLERANCE = 0.03  # of a score on the sample: its JPEGs differ a little between versions of Pillow
BUSY = re.compile(r"^Plugin '\w+' takes .* s (in|when) .*\n", re.MULTILINE)  # said where the machine is busy elsewhere
COLOR = re.compile(r"\x1b\[[\d;]*m")  # of tools that color what they print into a file, too
SHELL = re.compile(r"[|&;<>$`*?~(){}\\#!\n]")  # what only a shell understands
ANYTHING = "..."  # on a line of its own for any lines, within one for any text

INTERPRETER = """
import contextlib, io, json, sys, traceback
names = {"__name__": "__main__"}
for line in sys.stdin:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(json.loads(line), "<page>", "exec"), names)
            failed = False
        except Exception:
            traceback.print_exc(file=said)
            failed = True
    print(json.dumps([failed, said.getvalue()]), flush=True)
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str
    text: str

    @property
    def runs(self) -> bool:
        return self.language in ("console", "python") and not self.title.startswith(NEEDS)

    @property
    def file(self) -> str:
        return self.title if FILE.fullmatch(self.title) else ""


@dataclass(frozen=True)
class Step:
    """Something that was run, what the page says that it prints, and what it printed."""

    what: str
    shown: str
    printed: str
    failed: bool

    @property
    def problem(self) -> str:
        """What is not as the page says; nothing if all is. A command fails only where the page shows how."""
        if self.failed and not re.search("^(Error|Failed): ", self.shown, re.MULTILINE):
            return f"failed:\n{self.printed}"
        return difference(self.shown, self.printed) if self.shown else ""


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in its order."""
    return [
        Block(language, title[1] if (title := TITLE.search(rest)) else "", dedent(text))
        for _, language, rest, text in FENCE.findall(page)
    ]


def difference(shown: str, printed: str) -> str:
    """Say where what was printed is not what is shown; hashes, last digits and widths of columns do not matter."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    found = re.fullmatch("".join(map(_pattern, shown.splitlines())), "".join(f"{line}\n" for line in lines))
    if found is None:
        return f"shown:\n{shown}\nprinted:\n{printed}"
    pairs = zip(NUMBER.findall(shown), found.groups(), strict=True)
    apart = [
        f"{stands} is shown, {came} was printed"
        for stands, came in pairs
        if abs(float(stands) - float(came)) > TOLERANCE
    ]
    return "; ".join(apart)


def _pattern(line: str) -> str:
    """A pattern for what may be printed where a page shows ``line``."""
    if line.strip() == ANYTHING:
        return r"(?:.*\n)*?"
    text = NUMBER.sub("\0", HASH.sub("\1", " ".join(line.split())))
    text = re.escape(text).replace(re.escape(ANYTHING), ".*")
    return text.replace("\0", r"([+-]?\d+\.\d{4})").replace("\1", "[0-9a-f]+") + r"\n"


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a `console` block, and the lines under each."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    if parts[0].strip():
        raise ValueError(f"A console block begins with a command behind '$ ': {block.text:.80}")
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts[1:]]


class Reader:
    """Somebody who follows a page in a folder and an environment of their own, in which they may install things."""

    def __init__(self, folder: Path, warm: WarmProcess | None = None) -> None:
        """With a warm process, plain commands of lnkit are its children; without, each is a process of its own."""
        self.folder = folder / "work"
        self.folder.mkdir(parents=True)
        self.environment = _environment(folder / "venv")
        self._warm = warm
        self._python: subprocess.Popen[str] | None = None

    def follow(self, page: str) -> Iterator[Step]:
        """Do what the page says, block by block."""
        found = blocks(page)
        for block, after in pairwise([*found, None]):
            if block.file:
                self._write(block)
            elif block.runs and block.language == "console":
                yield from (self._command(command, shown) for command, shown in commands(block))
            elif block.runs:
                yield self._run_python(block.text, after.text if after and after.title == OUTPUT else "")

    def close(self) -> None:
        if self._python is not None:
            self._python.communicate(timeout=SECONDS)

    def _write(self, block: Block) -> None:
        file = self.folder / block.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")

    def _command(self, command: str, shown: str) -> Step:
        words = [] if SHELL.search(command) else shlex.split(command)
        if self._warm is not None and words[:1] == ["lnkit"]:
            done = self._warm.lnkit(words[1:], self.folder, self.environment, together=True, seconds=SECONDS)
        else:
            done = self._in_shell(command)
        return Step(command, shown, BUSY.sub("", COLOR.sub("", done.stdout)), done.returncode != 0)

    def _in_shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def _run_python(self, code: str, shown: str) -> Step:
        if self._python is None:
            self._python = subprocess.Popen(
                ["python", "-c", INTERPRETER],
                cwd=self.folder,
                env=self.environment.variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        self._python.stdin.write(json.dumps(code) + "\n")
        self._python.stdin.flush()
        failed, printed = json.loads(self._python.stdout.readline())
        return Step(code, shown, printed, failed)


def _environment(venv: Path) -> Environment:
    """A virtual environment that has all that this one has, and takes what pip installs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)}))
    (site / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for script, call in {"lnkit": "lnkit.cli:main", "pip": "pip._internal.cli.main:main"}.items():
        module, _, function = call.partition(":")
        file = venv / "bin" / script
        file.write_text(f"#!{venv}/bin/python\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
        file.chmod(0o755)
    ours = {name: value for name, value in os.environ.items() if name != "LNKIT_RESULTS"}
    # What a plugin needs to be built and run is here already, and nothing is fetched.
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "1"}
    path = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return Environment(venv, site, {**ours, **pip, "PATH": path, "VIRTUAL_ENV": str(venv)})
