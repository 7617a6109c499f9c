"""Keep stdout for the tables and JSON of lnkit: what foreign code prints goes to stderr, and it closes no stream."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
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
        with suppress(OSError, ValueError):  # closed inside
            stdout.flush()  # type: ignore[union-attr]  # code inside may have written to the stream itself
        os.dup2(saved, 1)
        os.close(saved)


class MainThreadOutput(io.TextIOWrapper):
    """Stdout for the main thread alone; what other threads write goes to stderr."""

    def write(self, text: str, /) -> int:
        if threading.current_thread() is threading.main_thread():
            return super().write(text)
        return sys.stderr.write(text)


@contextmanager
def private_stdout() -> Iterator[None]:
    """Keep the process's stdout to what the main thread prints inside: descriptor 1 becomes stderr.

    Threads, child processes and compiled code of a plugin may print at any time, also long after its hook returned.
    """
    usual = sys.stdout
    if _descriptor(usual) != 1 or _descriptor(sys.stderr) != 2:  # closed, or captured by something else
        yield
        return
    usual.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    raw = os.fdopen(private, "wb")
    sys.stdout = MainThreadOutput(raw, usual.encoding, usual.errors, line_buffering=bool(usual.line_buffering))
    try:
        yield
    finally:
        with suppress(OSError, ValueError):  # its reader has gone, which was dealt with, or it was closed
            sys.stdout.flush()
        sys.stdout = sys.stderr  # for what runs at exit


@contextmanager
def kept_descriptors(changed: list[str]) -> Iterator[None]:
    """Restore the descriptors of stdin, stdout and stderr if they are closed or replaced inside, and say so.

    Args:
        changed: receives a name for them.
    """
    before = [(number, _identity(number)) for number in range(3)]
    saved = [os.dup(number) if identity else None for number, identity in before]
    try:
        yield
    finally:
        for (number, identity), copy in zip(before, saved, strict=True):
            if copy is None:
                continue
            if _identity(number) != identity:
                os.dup2(copy, number)
                changed.append(f"descriptor {number}")
            os.close(copy)


def _identity(number: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _descriptor(stream: Any) -> int | None:
    try:
        number: int = stream.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or not a file
        return None
    return number
