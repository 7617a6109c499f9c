"""Paths that begin in somebody's home folder, which a user without an entry in the system's list does not have."""

from __future__ import annotations

from pathlib import Path

from lnkit.errors import UsageError


def expand_home(path: str | Path) -> Path:
    """Return a path with ``~`` and ``~name`` replaced.

    Raises:
        UsageError: there is no such home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"There is no home folder for {str(path)!r}. Write the whole path.") from error
