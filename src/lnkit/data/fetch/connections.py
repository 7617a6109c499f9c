"""Download of many files over several connections: one progress, resumed and stopped as a whole."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from lnkit.data.fetch.download import HINT, Downloader, FirstChecksums
from lnkit.data.fetch.transfer import StoppedError, TransferGroup
from lnkit.data.storage import human_size
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import RemoteFile

# With small files a connection waits most of the time. Browsers open 6 to a server; many more, and servers refuse some.
CONNECTIONS = 8
TICK = 0.1  # seconds between two updates of the progress
PATIENCE = 2.0  # seconds that connections get to stop


@dataclass(frozen=True, slots=True)
class Target:
    """A remote file and its path on disk."""

    file: RemoteFile
    path: Path

    @property
    def size(self) -> int:
        """Actual bytes, once it is downloaded."""
        return self.path.stat().st_size


@dataclass(frozen=True, slots=True)
class _Result:
    """Outcome of one download."""

    index: int
    sha256: str = ""
    error: BaseException | None = None


def fetch_all(
    title: str, targets: Sequence[Target], folder: Path, progress: Progress, *, hint: str = HINT
) -> list[str]:
    """Download the missing files among ``targets``.

    The first failure stops the other downloads too. Bytes that have arrived are kept, and the next call resumes.

    Args:
        title: Of all files, for the progress.
        targets: Files with different paths.
        folder: For the checksums of first downloads.
        progress: Receives announced bytes, or files if no size is announced; called in the caller's thread only.
        hint: What to do if a file cannot be fetched, as whole sentences for the error.

    Returns:
        The SHA-256 of each file, in the order of ``targets``.

    Raises:
        DataError: A file cannot be fetched, differs from the published file, or does not fit on the disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    connections = _Connections(targets, Downloader(FirstChecksums(folder), hint if len(targets) == 1 else ""))
    try:
        with connections.running():
            return connections.wait(title, progress)
    except DataError as error:
        if len(targets) == 1:
            raise
        raise type(error)(f"{str(error).rstrip()} {connections.state()} {hint}") from error


class _Connections:
    """Threads that download files, and the state of each file."""

    def __init__(self, targets: Sequence[Target], downloader: Downloader) -> None:
        self.targets = targets
        self.group = TransferGroup()
        self.downloader = replace(downloader, group=self.group)
        self.waiting = deque(range(len(targets)))
        self.results: SimpleQueue[_Result] = SimpleQueue()
        self.positions = [0] * len(targets)  # bytes of each file; each is written by one thread
        self.sums = [""] * len(targets)
        self.count = 0  # of complete files

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start the threads; stop them at the end, also on errors.

        They are daemons, so that a thread that waits for a dead server does not keep the process alive.
        """
        threads = [Thread(target=self._work, daemon=True) for _ in range(min(CONNECTIONS, len(self.targets)))]
        try:
            for thread in threads:
                thread.start()
            yield
        finally:
            self.group.stopped.set()
            until = time.monotonic() + PATIENCE
            for thread in threads:
                if thread.ident is not None:
                    thread.join(max(0.0, until - time.monotonic()))

    def wait(self, title: str, progress: Progress) -> list[str]:
        """Wait for all files and report the progress; raise the first error of any download."""
        total = sum(target.file.size for target in self.targets)
        unit = "bytes" if total else "files"
        reported = 0
        with progress.task(f"fetching {title}", total or len(self.targets), unit=unit) as advance:
            while self.count < len(self.targets):
                self._collect()
                done = self._announced() if total else self.count
                advance(done - reported, f"{self.count:,} of {len(self.targets):,} files" if total else "")
                reported = done
        return self.sums

    def state(self) -> str:
        """Return a sentence on how much has arrived."""
        arrived = sum(self.positions)
        if not arrived:
            return "Nothing has arrived yet."
        return (
            f"{self.count:,} of {len(self.targets):,} files are complete ({human_size(arrived)} with partial files); "
            "the same command resumes from there."
        )

    def _collect(self) -> None:
        """Collect the results so far; wait for at most ``TICK`` seconds if there are none."""
        try:
            result = self.results.get(timeout=TICK)
            while True:
                if result.error:
                    raise result.error
                self.sums[result.index] = result.sha256
                self.count += 1
                result = self.results.get_nowait()
        except Empty:
            return

    def _announced(self) -> int:
        """Return the announced bytes so far; a complete file counts as announced, whatever its true size."""
        states = zip(self.positions, self.targets, self.sums, strict=True)
        return sum(
            target.file.size if sha256 else min(position, target.file.size) for position, target, sha256 in states
        )

    def _work(self) -> None:
        """Download one file after the other, in a thread."""
        while not self.group.stopped.is_set():
            try:
                index = self.waiting.popleft()
            except IndexError:
                return
            try:
                self.results.put(_Result(index, self._fetch(index)))
            except StoppedError:
                return
            except BaseException as error:  # raised again in the waiting thread
                self.results.put(_Result(index, error=error))
                return

    def _fetch(self, index: int) -> str:
        file, path = self.targets[index].file, self.targets[index].path
        if sha256 := self.downloader.verified(file, path):
            self.positions[index] = path.stat().st_size
            return sha256
        return self.downloader.download(file, path, partial(self._advance, index))

    def _advance(self, index: int, steps: int, note: str = "", /) -> None:
        self.positions[index] += steps
