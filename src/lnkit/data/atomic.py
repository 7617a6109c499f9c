"""Files and folders that appear complete or not at all; imports little, so that every command may use it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lnkit._text_paths import text_paths

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def tmp_name() -> str:
    """Return a file name that no other process uses."""
    return f"new-{os.urandom(16).hex()}"


@text_paths
@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` at the end, or delete it on any error."""
    tmp = path.with_name(f".{path.name}.{tmp_name()}")
    try:
        yield tmp
        tmp.replace(path)
    finally:
        with suppress(OSError):
            tmp.unlink()


@text_paths
def atomic_write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, completely or not at all."""
    with atomic_write(path) as tmp:
        tmp.write_text(text, encoding="utf-8")


@text_paths
@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target``; rename it to ``target`` at the end, or delete it on any error.

    The caller holds a lock against others that make the same folder: a temporary folder left by a killed process is
    removed first.
    """
    tmp = target.with_name(f".{target.name}.part")
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True)
    if old.is_dir() and not target.exists():  # a process was killed between the two renames below
        old.rename(target)
    try:
        yield tmp
        if target.exists():  # os.replace cannot replace a folder that has files
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
        tmp.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(tmp, ignore_errors=True)
        raise
