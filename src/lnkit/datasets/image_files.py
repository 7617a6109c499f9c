"""Image files of a published data set: found whatever the case of their names, and identified by their content."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lnkit.data.atomic import atomic_write_text
from lnkit.data.cache import packed_dir
from lnkit.data.fetch.checksums import file_sha256
from lnkit.data.folders import describe_folder
from lnkit.data.storage import explain_disk_errors
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit_judgments.places import text_sha256

BATCH = 200  # files between two signs of life


class Folder:
    """A folder whose files are found by name, in the case that is asked for or in another.

    Copies of TID2013 differ in this: ``I01.BMP`` in one is ``i01.bmp`` in another.
    """

    def __init__(self, path: Path) -> None:
        """Raises DataError if ``path`` is no folder."""
        if not path.is_dir():
            raise DataError(f"{path} is not a folder.")
        self.path = path
        self._names = sorted(entry.name for entry in path.iterdir())
        self._by_lower: dict[str, list[str]] = {}
        for name in self._names:
            self._by_lower.setdefault(name.lower(), []).append(name)

    def find(self, name: str) -> Path | None:
        """The path of ``name``, or None.

        Raises:
            DataError: Only other cases of the name are there, and more than one.
        """
        candidates = self._by_lower.get(name.lower(), [])
        if name in candidates:
            return self.path / name
        if len(candidates) > 1:
            raise DataError(f"{self.path} has {' and '.join(candidates)}, and {name} is asked for. Remove one of them.")
        return self.path / candidates[0] if candidates else None

    def get(self, name: str, what_for: str = "") -> Path:
        """The path of ``name``; raises DataError where there is none, which ends with ``what_for``."""
        found = self.find(name)
        if found is None:
            raise DataError(f"{self.path} has no {name}. {what_for}".strip())
        return found


def folder_with(root: Path, name: str, inner: Sequence[str], expected: str) -> Folder:
    """``root`` or a folder in it that has the file ``name``.

    Args:
        root: The user's folder.
        name: The file that tells.
        inner: Names of folders that archives unpack to.
        expected: The layout in a sentence, for the error.

    Raises:
        DataError: It is in none of them.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {expected}")
    for path in (root, *(root / part for part in inner)):
        if path.is_dir() and (folder := Folder(path)).find(name):
            return folder
    raise DataError(f"{root} has no {name} in it. {expected} {describe_folder(root)}")


def content_sha256(title: str, files: Mapping[str, Path], root: Path, cache: Path, progress: Progress) -> str:
    """The identity of image files: what ``sha256sum`` prints for them, sorted by name, hashed.

    It is remembered in the cache as long as no file's size or time changes, since reading all of KADID-10k takes a
    while.

    Args:
        title: For the progress: "tid2013".
        files: Name in the published data -> file. Names, not paths, are part of the identity.
        root: The folder they lie in.
        cache: The cache folder.
        progress: Hears of reading.
    """
    names = sorted(files)
    stats = {name: files[name].stat() for name in names}
    state = text_sha256(f"{name} {stats[name].st_size} {stats[name].st_mtime_ns}" for name in names)
    memory = packed_dir(root, cache) / f"content-{text_sha256(names)[:12]}.json"
    known = _recall(memory)
    if known.get("state") == state and "content" in known:
        return known["content"]
    content = text_sha256(_sums(title, names, files, progress))
    text = json.dumps({"state": state, "content": content})
    with explain_disk_errors(memory.parent, len(text), f"remembering the content of {title}"):
        memory.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(memory, text)
    return content


def _sums(title: str, names: Sequence[str], files: Mapping[str, Path], progress: Progress) -> list[str]:
    sums: list[str] = []
    with progress.task(f"reading {title}", len(names), unit="images") as advance, ThreadPoolExecutor() as pool:
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            sums += pool.map(_sum, [files[name] for name in batch])
            advance(len(batch))
    return [f"{sha256}  {name}" for name, sha256 in zip(names, sums, strict=True)]


def _sum(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check the file and its permissions.") from error


def _recall(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
