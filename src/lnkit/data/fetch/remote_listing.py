"""Datasets whose files only a listing names: it is fetched first, and kept while the files arrive."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from lnkit.data.fetch.download import fetch, file_name
from lnkit.data.fetch.safe_paths import clash, is_inside
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec, RemoteFile, load_object

LISTING = "listing"  # folder in the download folder


def all_files(spec: DatasetSpec, waiting: Path, progress: Progress, ways_on: str) -> tuple[RemoteFile, ...]:
    """The files that ``spec`` names and those that its listing names.

    A listing that was fetched by an earlier call and is still in ``waiting`` is used as it is. If nothing can be made
    of it, it is fetched once more.

    Raises:
        DataError: A listing could not be reached, is not understood, or names what cannot be a file of the dataset.
    """
    if spec.list_files is None:
        return spec.files
    kept = (waiting / LISTING).is_dir()
    look = _Look(spec, waiting / LISTING, lambda file, folder: fetch(file, folder, progress, ways_on=ways_on))
    try:
        found = look.files()
    except DataError:
        if look.out_of_reach:
            raise
        forget_listing(waiting)
        if not kept:
            raise
        return all_files(spec, waiting, progress, ways_on)
    return (*spec.files, *found)


def forget_listing(waiting: Path) -> None:
    """Have the listing fetched anew the next time."""
    shutil.rmtree(waiting / LISTING, ignore_errors=True)


class _Look:
    """One look at a dataset's listing."""

    def __init__(self, spec: DatasetSpec, folder: Path, fetch: Callable[[RemoteFile, Path], Path]) -> None:
        self.spec, self.folder, self.fetch = spec, folder, fetch
        self.out_of_reach = False  # it failed because something could not be fetched

    def files(self) -> tuple[RemoteFile, ...]:
        """What the listing names, checked."""
        if self.spec.list_files is None:
            return ()
        self.out_of_reach = False
        try:
            found = tuple(load_object(self.spec.list_files)(self._bring))
        except DataError:
            raise
        except Exception as error:
            if self.out_of_reach:
                raise
            raise self._bad(f"{type(error).__name__}: {error}") from error
        self._check(found)
        return found

    def _bring(self, file: RemoteFile) -> Path:
        """Fetch a part of the listing into a folder of its own: many of them are called index.html.

        Its checksum is kept there too, and goes with it: listings may change from day to day.
        """
        key = hashlib.sha256(file.url.encode()).hexdigest()[:12]
        try:
            return self.fetch(file, self.folder / key)
        except BaseException:
            self.out_of_reach = True
            raise

    def _check(self, found: Sequence[RemoteFile]) -> None:
        if not found:
            raise self._bad("it names no files")
        for file in found:
            if not is_inside(file.path):
                raise self._bad(f"{file.path!a:.200} is no path in the dataset's folder")
            file_name(file.url)
        if twice := clash([file.path for file in (*self.spec.files, *found) if file.path]):
            raise self._bad(f"{twice!a:.200} is named twice, or is a file and a folder")

    def _bad(self, why: str) -> DataError:
        return DataError(
            f"The listing of {self.spec.name} cannot be used: {why}. It was removed, so that the same command fetches "
            "it anew. If it stays so, its server has changed: please report it to the plugin's authors, or import data "
            f"that you have with `lnkit data import {self.spec.name} FOLDER`."
        )
