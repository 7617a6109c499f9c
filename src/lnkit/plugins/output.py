"""Send what plugins print to stderr, so that stdout holds only the tables and JSON of lnkit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Redirect stdout to stderr inside: for Python, compiled code and child processes."""
    with _descriptor_to_stderr(), redirect_stdout(sys.stderr):
        yield


@contextmanager
def _descriptor_to_stderr() -> Iterator[None]:
    """Redirect the process's descriptor 1, unless something else (a notebook, a test) has captured the output."""
    stdout = sys.__stdout__
    if _descriptor(stdout) != 1 or _descriptor(sys.stdout) not in (1, 2) or _descriptor(sys.stderr) != 2:
        yield
        return
    stdout.flush()  # type: ignore[union-attr]  # it has a descriptor
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        stdout.flush()  # type: ignore[union-attr]  # code inside may have written to the stream itself
        os.dup2(saved, 1)
        os.close(saved)


def _descriptor(stream: Any) -> int | None:
    try:
        number: int = stream.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or not a file
        return None
    return number
