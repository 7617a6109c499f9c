"""Claims of running tasks and reports of failures, as files in a folder that all processes of a sweep see.

A claim is a file that only one process can make. Its owner touches it again and again; one that nobody touches is
abandoned, and so is one whose owner died on this machine. No lock of the file system is needed: the folder may be on
NFS. Times are those of the file server, so clocks of machines may differ.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from lnkit.data.atomic import atomic_write_text
from lnkit.data.leftovers import owner_lives, tmp_name
from lnkit.data.stored_files import read_json
from lnkit.errors import DataError

SWEEP_FOLDER = ".sweep"  # of a results folder
HEARTBEAT = 10.0  # seconds between two touches
ABANDONED = 90.0  # seconds without a touch; NFS shows times up to 60 s late

Form = TypeVar("Form")

ATTEMPTS = 2  # a task that failed so often is left


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt at a task ended."""

    task: str  # its name
    sentence: str
    traceback: str = ""
    host: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who runs a task."""

    task: str  # its name
    host: str
    device: str
    worker: str  # name of the process within the sweep
    owner: str  # a name of tmp_name, which tells whether the process lives


@dataclass(frozen=True)
class Claims:
    """The claims and failures in a results folder."""

    results: Path
    heartbeat: float = HEARTBEAT
    abandoned: float = ABANDONED

    @property
    def folder(self) -> Path:
        """Where the files of sweeps lie."""
        return self.results / SWEEP_FOLDER

    def acquire(self, id_: str, claim: Claim) -> bool:
        """Claim a task, unless a live process holds it.

        Args:
            id_: Of the task.
            claim: Of this process.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        files = self._files(id_)
        if any(self._live_claim(file) for file in files.values()):
            return False
        # A new number, so that nobody ever moves or removes the file of another: it may have become a live one.
        number = max(files, default=-1) + 1
        target = self.folder / (f"{id_}.{number}.claim" if number else f"{id_}.claim")
        draft = self.folder / f".{tmp_name()}"
        draft.write_text(json.dumps(asdict(claim)), encoding="utf-8")
        try:
            if not _make_only(draft, target):
                return False
        finally:
            with suppress(OSError):
                draft.unlink()
        others = [file for file in self._files(id_).values() if file != target]
        alone = not any(self._live_claim(file) for file in others)  # whoever looks last sees the other
        for file in others if alone else [target]:
            file.unlink(missing_ok=True)
        return alone

    def holder(self, id_: str) -> Claim | None:
        """Return the claim of the live process that runs a task, or None."""
        return next(filter(None, map(self._live_claim, self._files(id_).values())), None)

    def _live_claim(self, file: Path) -> Claim | None:
        claim = _read_claim(file)
        if claim is None or not _may_live(claim):
            return None
        try:
            return claim if self._age(file) < self.abandoned else None
        except FileNotFoundError:
            return None

    def holders(self) -> dict[str, Claim]:
        """Return the claims of all live processes, by the id of the task."""
        ids = {_id_of(file) for file in self.folder.glob("*.claim")}
        return {id_: claim for id_ in ids if (claim := self.holder(id_)) is not None}

    @contextmanager
    def kept(self, id_: str) -> Iterator[None]:
        """Touch an acquired claim until the end, then remove it."""
        own = [file for file in self._files(id_).values() if _is_own(_read_claim(file))]
        ended = threading.Event()

        def touch() -> None:
            while not ended.wait(self.heartbeat):
                for file in own:
                    with suppress(OSError):
                        os.utime(file)

        thread = threading.Thread(target=touch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            for file in own:
                with suppress(OSError):
                    file.unlink()

    def release_those_of(self, worker: str) -> list[tuple[str, Claim]]:
        """Remove the claims of a process that died, and return them by the id of their tasks."""
        released = []
        for file in self.folder.glob("*.claim"):
            claim = _read_claim(file)
            if claim is not None and claim.worker == worker:
                with suppress(OSError):
                    file.unlink()
                released.append((_id_of(file), claim))
        return released

    def add_failure(self, id_: str, failure: Failure) -> None:
        """Store how an attempt failed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number = len(self.failures_of(id_)) + 1
        atomic_write_text(self.folder / f"{id_}.failed-{number}.json", json.dumps(asdict(failure), indent=2) + "\n")

    def failed_ids(self) -> set[str]:
        """Return the ids of all tasks that failed at least once."""
        return {file.name.partition(".")[0] for file in self.folder.glob("*.failed-*.json")}

    def failures_of(self, id_: str) -> list[Failure]:
        """Return the failures of a task, the first first."""
        files = sorted(self.folder.glob(f"{id_}.failed-*.json"))
        return [failure for file in files if (failure := _read_failure(file)) is not None]

    def is_given_up(self, id_: str) -> bool:
        """Whether a task failed too often to be tried again."""
        return len(self.failures_of(id_)) >= ATTEMPTS

    def forget_failures(self, id_: str) -> None:
        """Let a task be tried again, as often as if it had never failed."""
        for file in self.folder.glob(f"{id_}.failed-*.json"):
            file.unlink(missing_ok=True)

    def _files(self, id_: str) -> dict[int, Path]:
        """Return the claims on a task by their numbers; all but one are abandoned."""
        files = self.folder.glob(f"{id_}.*claim")
        return {int(file.name.split(".")[1]) if file.name.count(".") > 1 else 0: file for file in files}

    def _age(self, file: Path) -> float:
        """Return the seconds since a file was touched, by the clock of the file server."""
        clock = self.folder / f".{tmp_name()}"
        clock.touch()
        try:
            return clock.stat().st_mtime - file.stat().st_mtime
        finally:
            clock.unlink(missing_ok=True)


def _make_only(draft: Path, target: Path) -> bool:
    """Give a file another name, unless that is taken: in one step, also on NFS."""
    try:
        os.link(draft, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        draft.replace(target)
    return True


def own_claim(task: str, device: str, worker: str) -> Claim:
    """Return the claim of this process on a task."""
    return Claim(task, platform.node(), device, worker, tmp_name())


def _id_of(file: Path) -> str:
    return file.name.partition(".")[0]


def _is_own(claim: Claim | None) -> bool:
    """Whether this process made a claim: all of its names end in random digits alone."""
    return claim is not None and claim.owner.rpartition("-")[0] == tmp_name().rpartition("-")[0]


def _may_live(claim: Claim | None) -> bool:
    """Whether the owner of a claim may be alive; on another machine nobody can know."""
    return claim is not None and owner_lives(claim.owner) is not False


def _read_claim(file: Path) -> Claim | None:
    return _read_form(file, Claim)


def _read_failure(file: Path) -> Failure | None:
    return _read_form(file, Failure)


def _read_form(file: Path, form: type[Form]) -> Form | None:
    """Return the dataclass that a file holds, or None: files of others may be damaged, or vanish."""
    for _ in range(2):  # one that is being made may be empty for a moment, without hard links
        try:
            values = read_json(file)
            return form(**values) if isinstance(values, Mapping) else None
        except (DataError, TypeError):
            if not file.exists():
                return None
            time.sleep(0.05)
    return None
