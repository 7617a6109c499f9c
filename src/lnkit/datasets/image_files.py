"""Image files of a published dataset: found whatever the case of their names, and identified by their content."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.data import atomic_write_text, describe_folder, explain_disk_errors, file_sha256, packed_dir, same_name
from lnkit.data.fetch.folder_files import folder_files
from lnkit.datasets.text_tables import text_sha256
from lnkit.errors import DataError
from lnkit.progress import Progress

__all__ = [
    "FileTree",
    "Folder",
    "content_sha256",
    "folder_with",
]

BATCH = 200  # files read between two reports of progress


@text_paths
class Folder:
    """A folder whose files are found by name, in any case.

    Copies of TID2013 differ in this: ``I01.BMP`` in one is ``i01.bmp`` in another.
    """

    def __init__(self, path: Path) -> None:
        """List ``path``; raises DataError if it is no folder."""
        if not path.is_dir():
            raise DataError(f"{path} is not a folder.")
        self.path = path
        self._by_lower: dict[str, list[str]] = {}
        for name in sorted(entry.name for entry in path.iterdir()):
            self._by_lower.setdefault(_key(name), []).append(name)

    def find(self, name: str) -> Path | None:
        """Return the path of ``name``, or None.

        Raises:
            DataError: The name exists only in other cases, and in more than one.
        """
        candidates = self._by_lower.get(_key(name), [])
        if name in candidates:
            return self.path / name
        if len(candidates) > 1:
            raise DataError(f"Expected {self.path / name}, got {' and '.join(candidates)}. Remove one of them.")
        return self.path / candidates[0] if candidates else None

    def get(self, name: str, hint: str = "") -> Path:
        """Return the path of ``name``; raises DataError, which ends with ``hint``, if it does not exist."""
        path = self.find(name)
        if path is None:
            raise DataError(f"{self.path} has no {name}. {hint}".strip())
        return path


@text_paths
class FileTree:
    """All files below a folder, found by the last parts of their paths, in any case.

    Copies of one dataset lie in folders of different names and depths: ``dst_imgs/awgn/1600.AWGN.1.png`` in one is
    ``CSIQ/dst_imgs/1600.AWGN.1.png`` in another.
    """

    def __init__(self, root: Path, expected: str) -> None:
        """List the files below ``root``, without hidden ones; raises DataError, with ``expected``, if it is no folder.

        Args:
            root: The folder.
            expected: The layout in a sentence, for errors.
        """
        if not root.is_dir():
            raise DataError(f"{root} is not a folder. {expected}")
        self.root, self.expected = root, expected
        self._paths: dict[str, list[tuple[list[str], Path]]] = {}
        for file in folder_files(root):
            *folders, name = file.name.split("/")
            if not name.startswith(".") and "__MACOSX" not in folders:  # a Mac's archives have "._I01.BMP" for I01.BMP
                self._paths.setdefault(_key(name), []).append(([_folder_key(part) for part in folders], file.path))

    def find(self, name: str) -> Path | None:
        """Return the file ``name``, or None.

        Args:
            name: Of the file; folders before it must be in its path in this order: "jp2k/img2.bmp".

        Raises:
            DataError: There are two.
        """
        *folders, last = name.split("/")
        wanted = [_folder_key(part) for part in folders]
        paths = [path for parts, path in self._paths.get(_key(last), ()) if _in_order(wanted, parts)]
        if len(paths) > 1:
            both = " and ".join(path.relative_to(self.root).as_posix() for path in paths[:2])
            raise DataError(
                f"Expected one file {name} in {self.root}, got {both}. Remove one of them, or name the folder of one "
                "copy of one dataset."
            )
        return paths[0] if paths else None

    def inside(self, folder: str, suffix: str) -> list[Path]:
        """Return the files with a suffix that lie directly in folders of this name, by path."""
        entries = (entry for stored in self._paths.values() for entry in stored)
        wanted = _folder_key(folder)
        return sorted(path for parts, path in entries if parts[-1:] == [wanted] and path.suffix.lower() == suffix)

    def get(self, name: str, hint: str = "") -> Path:
        """Return the file ``name``; raises DataError, which ends with ``hint``, if there is none."""
        path = self.find(name)
        if path is None:
            raise DataError(f"{self.root} has no {name}. {hint or self.expected}")
        return path


def _key(name: str) -> str:
    return same_name(name).lower()


def _folder_key(name: str) -> str:
    return _key(name).replace(" ", "").replace("_", "")  # "Part 1" is "Part_1" in another copy of LIVE-MD


def _in_order(wanted: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether all names of ``wanted`` are among ``parts``, in this order."""
    rest = iter(parts)
    return all(name in rest for name in wanted)


@text_paths
def folder_with(root: Path, name: str, inner: Sequence[str], expected: str) -> Folder:
    """Find the folder that has the file ``name``: ``root``, or one in it.

    Args:
        root: The user's folder.
        name: The file to look for.
        inner: Names of folders that archives unpack to.
        expected: The layout in a sentence, for the error.

    Raises:
        DataError: None of them has the file.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {expected}")
    for path in (root, *(root / part for part in inner)):
        if path.is_dir() and (folder := Folder(path)).find(name):
            return folder
    raise DataError(f"{root} has no {name} in it. {expected} {describe_folder(root)}")


@text_paths
def content_sha256(title: str, files: Mapping[str, Path], root: Path, cache: Path, progress: Progress) -> str:
    """Return the identity of image files: the hash of what ``sha256sum`` prints for them, sorted by name.

    It is stored in the cache until a file's size or time changes, since reading all of KADID-10k takes a while.

    Args:
        title: For the progress: "tid2013".
        files: Name in the published data -> file. Names, not paths, are part of the identity.
        root: The folder of the files.
        cache: The cache folder.
        progress: Receives the progress of reading.

    Raises:
        DataError: A file cannot be read.
    """
    names = sorted(files)
    stats = {name: files[name].stat() for name in names}
    state = text_sha256(f"{name} {stats[name].st_size} {stats[name].st_mtime_ns}" for name in names)
    stored = packed_dir(root, cache) / f"content-{text_sha256(names)[:12]}.json"
    known = _read_stored(stored)
    if known.get("state") == state and "content" in known:
        return known["content"]
    content = text_sha256(_sums(title, names, files, progress))
    text = json.dumps({"state": state, "content": content})
    with explain_disk_errors(stored.parent, len(text), f"storing the checksums of {title}"):
        stored.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_text(stored, text)
    return content


def _sums(title: str, names: Sequence[str], files: Mapping[str, Path], progress: Progress) -> list[str]:
    sums: list[str] = []
    with progress.task(f"reading {title}", len(names), unit="images") as advance, ThreadPoolExecutor() as pool:
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            sums += pool.map(file_sha256, [files[name] for name in batch])
            advance(len(batch))
    return [f"{sha256}  {name}" for name, sha256 in zip(names, sums, strict=True)]


def _read_stored(file: Path) -> dict[str, str]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
