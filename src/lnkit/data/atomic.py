"""Files that appear whole or not at all; light enough for every command."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def tmp_name() -> str:
    """A name that no other process uses."""
    return f"new-{os.urandom(16).hex()}"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its place at the end, or vanishes if anything goes wrong."""
    draft = path.with_name(f".{path.name}.{tmp_name()}")
    try:
        yield draft
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink()
