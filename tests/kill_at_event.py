"""Kills and failing disks at every file-system event of an action, each in a forked child.

An event is what Python's audit hooks tell of a folder: opening, renaming, removing, making, listing. The child dies, or
gets the error, just before the event would happen.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lnkit.errors import LnkitError

KILLED = 137  # exit code of a child that died at its event
FAILED = 3  # exit code of a child whose action raised LnkitError
BROKEN = 4  # exit code of a child whose action raised anything else
BORNE = 5  # exit code of a child whose action ended although an event failed
CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "shutil.")


def until_event(number: int, folder: Path, action: Callable[[], object], error: int = 0) -> int:
    """Run an action in a forked child that is killed at one of its file-system events.

    Args:
        number: Of the event, from 1.
        folder: Events below it count, and all that name files relative to a descriptor.
        action: Run in the child.
        error: Instead of a kill, the event raises an OSError with this number.

    Returns:
        One of the codes above; 0 if the action ended before the event.
    """
    child = os.fork()
    if child == 0:
        code = BROKEN
        try:
            reached = _watch(number, str(folder), error)
            action()
            code = BORNE if reached() else 0
        except LnkitError:
            code = FAILED
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def at_every_event(
    folder: Path, prepare: Callable[[Path], object], action: Callable[[Path], object], check: Callable[[Path], object]
) -> int:
    """Kill an action at each of its events, on a fresh folder each time.

    Args:
        folder: For the fresh folders.
        prepare: Fills the folder that it is given.
        action: Works on the folder, and is killed.
        check: Judges the folder afterwards, also after the action has ended.

    Returns:
        The number of kills.
    """
    for number in range(1, 10_000):
        fresh = folder / str(number)
        fresh.mkdir()
        prepare(fresh)
        code = until_event(number, fresh, lambda: action(fresh))  # noqa: B023 - the child runs it at once
        check(fresh)
        if code != KILLED:
            assert code == 0, f"the action failed at event {number}"
            return number - 1
    raise AssertionError("the action does not end")


def _watch(number: int, folder: str, error: int) -> Callable[[], bool]:
    left = number

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event != "open" and not event.startswith(("os.", "shutil.")):
            return
        names = [os.fsdecode(name) for name in arguments if isinstance(name, (str, bytes))]
        inside = any(name.startswith(folder) for name in names)
        relative = event.startswith(CHANGES) and any(not name.startswith("/") for name in names)
        if not inside and not relative:
            return
        left -= 1
        if left == 0:
            if not error:
                os._exit(KILLED)
            raise OSError(error, os.strerror(error))

    sys.addaudithook(hook)
    return lambda: left <= 0
