"""Puts back what belongs to the whole process where a plugin changes it, and says what that was.

What is watched stands in processstate and torchstate.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

UNKNOWN = object()  # nobody can tell what it is, or was


class Watched(NamedTuple):
    """One thing that is to be after a plugin's work what it was before. Nothing is imported in order to look at it."""

    name: str  # "the working directory"
    read: Callable[[], Any]  # what it is now
    put_back: Callable[[Any], object]  # make it what read() gave
    module: str = "sys"  # there is nothing to read until somebody has imported this one
    initial: Callable[[], Any] = lambda: UNKNOWN  # what it is right after that import
    renew: Callable[[], object] = lambda: None  # what to do where that is unknown
    is_same: Callable[[Any, Any], object] = operator.eq  # (what it was, what it is)
    details: Callable[[Any, Any], str] = lambda before, now: ""  # of what differs, for the name: " TORCH_HOME"


@contextmanager
def kept(watched: Sequence[Watched]) -> Iterator[list[str]]:
    """Put back what is changed inside. Yields a list that names it once that is done."""
    changed: list[str] = []
    before = [_read(one) if _is_there(one) else None for one in watched]
    try:
        yield changed
    finally:
        for one, was in zip(watched, before, strict=True):
            name = _mend(one, one.initial() if was is None else was[0]) if _is_there(one) else ""
            if name and name not in changed:
                changed.append(name)


def _is_there(one: Watched) -> bool:
    return sys.modules.get(one.module) is not None


def _read(one: Watched) -> tuple[Any]:
    """What it is now, in a tuple, which tells it from what is not there."""
    try:
        return (one.read(),)
    except Exception:  # a folder that is gone, a module half imported
        return (UNKNOWN,)


def _mend(one: Watched, before: Any) -> str:
    """Put one thing back; return its name if it is known to have been different."""
    (now,) = _read(one)
    if before is UNKNOWN:
        one.renew()
        return ""
    if now is UNKNOWN or one.is_same(before, now):
        return ""
    with suppress(Exception):  # such as for a folder that the plugin removed; it is named all the same
        one.put_back(before)
    return one.name + one.details(before, now)
