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
    with _descriptor_to_stderr(sys.stdout), redirect_stdout(sys.stderr):
        yield


@contextmanager
def _descriptor_to_stderr(stream: Any) -> Iterator[None]:
    """Turn the process's descriptors, unless ``stream`` is something else: a notebook's, a test's, a closed one."""
    if _descriptor(stream) != 1 or _descriptor(sys.stderr) != 2:
        yield
        return
    stream.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        stream.flush()  # of what kept the stream itself
        os.dup2(stdout, 1)
        os.close(stdout)


def _descriptor(stream: Any) -> int | None:
    try:
        number: int = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None
    return number
