"""Where the cache folder is. Imports almost nothing, since every command asks."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return the cache folder: ``LNKIT_CACHE`` if it is set, else the operating system's folder for caches."""
    named = os.environ.get("LNKIT_CACHE", "")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path  # noqa: PLC0415 - only when nothing else is named

    return user_cache_path("lnkit", appauthor=False)
