"""Datasets whose file list must be downloaded first (COCO, for example); it is stored until their download is done."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from lnkit.data.fetch.download import fetch, file_name
from lnkit.data.fetch.safe_paths import clash, is_inside
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec, RemoteFile, load_function

ListFiles = Callable[[Callable[[RemoteFile], Path]], Sequence[RemoteFile]]  # of DatasetSpec.list_files

LISTING = "listing"  # folder in the download folder


def all_files(spec: DatasetSpec, downloads: Path, progress: Progress, hint: str) -> tuple[RemoteFile, ...]:
    """Return the files that ``spec`` names, then those of its listing.

    A listing that an earlier call left in the download folder is used again; if unusable, it is fetched once more.

    Args:
        spec: The dataset.
        downloads: Its download folder.
        progress: Receives the bytes of the listing.
        hint: What to do if the listing cannot be fetched, as whole sentences for the error.

    Raises:
        DataError: The listing cannot be fetched or parsed, or has a path that cannot belong to the dataset.
        PluginError: The function of the dataset's ``list_files`` cannot be imported.
    """
    if spec.list_files is None:
        return spec.files
    is_stored = (downloads / LISTING).is_dir()
    list_files = load_function(spec.list_files)  # a fault of the plugin, not of the listing
    listing = _Listing(spec, downloads / LISTING, lambda file, folder: fetch(file, folder, progress, hint=hint))
    try:
        return (*spec.files, *listing.files(list_files))
    except DataError:
        if listing.unreachable:
            raise
        remove_listing(downloads)
        if not is_stored:
            raise
        return all_files(spec, downloads, progress, hint)


def remove_listing(downloads: Path) -> None:
    """Delete the stored listing, so that the next call fetches it again."""
    shutil.rmtree(downloads / LISTING, ignore_errors=True)


class _Listing:
    """The listing of a dataset, whose pages are fetched while the plugin reads it."""

    def __init__(self, spec: DatasetSpec, folder: Path, fetch: Callable[[RemoteFile, Path], Path]) -> None:
        self.spec, self.folder, self.fetch = spec, folder, fetch
        self.unreachable = False  # set if a page could not be fetched

    def files(self, list_files: ListFiles) -> tuple[RemoteFile, ...]:
        """Return the files of the listing, as the dataset's ``list_files`` reads them, validated."""
        try:
            files = tuple(list_files(self._fetch_page))
        except DataError:
            raise
        except Exception as error:
            if self.unreachable:
                raise
            raise self._error(f"{type(error).__name__}: {error}") from error
        self._check(files)
        return files

    def _fetch_page(self, file: RemoteFile) -> Path:
        """Fetch a page of the listing into its own folder: many of them are called index.html.

        Its checksum is stored there too and deleted with it: listings may change from day to day.
        """
        key = hashlib.sha256(file.url.encode()).hexdigest()[:12]
        try:
            return self.fetch(file, self.folder / key)
        except BaseException:
            self.unreachable = True
            raise

    def _check(self, files: Sequence[RemoteFile]) -> None:
        if not files:
            raise self._error("it names no files")
        for file in files:
            if not is_inside(file.path):
                raise self._error(f"{file.path!a:.200} is no path in the dataset's folder")
            file_name(file.url)
        if twice := clash([file.path for file in (*self.spec.files, *files) if file.path]):
            raise self._error(f"{twice!a:.200} is named twice, or is a file and a folder")

    def _error(self, why: str) -> DataError:
        return DataError(
            f"The listing of {self.spec.name} cannot be used: {why}. It was removed; the same command fetches it "
            "again. If the error persists, the server has changed: report it to the plugin's authors, or import data "
            f"that you have with `lnkit data import {self.spec.name} FOLDER`."
        )
