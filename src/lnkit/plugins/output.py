"""What plugins print is no result: it goes to stderr, so that stdout holds tables and JSON alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send to stderr what is printed inside, whether by Python, by compiled code or by a program that is started."""
    with _descriptor_to_stderr(), redirect_stdout(sys.stderr):
        yield


@contextmanager
def _descriptor_to_stderr() -> Iterator[None]:
    """Turn the process's own descriptor, unless somebody else caught the output: a notebook, a test."""
    stdout = sys.__stdout__
    if _descriptor(stdout) != 1 or _descriptor(sys.stdout) not in (1, 2) or _descriptor(sys.stderr) != 2:
        yield
        return
    stdout.flush()  # type: ignore[union-attr]  # it has a descriptor
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        stdout.flush()  # type: ignore[union-attr]  # of what kept the stream itself
        os.dup2(kept, 1)
        os.close(kept)


def _descriptor(stream: Any) -> int | None:
    try:
        number: int = stream.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or made of something else
        return None
    return number
