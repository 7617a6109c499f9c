"""Real data that tests use: find and verify them; fetch and make those that are missing (``make test-data``).

``tests/real_data.toml`` lists them. They are looked up in the folder ``LNKIT_TEST_DATA`` (by default ``../shared/data``
if it exists), which is only read, and then in ``test-data`` of lnkit's cache, into which missing ones are fetched::

    python tools/real_data.py                # all of them
    python tools/real_data.py superres       # some of them

The exit code is 0 if all are there and intact, 1 if not, 2 for wrong usage, 130 if interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from real_data_recipes import RECIPES

from lnkit.commands import make_progress
from lnkit.data import cache_dir, download_dir, explain_disk_errors, file_sha256, locked
from lnkit.data.fetch.connections import Target, fetch_all
from lnkit.data.fetch.download import file_name
from lnkit.errors import DataError, LnkitError, UsageError, did_you_mean, near_names
from lnkit.progress import Progress
from lnkit.specs import RemoteFile

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "real_data.toml"


@dataclass(frozen=True, slots=True)
class Original:
    """What is published."""

    url: str  # of the file that a recipe takes, or the common start of several; else of a page about it
    size: int = 0  # bytes of the file
    sha256: str = ""
    md5: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder that tests use."""

    path: str  # in the data folder
    title: str
    size: int  # bytes of all files; of a zip archive, of its unpacked members
    sha256: str  # see ``content``
    license: str
    original: Original
    made_by: str = ""  # "tools/real_data_recipes.py:NAME"
    why_not_made: str = ""  # whole sentences
    checked: str = ""  # how far the recipe is known to give this checksum, as whole sentences

    @property
    def how_to_get(self) -> str:
        """What to do if it is missing, as whole sentences."""
        if self.made_by:
            return "Run `make test-data`, or set LNKIT_TEST_DATA to a folder that has it."
        return f"It cannot be fetched: {self.why_not_made} Set LNKIT_TEST_DATA to a folder that has it."


def read_entries(file: Path = LIST) -> dict[str, Entry]:
    """Return all entries by path."""
    rows: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))["entry"]
    return {row["path"]: Entry(**{**row, "original": Original(**row["original"])}) for row in rows}


def data_folders() -> list[Path]:
    """Return the folders to look in: the user's, if there is one, and the one in lnkit's cache.

    Raises:
        UsageError: LNKIT_TEST_DATA does not name a folder.
    """
    named = os.environ.get("LNKIT_TEST_DATA", "")
    folder = Path(named).expanduser() if named else ROOT.parent / "shared" / "data"
    if named and not folder.is_dir():
        raise UsageError(f"Expected a folder in LNKIT_TEST_DATA, got {named!r}. Name a folder with real data.")
    return [*([folder] if folder.is_dir() else []), cache_dir() / "test-data"]


def locate(entry: Entry, folders: list[Path]) -> Path | None:
    """Return where ``entry`` is, in the first folder that has it."""
    return next((folder / entry.path for folder in folders if (folder / entry.path).exists()), None)


def content(path: Path) -> tuple[int, str]:
    """Return the bytes and the SHA-256 of a file, a folder or a zip archive (``.npz`` too).

    The SHA-256 of a folder and of an archive is that of a list of their files, sorted, as ``sha256sum`` prints it: how
    an archive is compressed and when it was written does not count. Hidden files do not count either.
    """
    if not path.is_dir() and not zipfile.is_zipfile(path):
        return path.stat().st_size, file_sha256(path)
    files = _folder_files(path) if path.is_dir() else _archive_files(path)
    lines = "".join(f"{files[name][1]}  {name}\n" for name in sorted(files))
    return sum(size for size, _ in files.values()), hashlib.sha256(lines.encode()).hexdigest()


def _folder_files(folder: Path) -> dict[str, tuple[int, str]]:
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): (path.stat().st_size, file_sha256(path)) for path in paths}


def _archive_files(archive: Path) -> dict[str, tuple[int, str]]:
    with zipfile.ZipFile(archive) as bundle:
        members = {info.filename: bundle.read(info) for info in bundle.infolist() if not info.is_dir()}
    return {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in members.items()}


