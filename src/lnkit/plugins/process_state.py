"""State that belongs to the whole process, and how it is restored after a plugin has changed it.

`GlobalState` describes one piece of it and `preserved` restores many. Listed here is the state of Python and NumPy;
`torch_state` lists that of torch.
"""

from __future__ import annotations

import builtins
import operator
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

UNKNOWN = object()  # a value that cannot be read


class GlobalState(NamedTuple):
    """One piece of state that must be the same after a plugin's code has run. Its module is never imported for it."""

    name: str  # "the working directory"
    read: Callable[[], Any]
    restore: Callable[[Any], object]  # takes a value that read() returned
    module: str = "sys"  # nothing is read before this module has been imported
    initial: Callable[[], Any] = lambda: UNKNOWN  # the value right after that import
    renew: Callable[[], object] = lambda: None  # called instead of restore if the earlier value is unknown
    is_same: Callable[[Any, Any], object] = operator.eq  # (before, now)
    details: Callable[[Any, Any], str] = lambda before, now: ""  # (before, now) -> to append to the name: " TORCH_HOME"


@contextmanager
def preserved(states: Sequence[GlobalState], changed: list[str] | None = None) -> Iterator[list[str]]:
    """Restore at the end what has changed inside.

    Args:
        states: what to restore.
        changed: the list to yield, if there is one already.

    Yields:
        A list that holds the names of the changed states afterwards.
    """
    changed = [] if changed is None else changed
    builtin_functions, limit = _BUILTINS.copy(), sys.getrecursionlimit()
    before = [_read(state) if _is_imported(state) else None for state in states]
    try:
        yield changed
    finally:
        if sys.getrecursionlimit() != limit:  # before anything that calls functions
            sys.setrecursionlimit(limit)
            changed.append("the recursion limit")
        if builtin_functions != _BUILTINS:  # before anything that uses them
            changed += _restore_builtins(builtin_functions)
        for state, values in zip(states, before, strict=True):
            if _is_imported(state):
                name = _restore(state, state.initial() if values is None else values[0])
                if name and name not in changed:
                    changed.append(name)


_BUILTINS = vars(builtins)


def _restore_builtins(before: dict[str, Any]) -> list[str]:
    """Restore built-in functions that were replaced or removed; new ones stay."""
    replaced = [name for name in before if name != "_" and _BUILTINS.get(name) is not before[name]]
    _BUILTINS.update({name: before[name] for name in replaced})
    return [f"builtins.{name}" for name in replaced]


def _is_imported(state: GlobalState) -> bool:
    return sys.modules.get(state.module) is not None


def _read(state: GlobalState) -> tuple[Any]:
    """Return the current value in a tuple, which distinguishes it from None for a module that is not imported."""
    try:
        return (state.read(),)
    except Exception:  # the working directory was removed, or a module is imported only in part
        return (UNKNOWN,)


def _restore(state: GlobalState, before: Any) -> str:
    """Restore one state; return its name if it is known to have changed, else an empty string."""
    (now,) = _read(state)
    if before is UNKNOWN:
        state.renew()
        return ""
    if now is UNKNOWN or state.is_same(before, now):
        return ""
    with suppress(Exception):  # restoring may fail, for example for a folder that the plugin removed
        state.restore(before)
    return state.name + state.details(before, now)


def _module(name: str) -> Any:
    return sys.modules[name]


# Environment variables that say where weights and data are, and on which devices to compute. All others are ignored:
# many libraries set their own when they are imported, and that is not the fault of the plugin that needs them.
VARIABLES = (
    *("HOME", "HF_HOME", "HF_HUB_OFFLINE", "PATH", "TMPDIR", "TORCH_HOME", "XDG_CACHE_HOME"),
    *("LNKIT_CACHE", "LNKIT_PLUGINS", "LNKIT_RESULTS"),
    *("CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES", "MKL_NUM_THREADS", "OMP_NUM_THREADS"),
)


def _variables() -> list[str | None]:
    return list(map(os.environ.get, VARIABLES))


def _restore_variables(before: list[str | None]) -> None:
    for name, value in zip(VARIABLES, before, strict=True):
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _changed_variables(before: list[str | None], now: list[str | None]) -> str:
    changed = (name for name, old, new in zip(VARIABLES, before, now, strict=True) if old != new)
    return " " + " and ".join(changed)


def _restore_path(before: list[str]) -> None:
    """Move new entries of ``sys.path`` to its end: the plugin may need them later, and they hide no other module."""
    sys.path[:] = [*before, *(entry for entry in sys.path if entry not in before)]


def _filters() -> list[Any]:
    return list(warnings.filters)


def _general_filters(filters: list[Any]) -> list[Any]:
    """Return the filters for all messages of a built-in category; libraries add others, for their own warnings."""
    return [
        (action, message, category, module, line)
        for action, message, category, module, line in filters
        if message is None and module is None and category.__module__ == "builtins"
    ]


def _same_filters(before: list[Any], now: list[Any]) -> bool:
    """Return whether the filters for all messages are the same, and none went before one that was more specific."""
    general = _general_filters(before)
    if _general_filters(now) != general:
        return False
    return all(set(before[: before.index(entry)]) <= set(now[: now.index(entry)]) for entry in general)


def _restore_filters(before: list[Any]) -> None:
    general = _general_filters(_filters())
    of_libraries = [entry for entry in _filters() if entry not in before and entry not in general]
    warnings.filters[:] = [*of_libraries, *before]  # type: ignore[index]  # a list; its stubs promise less
    with warnings.catch_warnings():  # makes Python forget decisions that it made by the changed filters
        pass


Logging = tuple[int, list[Any], int]  # level and handlers of the root logger, and the level disabled for all loggers

INITIAL_LOGGING: Logging = (30, [], 0)  # 30 is WARNING


def _logging() -> Logging:
    root = _module("logging").getLogger()
    return root.level, list(root.handlers), root.manager.disable


def _restore_logging(before: Logging) -> None:
    level, handlers, disabled = before
    root = _module("logging").getLogger()
    root.setLevel(level)
    root.handlers[:] = handlers
    _module("logging").disable(disabled)


PYTHON_SETTINGS = (
    GlobalState("the environment's", _variables, _restore_variables, details=_changed_variables),
    GlobalState("the working directory", os.getcwd, os.chdir),
    GlobalState(
        "the order of sys.path",
        lambda: list(sys.path),
        _restore_path,
        is_same=lambda before, now: now[: len(before)] == before,
    ),
    GlobalState(
        "the global warning filters",
        _filters,
        _restore_filters,
        is_same=_same_filters,
    ),
    GlobalState("the root logger", _logging, _restore_logging, "logging", initial=lambda: INITIAL_LOGGING),
)

PYTHON_GENERATORS = (
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
        is_same=lambda before, now: before[2:] == now[2:] and bool((before[1] == now[1]).all()),
    ),
)
