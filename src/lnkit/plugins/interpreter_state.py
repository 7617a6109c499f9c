"""State of the Python interpreter and of its process that foreign code may change: signals, limits, patched functions.

Signals, locale and limits are reached through modules that are loaded anyway or load quickly, since every command reads
this state before it imports a plugin.
"""

from __future__ import annotations

import gc
import locale
import operator
import os
import resource
import sys
import threading
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType
from typing import Any

from lnkit.plugins.process_state import GlobalState

_signal: Any = sys.modules["_signal"]  # always loaded, while the module signal takes milliseconds to import

SIGNALS = tuple(sorted(map(int, _signal.valid_signals())))
TIMERS = (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF)
LIMITS = tuple(sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}))
FUNCTIONS = (FunctionType, BuiltinFunctionType, type(os.environ))
STREAMS = ("stdin", "stdout", "stderr", "__stdout__", "__stderr__")
HOOKS = ("excepthook", "displayhook", "unraisablehook", "breakpointhook")


def _umask() -> int:
    mask = os.umask(0o077)  # it can only be read by setting it
    os.umask(mask)
    return mask


def _handlers() -> list[Any]:
    return list(map(_signal.getsignal, SIGNALS))


def _restore_handlers(before: list[Any]) -> None:
    for number, handler, now in zip(SIGNALS, before, _handlers(), strict=True):
        if handler is not now and handler is not None:  # None: not set from Python
            _signal.signal(number, handler)


def _changed_handlers(before: list[Any], now: list[Any]) -> str:
    from signal import Signals  # noqa: PLC0415 - only where one was changed

    numbers = (number for number, old, new in zip(SIGNALS, before, now, strict=True) if old is not new)
    return " " + " and ".join(Signals(number).name for number in numbers)


def _timers() -> list[tuple[float, float]]:
    return list(map(_signal.getitimer, TIMERS))


def _same_timers(before: list[tuple[float, float]], now: list[tuple[float, float]]) -> bool:
    """Return whether the same timers run: their remaining time always differs."""
    return [(left > 0, interval) for left, interval in before] == [(left > 0, interval) for left, interval in now]


def _restore_timers(before: list[tuple[float, float]]) -> None:
    for timer, values in zip(TIMERS, before, strict=True):
        _signal.setitimer(timer, *values)


def _limits() -> list[tuple[int, int]]:
    return list(map(resource.getrlimit, LIMITS))


def _restore_limits(before: list[tuple[int, int]]) -> None:
    """Restore the soft limits, up to the hard ones, which cannot be raised again."""
    for limit, (soft, _) in zip(LIMITS, before, strict=True):
        now, hard = resource.getrlimit(limit)
        unlimited = resource.RLIM_INFINITY
        reachable = soft if hard == unlimited or (soft != unlimited and soft <= hard) else hard
        if now != reachable:
            resource.setrlimit(limit, (reachable, hard))


def _streams() -> list[Any]:
    return [getattr(sys, name, None) for name in STREAMS]


def _same_streams(before: list[Any], now: list[Any]) -> bool:
    return all(map(operator.is_, before, now)) and not any(stream and stream.closed for stream in now)


def _restore_streams(before: list[Any]) -> None:
    for name, stream in zip(STREAMS, before, strict=True):
        number = STREAMS.index(name) % 3 if not name.startswith("__") else 1 + (name == "__stderr__")
        closed = stream is not None and stream.closed
        setattr(sys, name, open(number, "w", closefd=False) if closed and number else stream)  # noqa: SIM115


def _hooks() -> list[Any]:
    return [*(getattr(sys, name) for name in HOOKS), threading.excepthook]


def _restore_hooks(before: list[Any]) -> None:
    for name, hook in zip(HOOKS, before, strict=False):
        setattr(sys, name, hook)
    threading.excepthook = before[-1]


def _finders() -> tuple[list[Any], list[Any]]:
    return list(sys.meta_path), list(sys.path_hooks)


def _same_finders(before: tuple[list[Any], list[Any]], now: tuple[list[Any], list[Any]]) -> bool:
    """Return whether no import hook was removed, and new ones come last."""
    return all(new[: len(old)] == old for old, new in zip(before, now, strict=True))


def _restore_finders(before: tuple[list[Any], list[Any]]) -> None:
    finders, path_hooks = before
    sys.meta_path[:] = [*finders, *(finder for finder in sys.meta_path if finder not in finders)]
    sys.path_hooks[:] = [*path_hooks, *(hook for hook in sys.path_hooks if hook not in path_hooks)]


