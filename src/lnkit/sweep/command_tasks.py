"""Tasks that are commands of lnkit or of a plugin: ``lnkit earlystop train resnet6 --output runs/a``.

The command takes ``--device``, goes on where it stopped when it is run again, and makes a file when it is finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.errors import LnkitError

FIELDS = ("name", "words", "done", "group")


@text_paths
@dataclass(frozen=True, slots=True)
class CommandTask:
    """A command that makes a file when it is finished."""

    name: str  # "dropout 0.2"
    words: tuple[str, ...]  # after `lnkit`
    done: Path  # is there once the command is finished
    group: str = "commands"  # under which it is counted

    @property
    def id(self) -> str:
        """A hash of the words."""
        return hashlib.sha256(json.dumps([*self.words, str(self.done)]).encode()).hexdigest()[:16]

    @text_paths
    def is_finished(self, folder: Path) -> bool:
        """Whether exactly these words were run to their end, and what they made is still there.

        Args:
            folder: With the files of the sweep.
        """
        return self.done.exists() and self._mark(folder).exists()

    def _mark(self, folder: Path) -> Path:
        return folder / f"{self.id}.done"

    @text_paths
    def run(self, device: str, folder: Path) -> None:
        """Run the command in this process.

        Args:
            device: Follows ``--device``.
            folder: With the files of the sweep.

        Raises:
            LnkitError: It failed; the sentence is what it printed last.
            KeyboardInterrupt: It was interrupted.
        """
        printed = io.StringIO()
        arguments, sys.argv = sys.argv, ["lnkit", *self.words, "--device", device]
        code: object = 0
        try:
            with contextlib.redirect_stderr(_Both(printed)):
                runpy.run_module("lnkit", run_name="__main__")
        except SystemExit as end:
            code = end.code
        finally:
            sys.argv = arguments
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            lines = [line for line in printed.getvalue().splitlines() if line.strip()]
            raise LnkitError(lines[-1].removeprefix("Error: ") if lines else f"It ended with exit code {code}.")
        self._mark(folder).touch()


INTERRUPTED = 130  # exit code of lnkit


class _Both(io.TextIOBase):
    """Writes to the error stream of the process and keeps a copy."""

    def __init__(self, copy: io.StringIO) -> None:
        self.stream, self.copy = sys.stderr, copy

    def write(self, text: str) -> int:
        self.copy.write(text)
        return self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()

    def fileno(self) -> int:
        return self.stream.fileno()
