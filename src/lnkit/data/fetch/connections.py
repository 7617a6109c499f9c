"""Fetching many files over several connections: one progress, resumed as a whole, ended as a whole."""

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

from lnkit.data.fetch.download import WAYS_ON, Arrival, Checksums
from lnkit.data.fetch.transfer import Line, StoppedError
from lnkit.data.storage import human_size
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import RemoteFile

# At once. With small files a connection waits most of the time; browsers open 6 to a server, and servers that are asked
# much more often than that begin to refuse.
CONNECTIONS = 8
TICK = 0.1  # seconds between two looks at how far the connections are
PATIENCE = 2.0  # seconds that connections get to end


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file and where it is to be."""

    file: RemoteFile
    path: Path

    @property
    def size(self) -> int:
        """Bytes that it has, once it is there."""
        return self.path.stat().st_size


@dataclass(frozen=True, slots=True)
class _Ended:
    """What became of one file."""

    index: int
    sha256: str = ""
    error: BaseException | None = None


def fetch_all(
    title: str, wanted: Sequence[Wanted], folder: Path, progress: Progress, *, ways_on: str = WAYS_ON
) -> list[str]:
    """Fetch what is not there yet of ``wanted`` and return the SHA-256 of each file, in their order.

    The first file that fails ends the others too. What has arrived is kept, and the next call goes on from there.

    Args:
        title: Of all of them, for the progress.
        wanted: The files, at different places.
        folder: Where checksums of first downloads are kept.
        progress: Hears of the bytes as announced, or of files if no size is; in the thread of the caller only.
        ways_on: What to do if a file cannot be reached, as whole sentences.

    Raises:
        DataError: A file cannot be reached, is not what was expected, or does not fit on the disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    crew = _Crew(wanted, Arrival(Checksums(folder), ways_on if len(wanted) == 1 else ""))
    try:
        with crew.at_work():
            return crew.watch(title, progress)
    except DataError as error:
        if len(wanted) == 1:
            raise
        raise type(error)(f"{str(error).rstrip()} {crew.so_far()} {ways_on}") from error


class _Crew:
    """The connections, and what is known about the files that they fetch."""

    def __init__(self, wanted: Sequence[Wanted], arrival: Arrival) -> None:
        self.wanted = wanted
        self.line = Line()
        self.arrival = replace(arrival, line=self.line)
        self.waiting = deque(range(len(wanted)))
        self.ended: SimpleQueue[_Ended] = SimpleQueue()
        self.positions = [0] * len(wanted)  # bytes of each file; each is written by one thread
        self.sums = [""] * len(wanted)
        self.count = 0  # of files that are here

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Open the connections; end them afterwards, whatever happened.

        The threads are daemons, so that one that waits for a dead server does not keep the process from ending.
        """
        threads = [Thread(target=self._work, daemon=True) for _ in range(min(CONNECTIONS, len(self.wanted)))]
        try:
            for thread in threads:
                thread.start()
            yield
        finally:
            self.line.stopped.set()
            until = time.monotonic() + PATIENCE
            for thread in threads:
                if thread.ident is not None:
                    thread.join(max(0.0, until - time.monotonic()))

    def watch(self, title: str, progress: Progress) -> list[str]:
        """Wait for all files, telling how far they are; raises what any of them raised."""
        total = sum(one.file.size for one in self.wanted)
        unit = "bytes" if total else "files"
        told = 0
        with progress.task(f"fetching {title}", total or len(self.wanted), unit=unit) as advance:
            while self.count < len(self.wanted):
                self._hear()
                now = self._announced() if total else self.count
                advance(now - told, f"{self.count:,} of {len(self.wanted):,} files" if total else "")
                told = now
        return self.sums

    def so_far(self) -> str:
        """How much is here, as a sentence; "" if nothing is."""
        arrived = sum(self.positions)
        if not arrived:
            return "Nothing has arrived yet."
        return (
            f"Of {len(self.wanted):,} files {self.count:,} are here, {human_size(arrived)} with what has begun; "
            "the same command goes on from there."
        )

    def _hear(self) -> None:
        """Take in what has ended by now, and wait a little if nothing has."""
        try:
            ended = self.ended.get(timeout=TICK)
            while True:
                if ended.error:
                    raise ended.error
                self.sums[ended.index] = ended.sha256
                self.count += 1
                ended = self.ended.get_nowait()
        except Empty:
            return

    def _announced(self) -> int:
        """The announced bytes that are here: of a whole file what was announced, whatever its true size."""
        sizes = zip(self.positions, self.wanted, self.sums, strict=True)
        return sum(one.file.size if sha256 else min(at, one.file.size) for at, one, sha256 in sizes)

    def _work(self) -> None:
        """Fetch one file after the other, in a thread."""
        while not self.line.stopped.is_set():
            try:
                index = self.waiting.popleft()
            except IndexError:
                return
            try:
                self.ended.put(_Ended(index, self._fetch(index)))
            except StoppedError:
                return
            except BaseException as error:  # raised again in the thread that waits
                self.ended.put(_Ended(index, error=error))
                return

    def _fetch(self, index: int) -> str:
        file, path = self.wanted[index].file, self.wanted[index].path
        if sha256 := self.arrival.is_here(file, path):
            self.positions[index] = path.stat().st_size
            return sha256
        return self.arrival.receive(file, path, partial(self._advance, index))

    def _advance(self, index: int, steps: int, note: str = "", /) -> None:
        self.positions[index] += steps
