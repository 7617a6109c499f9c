"""Many commands, one after the other, in one forked child; the next child begins after one that hung or died."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from .process import Command, Ended, enter, redirect
from .report import PROGRAM


def run_series(commands: Sequence[Command]) -> Iterator[Ended]:
    """Yield how each command ended; they share a folder and variables."""
    left = list(commands)
    while left:
        for ended in _run_child(list(left)):
            yield ended
            left.pop(0)


def _run_child(commands: Sequence[Command]) -> Iterator[Ended]:
    """Yield how the commands of one child ended, up to the first that hung or ended the child."""
    with TemporaryDirectory() as name:
        folder, (reader, writer) = Path(name), os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _be(commands, folder, writer)
        os.close(writer)
        try:
            for number, command in enumerate(commands):
                start = time.monotonic()
                ready = select.select([reader], [], [], command.seconds)[0]
                line = os.read(reader, 100) if ready else b""
                seconds = time.monotonic() - start
                code = json.loads(line) if line else _end(child, bool(ready))
                texts = [_text(folder / f"{stream}{number}") for stream in ("out", "err")]
                yield Ended(command, code, texts[0], texts[1], seconds, 0, not ready)
                if not line:
                    return
        finally:
            os.close(reader)
            _end(child, True)


def _end(child: int, ended: bool) -> int:
    """Wait for a child, or kill it and what it started; 0 if it was waited for before."""
    if not ended:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    with suppress(ChildProcessError):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 0


def _text(file: Path) -> str:
    return file.read_bytes().decode(errors="backslashreplace") if file.exists() else ""


def _be(commands: Sequence[Command], folder: Path, writer: int) -> None:
    try:
        for number, command in enumerate(commands):
            out, err = folder / f"out{number}", folder / f"err{number}"
            if number == 0:
                enter(command, out, err)
                sys.addaudithook(_notice_programs)
            os.environ.update(command.variables)
            os.chdir(command.folder)
            redirect(1, out)
            redirect(2, err)
            os.write(writer, json.dumps(_code_of(command)).encode().ljust(100))
    finally:
        os._exit(99)


def _notice_programs(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"}:
        os.write(2, f"{PROGRAM}{arguments[0]!r}\n".encode(errors="replace"))


def _code_of(command: Command) -> int:
    code = 99
    try:
        code = import_module("lnkit.cli").run(list(command.arguments))
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    return code
