"""Paths that a dataset's files may have: those that stay in its folder, on any operating system."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath

MANIFEST = "dataset.json"
INVENTORY = "inventory.sha256"
RESERVED = frozenset({MANIFEST, INVENTORY})  # lnkit's own files beside a dataset's
LONGEST = 200  # bytes of a name; file systems allow 255, and names get longer during a download
DEEPEST = 32  # folders in each other; removing them is recursive, and datasets have five or six
ARRIVING = (".part", ".part.json")  # endings of files during their download


def is_inside(path: object) -> bool:
    """Return whether ``path`` is a relative path with ``/`` that cannot leave its folder."""
    if not isinstance(path, str) or not path.isprintable() or "\\" in path or PureWindowsPath(path).drive:
        return False
    sound = all(part not in {"", ".", ".."} and len(part.encode()) <= LONGEST for part in path.split("/"))
    return sound and path not in RESERVED and not path.endswith(ARRIVING)


def clash(paths: Iterable[str]) -> str:
    """Return the first path that occurs twice or is a folder of another one; "" if there is none."""
    seen: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        parents = {parent.as_posix() for parent in PurePosixPath(path).parents}
        if path in seen or path in folders or parents & seen:
            return path
        seen.add(path)
        folders |= parents
    return ""
