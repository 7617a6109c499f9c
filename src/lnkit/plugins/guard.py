"""The guard around foreign code: plugins, and the user's own networks, distances and benchmarks.

Whatever foreign code raises, SystemExit and a KeyboardInterrupt of its own included, becomes an error that says whose
code failed and where. Process state that it changes is restored and named.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any, NamedTuple, NoReturn

from lnkit.data.atomic import DISK_FULL
from lnkit.errors import LnkitError, PluginError
from lnkit.plugins.failures import place_of, sentence_of
from lnkit.plugins.interrupts import counted_interrupts, interrupts_received
from lnkit.plugins.output import kept_descriptors, stdout_to_stderr
from lnkit.plugins.process_state import GlobalState, preserved
from lnkit.plugins.torch_state import GENERATORS, SETTINGS


class Owner(NamedTuple):
    """Whose code runs, for the sentence when it fails."""

    title: str  # "Benchmark 'mine' of lnkit-mine 1.0"
    package: str = ""  # top-level package of its code, to name a line of: "lnkit_mine"
    error: type[LnkitError] = PluginError  # UsageError for the user's own code


def owner_of(title: str, reference: object, error: type[LnkitError] = PluginError) -> Owner:
    """Return the owner of a function.

    Args:
        title: for the sentence: "Distance 'mine'".
        reference: the function, or "module:function".
        error: what to raise when it fails.
    """
    function: Any = getattr(reference, "func", reference)  # of a partial
    module = function.partition(":")[0] if isinstance(function, str) else getattr(function, "__module__", "")
    return Owner(title, str(module or "").partition(".")[0], error)


@contextmanager
def foreign_code(
    blame: Callable[[BaseException], BaseException | None],
    *,
    named: Sequence[GlobalState] = SETTINGS,
    silent: Sequence[GlobalState] = GENERATORS,
    circumstances: bool = False,
) -> Iterator[list[str]]:
    """Run foreign code inside: its output goes to stderr, its errors to ``blame``, and process state is restored.

    Args:
        blame: gets what foreign code raised, and returns the error to raise instead, or None to raise nothing. It gets
            neither an interrupt that a person sent, nor a full disk or memory.
        named: states that are restored; changes of them are named.
        silent: states that are restored without a word.
        circumstances: whether ``blame`` gets a full disk or memory too, as for code that only registers something.

    Yields:
        A list that holds the names of changed states afterwards.
    """
    changed: list[str] = []
    before = interrupts_received()
    with counted_interrupts():
        try:
            kept = kept_descriptors(changed) if named else nullcontext()
            with stdout_to_stderr(), kept, preserved(silent), preserved(named, changed):
                yield changed
        except BaseException as error:
            sent = isinstance(error, KeyboardInterrupt) and interrupts_received() > before
            if sent or (is_circumstance(error) and not circumstances):
                raise
            blamed = blame(error)
            if blamed is error:
                raise
            if blamed is not None:
                raise blamed from error


@contextmanager
def no_early_end() -> Iterator[None]:
    """Turn ``os._exit`` of foreign code into SystemExit, since the process would end as if it had done its work.

    Child processes end as they like. Compiled code can still end this one.
    """
    usual, process = os._exit, os.getpid()

    def end(status: int) -> NoReturn:
        if os.getpid() != process:
            usual(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = end
    try:
        yield
    finally:
        os._exit = usual


@contextmanager
def guarded(owner: Owner, action: str, hint: str = "") -> Iterator[None]:
    """Run foreign code inside; its failure is its owner's, changes of process state are restored and logged once.

    Args:
        owner: whose code it is.
        action: what it does, for the sentence: "to run".
        hint: what the user can do, as a sentence.

    Raises:
        LnkitError: one that the code raised itself, as it is; any other exception as the owner's error.
    """
    with _restored(owner, lambda error: _explained(owner, action, error, hint)):
        yield


@contextmanager
def restored(owner: Owner) -> Iterator[None]:
    """Restore process state around many calls that are `blamed` each: to keep it takes a millisecond."""
    with _restored(owner, lambda error: error):
        yield


@contextmanager
def _restored(owner: Owner, blame: Callable[[BaseException], BaseException | None]) -> Iterator[None]:
    changed: list[str] = []
    try:
        # Generators go on: the same numbers in each run would hide that a benchmark draws without a seed.
        with foreign_code(blame, silent=()) as changed:
            yield
    finally:
        if changed:
            warn_of_changes(f"{owner.title} changes {', '.join(changed)}")


@contextmanager
def blamed(owner: Owner, action: str) -> Iterator[None]:
    """Turn what foreign code raises inside into its owner's error; for calls inside others that are `guarded`."""
    with raised_as(lambda error: explain(owner, action, error)):
        yield


@contextmanager
def raised_as(make: Callable[[BaseException], LnkitError]) -> Iterator[None]:
    """Turn what foreign code raises inside into the error that ``make`` returns for it.

    A full disk or memory passes, and so does a KeyboardInterrupt: only the guard around it all knows who sent it.
    """
    try:
        yield
    except (LnkitError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if is_circumstance(error):
            raise
        raise make(error) from error


def _explained(owner: Owner, action: str, error: BaseException, hint: str) -> BaseException:
    return error if isinstance(error, LnkitError) else explain(owner, action, error, hint)


def explain(owner: Owner, action: str, error: BaseException, hint: str = "") -> LnkitError:
    """Return the error that says whose code failed, doing what, how and where."""
    place = place_of(error, owner.package)
    where = f" ({place})" if place else ""
    advice = hint or ("Tell its author." if owner.error is PluginError else "")
    said = f"{owner.title} failed {action}: {sentence_of(error).rstrip('.')}{where}. {advice}".rstrip()
    return owner.error(f"{said} `lnkit --traceback ...` shows more.")


def is_circumstance(error: BaseException) -> bool:
    """Whether an error is nobody's fault: the disk is full, or the memory of the machine or of a device."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in DISK_FULL):
        return True
    if not isinstance(error, RuntimeError) or (networks := sys.modules.get("lnkit.networks.device")) is None:
        return False
    return bool(networks.is_out_of_memory(error))


@cache  # the same code often runs more than once
def warn_of_changes(sentence: str) -> None:
    """Log that foreign code changed process state, which was restored."""
    warn(f"{sentence}; lnkit undid this. Tell its author.")


def warn(sentence: str) -> None:
    """Log a sentence about foreign code at once, since what comes next may not be reached."""
    import logging  # noqa: PLC0415 - takes 5 ms to import, and plugins seldom give a reason

    logging.getLogger("lnkit").warning("%s", sentence)