def _modules() -> dict[str, Any]:
    return dict(sys.modules)


def _same_modules(before: dict[str, Any], _now: dict[str, Any]) -> bool:
    return all(map(operator.is_, map(sys.modules.get, before), before.values()))


def _changed_modules(before: dict[str, Any], now: dict[str, Any]) -> str:
    return _some([name for name, module in before.items() if now.get(name) is not module])


def _some(names: list[str]) -> str:
    """Return `` (a, b, c and 3 more)``."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f" ({', '.join(names[:3])}{more})"


def functions_of(module: str) -> GlobalState:
    """Describe what is in a module: what foreign code replaces or removes in it changes everybody's results."""

    def read() -> dict[str, Any]:
        return dict(vars(sys.modules[module]))

    def is_same(before: dict[str, Any], now: dict[str, Any]) -> bool:
        return all(map(operator.is_, map(now.get, before), before.values())) or not changed(before, now)

    def changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
        return [
            name
            for name, value in before.items()
            if now.get(name) is not value and isinstance(value, FUNCTIONS) and not _is_of(module, now.get(name))
        ]

    def restore(before: dict[str, Any]) -> None:
        vars(sys.modules[module]).update({name: before[name] for name in changed(before, vars(sys.modules[module]))})

    def details(before: dict[str, Any], now: dict[str, Any]) -> str:
        return _some(changed(before, now))

    return GlobalState(f"functions of {module}", read, restore, module, is_same=is_same, details=details)


def _is_of(module: str, function: object) -> bool:
    """Whether a function was written in the package of a module: torch wraps some of its own when they are first used.

    The file of its code counts, since a wrapper takes over the name of the module.
    """
    folder = os.path.dirname(getattr(sys.modules[module.partition(".")[0]], "__file__", None) or "")  # noqa: PTH120
    file = str(getattr(getattr(function, "__code__", None), "co_filename", ""))
    return folder not in ("", _LIBRARY) and file.startswith(f"{folder}{os.sep}")


_LIBRARY = os.path.dirname(os.__file__)  # noqa: PTH120 - a folder of everything


def setting(name: str, read: Callable[[], Any], restore: Callable[[Any], object]) -> GlobalState:
    """Describe a state that can be read at any time."""
    return GlobalState(name, read, restore)


def _decimal() -> Any:
    return sys.modules["decimal"].getcontext().copy()


def _numpy() -> Any:
    return sys.modules["numpy"]


NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}

INTERPRETER_SETTINGS = (
    GlobalState("the standard streams", _streams, _restore_streams, is_same=_same_streams),
    setting("the umask", _umask, os.umask),
    GlobalState("the handler of", _handlers, _restore_handlers, details=_changed_handlers),
    GlobalState("a timer", _timers, _restore_timers, is_same=_same_timers),
    setting("resource limits", _limits, _restore_limits),
    setting("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda text: locale.setlocale(locale.LC_ALL, text)),
    setting("Python's hooks for errors and output", _hooks, _restore_hooks),
    setting("Python's tracing", sys.gettrace, sys.settrace),
    setting("Python's profiling", sys.getprofile, sys.setprofile),
    setting("Python's switch interval", sys.getswitchinterval, sys.setswitchinterval),
    setting("garbage collection", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    GlobalState("the import hooks", _finders, _restore_finders, is_same=_same_finders),
    GlobalState("sys.modules", _modules, sys.modules.update, is_same=_same_modules, details=_changed_modules),
    *map(functions_of, ("os", "io", "json", "json.encoder", "click", "click.utils", "numpy")),
    GlobalState(
        "the context of decimal",
        _decimal,
        lambda context: sys.modules["decimal"].setcontext(context),
        "decimal",
        initial=lambda: sys.modules["decimal"].DefaultContext.copy(),
        is_same=lambda before, now: (before.prec, before.rounding) == (now.prec, now.rounding),
    ),
    GlobalState(
        "NumPy's error handling",
        lambda: _numpy().geterr(),
        lambda before: _numpy().seterr(**before),
        "numpy",
        initial=lambda: NUMPY_ERRORS,
    ),
    GlobalState(
        "NumPy's print options",
        lambda: _numpy().get_printoptions(),
        lambda before: _numpy().set_printoptions(**before),
        "numpy",
    ),
)
