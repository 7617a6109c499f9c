"""Puts back what belongs to the whole process where a plugin changes it, and says what that was.

What is watched stands in processstate and torchstate.
"""

from __future__ import annotations

import operator
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

UNKNOWN = object()  # nobody can tell what it is, or was


class GlobalState(NamedTuple):
    """One thing that is to be after a plugin's work what it was before. Nothing is imported in order to look at it."""

    name: str  # "the working directory"
    read: Callable[[], Any]  # what it is now
    restore: Callable[[Any], object]  # make it what read() gave
    module: str = "sys"  # there is nothing to read until somebody has imported this one
    initial: Callable[[], Any] = lambda: UNKNOWN  # what it is right after that import
    renew: Callable[[], object] = lambda: None  # what to do where that is unknown
    is_same: Callable[[Any, Any], object] = operator.eq  # (what it was, what it is)
    details: Callable[[Any, Any], str] = lambda before, now: ""  # of what differs, for the name: " TORCH_HOME"


@contextmanager
def kept(watched: Sequence[GlobalState]) -> Iterator[list[str]]:
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


def _is_there(one: GlobalState) -> bool:
    return sys.modules.get(one.module) is not None


def _read(one: GlobalState) -> tuple[Any]:
    """What it is now, in a tuple, which tells it from what is not there."""
    try:
        return (one.read(),)
    except Exception:  # a folder that is gone, a module half imported
        return (UNKNOWN,)


def _mend(one: GlobalState, before: Any) -> str:
    """Put one thing back; return its name if it is known to have been different."""
    (now,) = _read(one)
    if before is UNKNOWN:
        one.renew()
        return ""
    if now is UNKNOWN or one.is_same(before, now):
        return ""
    with suppress(Exception):  # such as for a folder that the plugin removed; it is named all the same
        one.restore(before)
    return one.name + one.details(before, now)


# Variables that say where weights and data lie and what computes. Others are left alone: libraries set their own when
# they are imported, and the plugin that needs a library is not to blame for that.
VARIABLES = (
    *("HOME", "HF_HOME", "HF_HUB_OFFLINE", "TMPDIR", "TORCH_HOME", "XDG_CACHE_HOME"),
    *("LNKIT_CACHE", "LNKIT_PLUGINS", "LNKIT_RESULTS"),
    *("CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES", "MKL_NUM_THREADS", "OMP_NUM_THREADS"),
)


Logging = tuple[int, list[Any], int]  # the root logger's level and handlers, and the level that is disabled

LOGGING_AT_FIRST: Logging = (30, [], 0)  # 30 is WARNING


def _module(name: str) -> Any:
    return sys.modules[name]


def _variables() -> list[str | None]:
    return list(map(os.environ.get, VARIABLES))


def _put_variables_back(before: list[str | None]) -> None:
    for name, value in zip(VARIABLES, before, strict=True):
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _names_of_changed(before: list[str | None], now: list[str | None]) -> str:
    different = (name for name, was, is_now in zip(VARIABLES, before, now, strict=True) if was != is_now)
    return " " + " and ".join(different)


def _begins_the_same(before: list[str], now: list[str]) -> bool:
    return now[: len(before)] == before


def _put_new_places_last(before: list[str]) -> None:
    """Keep what came to ``sys.path``, which the plugin may need later, where it can hide nobody's modules."""
    sys.path[:] = [*before, *(place for place in sys.path if place not in before)]


def _for_all(filters: list[Any]) -> list[Any]:
    """The warning filters for a whole built-in category; libraries add others, for their own warnings."""
    return [one for one in filters if one[1] is None and one[3] is None and one[2].__module__ == "builtins"]


def _filters() -> list[Any]:
    return list(warnings.filters)


def _put_filters_back(before: list[Any]) -> None:
    for_all = _for_all(_filters())
    of_libraries = [one for one in _filters() if one not in before and one not in for_all]
    warnings.filters[:] = [*of_libraries, *before]  # type: ignore[index]  # a list; its stubs promise less
    with warnings.catch_warnings():  # makes Python forget what it decided by the filters before
        pass


def _logging() -> Logging:
    root = _module("logging").getLogger()
    return root.level, list(root.handlers), root.manager.disable


def _put_logging_back(before: Logging) -> None:
    level, handlers, disabled = before
    root = _module("logging").getLogger()
    root.setLevel(level)
    root.handlers[:] = handlers
    _module("logging").disable(disabled)


def _same_numpy_state(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    return before[2:] == now[2:] and bool((before[1] == now[1]).all())


PROCESS = (
    GlobalState("the environment's", _variables, _put_variables_back, details=_names_of_changed),
    GlobalState("the working directory", os.getcwd, os.chdir),
    GlobalState("the order of sys.path", lambda: list(sys.path), _put_new_places_last, is_same=_begins_the_same),
    GlobalState(
        "everybody's warning filters",
        _filters,
        _put_filters_back,
        is_same=lambda before, now: _for_all(before) == _for_all(now),
    ),
    GlobalState("everybody's logging", _logging, _put_logging_back, "logging", initial=lambda: LOGGING_AT_FIRST),
)

GENERATORS = (
    GlobalState(
        "Python's random generator",
        lambda: _module("random").getstate(),
        lambda state: _module("random").setstate(state),
        "random",
        renew=lambda: _module("random").seed(),
    ),
    GlobalState(
        "NumPy's random generator",
        lambda: _module("numpy.random").get_state(),
        lambda state: _module("numpy.random").set_state(state),
        "numpy.random",
        renew=lambda: _module("numpy.random").seed(),
        is_same=_same_numpy_state,
    ),
)
