"""Commands of lnkit in forked children of one interpreter that has imported everything, and how to kill them.

A command of its own process spends seconds on importing torch; a child starts in milliseconds and is as clean, since
nothing but imports happened before the fork.
"""

from __future__ import annotations

import atexit
import gc
import importlib.metadata
import mmap
import os
import pkgutil
import platform
import shutil
import signal
import struct
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path

PACKAGES = (
    "lnkit",
    "lnkit_torchvision",
    "lnkit_bapps",
    "lnkit_superres",
    "lnkit_delineation",
    "lnkit_autoencoder",
    "lnkit_invariance",
    "lnkit_judgments",
    "lnkit_earlystop",
    "lnkit_calibration",
    "lnkit_probes",
    "lnkit_psychophysics",
)
OTHERS = (
    "torch",
    "torchvision",
    "torch.fx",
    "torch.utils.tensorboard",
    "torch.utils.flop_counter",
    "pandas",
    "skimage.data",
    "altair",
    "rich.table",
)
SECONDS = 20.0  # a command that needs more hangs
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
EVENTS = frozenset(
    {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.utime"}
)


def warm() -> None:
    """Import everything that commands need; call it before the first command."""
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in OTHERS:
        with suppress(ImportError):
            import_module(name)
    for package in PACKAGES:
        with suppress(ImportError):
            folders = import_module(package).__path__
            for module in pkgutil.walk_packages(folders, f"{package}."):
                if not module.name.endswith("__main__"):
                    import_module(module.name)
    # The same in every child, and it takes half a second.
    importlib.metadata.packages_distributions = cache(importlib.metadata.packages_distributions)
    platform.uname().processor  # noqa: B018 - starts a program once, and remembers
    gc.freeze()


def patience() -> float:
    """Return the seconds after which a command hangs, which are more on a machine that has much else to do."""
    return SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass(frozen=True)
class Command:
    """A command of lnkit, and when to kill it."""

    arguments: Sequence[str]
    folder: Path  # working folder
    variables: Mapping[str, str] = field(default_factory=dict)  # of the environment
    path: Sequence[str] = ()  # put before sys.path: folders of installed distributions
    seconds: float = field(default_factory=patience)  # until it counts as hanging
    kill_at: int = 0  # kill it before this file-system event; 0: never
    kill_after: float = 0.0  # kill it after so many seconds; 0: never
    eager: bool = False  # write a checkpoint after every step

    def __str__(self) -> str:
        return " ".join(("lnkit", *self.arguments))


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    command: Command
    code: int  # negative: the signal that ended it
    stdout: str
    stderr: str
    seconds: float
    events: int  # file-system events before the end
    hung: bool
    orphans: bool = False  # processes that it had started lived on

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL and not self.hung


def run(command: Command) -> Ended:
    """Run a command in a forked child, and kill it when it is due."""
    return run_together([command])[0]


def run_together(commands: Sequence[Command]) -> list[Ended]:
    """Run commands at the same time, each in a forked child."""
    children = [_Child(command) for command in commands]
    pause = 0.001
    while sum(child.poll() for child in children) < len(children):
        time.sleep(pause)
        pause = min(0.01, pause * 1.5)
    return [child.result() for child in children]


class _Child:
    """A command that runs."""

    def __init__(self, command: Command) -> None:
        self.command, self.folder, self.counter = command, Path(tempfile.mkdtemp()), mmap.mmap(-1, 8)
        self.out, self.err = self.folder / "stdout", self.folder / "stderr"
        self.start, self.seconds, self.hung = time.monotonic(), 0.0, False
        self.code: int | None = None
        self.child = os.fork()
        if self.child == 0:
            _be(command, self.out, self.err, self.counter)

    def poll(self) -> bool:
        """Return whether it has ended; kill it if that is due."""
        if self.code is not None:
            return True
        ended, status = os.waitpid(self.child, os.WNOHANG)
        self.seconds = time.monotonic() - self.start
        due = 0 < self.command.kill_after <= self.seconds
        if not ended and (due or self.seconds >= self.command.seconds):
            os.kill(self.child, signal.SIGKILL)
            ended, status = os.waitpid(self.child, 0)
            self.hung = not due
        if ended:
            self.code = os.waitstatus_to_exitcode(status)
        return bool(ended)

    def result(self) -> Ended:
        """Return how it ended, once it has."""
        assert self.code is not None
        orphans = _end_group(self.child)
        texts = [_text(file) for file in (self.out, self.err)]
        shutil.rmtree(self.folder)
        (events,) = struct.unpack("q", self.counter[:8])
        self.counter.close()
        return Ended(self.command, self.code, texts[0], texts[1], self.seconds, events, self.hung, orphans)


def _text(file: Path) -> str:
    return file.read_bytes().decode(errors="backslashreplace") if file.exists() else ""


def _end_group(group: int, seconds: float = 5.0) -> bool:
    """Wait for the processes that the child started, then kill those left; return whether there were any."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # macOS, for a group of dead processes
            return False
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return True


def _be(command: Command, out: Path, err: Path, counter: mmap.mmap) -> None:
    """Take the place of a process, and end as an interpreter ends."""
    code = 1
    try:
        enter(command, out, err)
        if command.eager:
            import_module("lnkit.training.loop").CHECKPOINT_SECONDS = -1.0  # type: ignore[attr-defined]
        _count_events(command, counter)
        main = import_module("lnkit.cli").main
        code = _code_of(main)
        threading._shutdown()  # type: ignore[attr-defined]  # as an interpreter does: wait for threads
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code & 0xFF)


def enter(command: Command, out: Path, err: Path) -> None:
    """Give a forked child what a process of its own would have."""
    atexit._clear()  # what the parent registered is the parent's
    os.setsid()
    os.chdir(command.folder)
    redirect(0, Path(os.devnull))
    redirect(1, out)
    redirect(2, err)
    os.environ.update(command.variables)
    tempfile.tempdir = None  # the parent's
    sys.path[:0] = command.path
    sys.argv = ["lnkit", *command.arguments]


def redirect(descriptor: int, target: Path) -> None:
    opened = os.open(target, os.O_RDWR | os.O_CREAT)
    os.dup2(opened, descriptor)
    os.close(opened)


def _code_of(main: object) -> int:
    try:
        main()  # type: ignore[operator]
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _count_events(command: Command, counter: mmap.mmap) -> None:
    """Count changes of the file system below the working folder's parent, and die before the chosen one."""
    below, seen = str(command.folder.parent), 0

    def notice(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event in EVENTS:
            changes = True
        elif event == "open":
            flags = arguments[2]
            changes = isinstance(flags, int) and bool(flags & WRITING)
        else:
            return
        path = str(arguments[0])  # relative ones are names in a folder that is being removed
        if changes and (not path.startswith("/") or path.startswith(below)):
            seen += 1
            counter[:8] = struct.pack("q", seen)
            if seen == command.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(notice)
