"""Which paths a dataset's files may have: those that stay in its folder, on any system."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath

LONGEST = 200  # bytes of a name; file systems take 255, and while a file arrives its name has more to it
TAKEN = frozenset({"dataset.json", "inventory.sha256"})  # what lnkit puts beside a dataset's files
ARRIVING = (".part", ".part.json")  # how the names of files end that are on their way


def is_inside(path: object) -> bool:
    """Whether it is a relative path with ``/`` that cannot lead out of the folder it is put in."""
    if not isinstance(path, str) or not path.isprintable() or "\\" in path or PureWindowsPath(path).drive:
        return False
    parts = path.split("/")
    sound = all(part not in {"", ".", ".."} and len(part.encode()) <= LONGEST for part in parts)
    return sound and path not in TAKEN and not path.endswith(ARRIVING)


def clash(places: Iterable[str]) -> str:
    """The first of some paths that is there twice, or is a folder of another one; "" if none is."""
    seen: set[str] = set()
    folders: set[str] = set()
    for place in places:
        parents = {parent.as_posix() for parent in PurePosixPath(place).parents}
        if place in seen or place in folders or parents & seen:
            return place
        seen.add(place)
        folders |= parents
    return ""