def fault(entry: Entry, path: Path) -> str:
    """Return how ``path`` differs from ``entry``, as a sentence; "" if it does not."""
    try:
        size, sha256 = content(path)
    except zipfile.BadZipFile as error:
        return f"{path} is a damaged archive: {error}."
    if sha256 == entry.sha256:
        return ""
    expected = f"{entry.size:,} bytes with SHA-256 {entry.sha256}"
    return f"Expected {expected} in {path}, got {size:,} bytes with SHA-256 {sha256}."


def make_entry(entry: Entry, folder: Path, progress: Progress) -> None:
    """Fetch the original files of ``entry`` and make it in ``folder``, unless it is there and intact.

    A later call resumes an interrupted download. Nothing appears in ``folder`` that has another checksum.

    Raises:
        DataError: A file cannot be fetched, or what is made of them has another checksum.
    """
    recipe = RECIPES[entry.made_by.rpartition(":")[2]]
    target, downloads = folder / entry.path, download_dir("test-data") / entry.path
    hint = f"Set LNKIT_TEST_DATA to a folder that has {entry.path}, if you get it in another way."
    with explain_disk_errors(target, entry.size, f"making {entry.path}"), locked(target, "fetching it", progress):
        if target.exists() and not fault(entry, target):
            return
        fetch_all(entry.path, _targets(entry, recipe.names, downloads), downloads, progress, hint=hint)
        with tempfile.TemporaryDirectory(dir=target.parent) as tmp:
            made = Path(tmp) / target.name
            try:
                recipe.make(downloads, made)
                wrong = fault(entry, made)
            except (ValueError, LookupError, zipfile.BadZipFile) as error:
                wrong = f"They are not as expected ({type(error).__name__}: {error})."
            if wrong:
                shutil.rmtree(downloads)
                raise DataError(f"The files of {entry.original.url} have changed, and were removed. {wrong} {hint}")
            _remove(target)
            made.replace(target)
    shutil.rmtree(downloads)


def _targets(entry: Entry, names: tuple[str, ...], downloads: Path) -> list[Target]:
    original = entry.original
    if not names:
        file = RemoteFile(original.url, original.size, original.sha256, exact=bool(original.sha256), md5=original.md5)
        return [Target(file, downloads / file_name(original.url))]
    size = entry.size // len(names)  # about
    return [Target(RemoteFile(f"{original.url}/{name}", size), downloads / name) for name in names]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def check(entry: Entry, progress: Progress) -> tuple[bool, str]:
    """Return whether ``entry`` is there and intact, after fetching it if it is missing, and a sentence on it."""
    folders = data_folders()
    cache = folders[-1]
    path = locate(entry, folders)
    if path and (not entry.made_by or path != cache / entry.path):  # a folder of the user's is not written to
        wrong = fault(entry, path)
        return not wrong, wrong or f"intact, {path}"
    if not entry.made_by:
        return False, f"missing. {entry.how_to_get}"
    try:
        make_entry(entry, cache, progress)
    except DataError as error:
        return False, f"missing. {error}"
    return True, f"intact, {cache / entry.path}"


def run(paths: list[str], progress: Progress) -> int:
    """Check the entries ``paths``, by default all, print a line for each and return the exit code."""
    entries = read_entries()
    for path in paths:
        if path not in entries:
            hint = did_you_mean(near_names(path, list(entries)))
            raise UsageError(f"Expected paths of {LIST.name}, got {path!r}.{hint}")
    states = []
    for path in paths or entries:
        intact, sentence = check(entries[path], progress)
        print(f"{path}: {sentence}", flush=True)
        states.append(intact)
    missing = states.count(False)
    skipped = " Tests that need the others are skipped." if missing else ""
    print(f"{len(states) - missing} of {len(states)} are there and intact.{skipped}")
    return 1 if missing else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", metavar="PATH", help=f"entries of {LIST.name}; all if none is given")
    arguments = parser.parse_args()
    try:
        return run(arguments.paths, make_progress())
    except LnkitError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted. Run the same command again to resume.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
