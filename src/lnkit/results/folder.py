"""The results folder: one folder per run, which appears complete or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit._text_paths import text_paths
from lnkit.data.atomic import sync, sync_names
from lnkit.data.leftovers import remove, tmp_name
from lnkit.data.stored_files import read_arrays, read_text
from lnkit.errors import DataError, PluginError, UsageError
from lnkit.results.editions import ReplacedError, current, is_edition, put_in_place, read_current, tidy
from lnkit.results.part_store import PARTS_FOLDER, clear_abandoned
from lnkit.results.record_files import (
    ARRAYS_FILES,
    RECORD_FILE,
    copy_files,
    explain_write_errors,
    fault_of_names,
    write_arrays,
)
from lnkit.results.records import RunKey, RunRecord, from_json, record_id, to_json
from lnkit.results.seeds import means_over_seeds

if TYPE_CHECKING:
    import numpy as np

    from lnkit.benchmark import Arrays

_ID = re.compile(r".+_[0-9a-f]{12}")


def results_dir(folder: Path | None = None) -> Path:
    """Return the given folder, else ``LNKIT_RESULTS``, else ``results`` in the working directory.

    Raises:
        UsageError: the path is something else than a folder, or the working directory was removed.
    """
    path = folder or Path(os.environ.get("LNKIT_RESULTS") or "results")
    try:
        path.absolute()
    except FileNotFoundError as error:
        raise UsageError(
            f"The working directory was removed, so {path} is nowhere. Change to another directory and run the command "
            "again."
        ) from error
    if path.exists() and not path.is_dir():
        raise UsageError(f"Expected a folder for results, got the file {path}; name a folder with --results DIR.")
    return path


@dataclass(frozen=True)
class DamagedRecord:
    """A folder whose record cannot be read, and the reason."""

    path: Path
    reason: str


@text_paths
@dataclass(frozen=True)
class ResultsFolder:
    """Records on disk. Several processes may write to it at the same time."""

    path: Path

    def find(self, key: RunKey) -> RunRecord | None:
        """Return the record of the run with this key, or None if there is none.

        Raises:
            DataError: the record cannot be read.
        """
        folder = self.path / record_id(key)
        if not folder.is_dir():
            return None
        try:
            return self.read(folder)
        except DataError as error:
            raise DataError(f"{error} Remove the folder {folder}, or replace it with --force.") from error

    @text_paths
    def read(self, folder: Path) -> RunRecord:
        """Read the record in ``folder``.

        Raises:
            DataError: the record is missing, damaged, of another schema, or belongs into another folder.
        """
        return read_current(folder, lambda place: _read(place, folder.name))

    def folder_of(self, record: RunRecord) -> Path:
        """Return the folder with the files of a record."""
        return current(self.path / record.id)

    def arrays(self, record: RunRecord) -> dict[str, np.ndarray]:
        """Return the arrays stored beside a record, by name.

        Raises:
            DataError: they are missing or damaged.
            ReplacedError: the record was replaced since it was read.
        """

        def read(place: Path) -> dict[str, np.ndarray]:
            try:
                arrays = read_arrays(place / _arrays_file(record))
            except DataError as error:
                raise DataError(f"{str(error)[:-1]}; run the same command again with --force.") from error
            if to_json(_read(place, record.id)) != to_json(record):
                raise ReplacedError(f"{record.id} was replaced while it was read; run this command again.")
            return arrays

        return read_current(self.path / record.id, read)

    @text_paths
    def write(
        self, record: RunRecord, arrays: Arrays, files: Mapping[str, Path] | None = None, *, replace: bool = False
    ) -> Path:
        """Write a record, its arrays and its files as one folder, which appears complete or not at all.

        Args:
            record: of the run.
            arrays: stored beside it, by name.
            files: copied beside it, by name.
            replace: replace an existing record; otherwise the first of two equal runs stays.

        Returns:
            The folder of the record.

        Raises:
            PluginError: the benchmark gave a value or a file that cannot be stored.
            LnkitError: the folder cannot be written to.
        """
        target = self.path / record.id
        text = _checked_json(record, files or ())
        with explain_write_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            tmp = self.path / PARTS_FOLDER / tmp_name()
            try:
                tmp.mkdir(parents=True)
                if arrays:
                    write_arrays(tmp / _arrays_file(record), arrays)
                copy_files(files or {}, tmp, record.key.benchmark)
                (tmp / RECORD_FILE).write_text(text, encoding="utf-8")
                sync(tmp)
                put_in_place(tmp, target, replace=replace)
                sync_names(self.path)
            finally:
                remove(tmp)
        return current(target)

    def clear_leftovers(self, ids: Iterable[str]) -> None:
        """Remove what killed processes left here: drafts, parts of finished runs, and older editions of some records.

        Args:
            ids: of these records.
        """
        clear_abandoned(self.path)
        for id_ in ids:
            tidy(self.path / id_)

    def load(self) -> tuple[list[RunRecord], list[DamagedRecord]]:
        """Return all records, by name, and the folders whose records cannot be read.

        Raises:
            DataError: the results folder itself cannot be read.
        """
        records, damaged = [], []
        for folder in self._folders():
            try:
                records.append(self.read(folder))
            except DataError as error:
                damaged.append(DamagedRecord(folder, str(error)))
        return records, damaged

    def _folders(self) -> list[Path]:
        """Return the folders that hold records, whether these can be read or not."""
        try:
            with os.scandir(self.path) as entries:
                folders = [Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise DataError(
                f"{self.path} cannot be read ({error.strerror}). Change its permissions, or name another folder with "
                "--results DIR."
            ) from error
        return [folder for folder in sorted(folders) if _may_hold_record(folder)]

    def choose(self, text: str) -> RunRecord:
        """Return the record that ``text`` identifies: its id, the start of its id or hash, or ``backbone:points``.

        Trainings that differ only in their seed are one result, their mean. An id or a hash also names one of them.

        Raises:
            UsageError: no record matches, or several do.
            DataError: the record cannot be read.
        """
        stored, damaged = self.load()
        records = means_over_seeds(stored)
        matchers: list[Callable[[RunRecord], bool]] = [
            lambda r: r.id == text,
            lambda r: r.id.startswith(text) or r.key.digest().startswith(text),
            lambda r: r.loss_network == text,
        ]
        for matches in matchers:
            matching = [record for record in records if matches(record)]
            known = {id_ for record in matching for id_ in (record.id, *record.runs)}
            matching += [record for record in stored if record.id not in known and matches(record)]
            if len(matching) == 1:
                return matching[0]
            if matching:
                names = ", ".join(record.id for record in matching[:5])
                raise UsageError(
                    f"{text!r} matches {len(matching)} results in {self.path} ({names}); name one by its full id."
                )
        if reason := next((record.reason for record in damaged if record.path.name.startswith(text)), ""):
            raise DataError(reason)
        raise UsageError(f"There is no result {text!r} in {self.path}; `lnkit results list` shows all results.")


def _may_hold_record(folder: Path) -> bool:
    if os.path.lexists(folder / RECORD_FILE) or _ID.fullmatch(folder.name):
        return True
    try:
        return any(is_edition(path.name) for path in folder.iterdir())
    except OSError:  # closed, so that nobody knows
        return True


def _read(place: Path, id_: str) -> RunRecord:
    """Read the record in a folder or an edition of it."""
    file = place / RECORD_FILE
    record = from_json(read_text(file), str(file))
    if record.id != id_:
        raise DataError(f"Expected the record {id_} in {file}, got {record.id}.")
    return record


def _checked_json(record: RunRecord, names: Iterable[str]) -> str:
    """Return the text of a record, and make sure that it can be read back.

    Raises:
        PluginError: It could not be, or a file cannot have its name.
    """
    benchmark = f"Benchmark {record.key.benchmark!r} returned"
    try:
        text = to_json(record)
        text.encode()
        from_json(text)
    except (TypeError, ValueError, RecursionError, DataError) as error:
        raise PluginError(f"{benchmark} a value that cannot be stored: {error}") from error
    if fault := fault_of_names(names):
        raise PluginError(f"{benchmark} a file that cannot be stored: {fault}.")
    return text


def _arrays_file(record: RunRecord) -> str:
    """Return the name of the file with the arrays of a record, even if it has none."""
    return next((name for name in record.files if name in ARRAYS_FILES), ARRAYS_FILES[0])
