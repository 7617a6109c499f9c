"""Where the cache folder is. Imports almost nothing, since every command asks."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from lnkit.data.home import expand_home
from lnkit.errors import UsageError


def cache_dir() -> Path:
    """Return the cache folder: ``LNKIT_CACHE`` if it is set, else the operating system's folder for caches.

    Raises:
        UsageError: neither is known, as for a user without a home folder.
    """
    named = os.environ.get("LNKIT_CACHE", "")
    if named:
        return expand_home(named)
    from platformdirs import user_cache_path  # noqa: PLC0415 - only when nothing else is named

    with suppress(RuntimeError):  # without a home folder; earlier versions return a path that is not absolute
        folder = user_cache_path("lnkit", appauthor=False)
        if folder.is_absolute():
            return folder
    raise UsageError("This user has no home folder for the cache. Set LNKIT_CACHE to a folder that you may write to.")
