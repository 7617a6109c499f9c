"""What no plugin may change for everybody else in Python itself, and in NumPy's generator."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from lnkit.plugins.globalstate import Watched

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
    Watched("the environment's", _variables, _put_variables_back, details=_names_of_changed),
    Watched("the working directory", os.getcwd, os.chdir),
    Watched("the order of sys.path", lambda: list(sys.path), _put_new_places_last, is_same=_begins_the_same),
    Watched(
        "everybody's warning filters",
        _filters,
        _put_filters_back,
        is_same=lambda before, now: _for_all(before) == _for_all(now),
    ),
    Watched("everybody's logging", _logging, _put_logging_back, "logging", initial=lambda: LOGGING_AT_FIRST),
)
GENERATORS = (
    Watched(
        "Python's random generator",
        lambda: _module("random").getstate(),
        lambda state: _module("random").setstate(state),
        "random",
        renew=lambda: _module("random").seed(),
    ),
    Watched(
        "NumPy's random generator",
        lambda: _module("numpy.random").get_state(),
        lambda state: _module("numpy.random").set_state(state),
        "numpy.random",
        renew=lambda: _module("numpy.random").seed(),
        is_same=_same_numpy_state,
    ),
)
