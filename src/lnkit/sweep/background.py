"""The work of a sweep in a thread, so that the main thread is free for the signals of a cluster."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Collection, Mapping

from lnkit.sweep.executor import SweepJob

PAUSE = 0.2  # seconds between two looks


class BackgroundWork:
    """Runs :meth:`SweepJob.work` in a thread.

    Waiting takes no lock, so a signal handler may call :meth:`stop` while the main thread is in :meth:`wait`.
    """

    def __init__(
        self,
        job: SweepJob,
        name: str,
        device: str,
        changes: Mapping[str, str],
        blocked: Collection[signal.Signals] = (),
    ) -> None:
        """Begin to work.

        Args:
            job: What to do.
            name: Of the worker.
            device: That it uses.
            changes: Of the environment of its processes.
            blocked: Signals that its processes do not get, though a cluster sends them to every process of a job.
        """
        self._stop = threading.Event()
        self._ended = False
        self._code = 1
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(job, name, device, changes, blocked), daemon=True)
        self._thread.start()

    def wait(self) -> int:
        """Return the exit code of the work at its end; raise what it raised."""
        while not self._ended:
            time.sleep(PAUSE)
        if self._error is not None:
            raise self._error
        return self._code

    def stop(self) -> None:
        """Stop the running process, which releases its task, and return when it has ended."""
        self._stop.set()
        while not self._ended:
            time.sleep(PAUSE)

    def _work(
        self,
        job: SweepJob,
        name: str,
        device: str,
        changes: Mapping[str, str],
        blocked: Collection[signal.Signals],
    ) -> None:
        try:
            # Processes inherit the mask of this thread. Ray blocks the signal that stops them.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
            self._code = job.work(name, device, changes, self._stop)
        except BaseException as error:  # raised again by `wait`
            self._error = error
        finally:
            self._ended = True
