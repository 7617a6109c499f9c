"""The results folder: one folder per run, which appears complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit.data.atomic import DISK_FULL, atomic_write, tmp_name
from lnkit.errors import DataError, LnkitError, UsageError
from lnkit.results.records import RunKey, RunRecord, from_json, record_id, to_json
from lnkit.results.seeds import means_over_seeds

if TYPE_CHECKING:
    import numpy as np

    from lnkit.benchmark import Arrays

RECORD_FILE = "result.json"
ARRAYS_FILES = ("distances.npz", "values.npz")  # of a benchmark that only measures, and of one that trains
PARTS_FOLDER = ".parts"  # for unfinished runs


def results_dir(folder: Path | None = None) -> Path:
    """Return the given folder, else ``LNKIT_RESULTS``, else ``results`` in the working directory.

    Raises:
        UsageError: the path is a file.
    """
    path = folder or Path(os.environ.get("LNKIT_RESULTS") or "results")
    if path.is_file():
        raise UsageError(f"Expected a folder for results, got the file {path}; name a folder with --results DIR.")
    return path


@dataclass(frozen=True)
class DamagedRecord:
    """A folder whose record cannot be read, and the reason."""

    path: Path
    reason: str


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

    def read(self, folder: Path) -> RunRecord:
        """Read the record in ``folder``.

        Raises:
            DataError: the record is missing, damaged, of another schema, or belongs into another folder.
        """
        file = folder / RECORD_FILE
        try:
            record = from_json(file.read_text(encoding="utf-8"), str(file))
        except FileNotFoundError as error:
            raise DataError(f"{file} is missing.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{file} cannot be read ({error}).") from error
        if record.id != folder.name:
            raise DataError(f"Expected the record {folder.name} in {file}, got {record.id}.")
        return record

    def arrays(self, record: RunRecord) -> dict[str, np.ndarray]:
        """Return the arrays stored beside a record, by name.

        Raises:
            DataError: they are missing or damaged.
        """
        import numpy as np  # noqa: PLC0415 - listing records needs no numpy

        file = self.path / record.id / _arrays_file(record)
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except FileNotFoundError as error:
            raise DataError(f"{file} is missing; run the same command again with --force.") from error
        except Exception as error:  # zip, zlib and numpy each have errors of their own for damaged files
            raise DataError(f"{file} is damaged; run the same command again with --force.") from error

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
            LnkitError: the folder cannot be written to.
        """
        target = self.path / record.id
        with _writing_in(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            tmp = self.path / PARTS_FOLDER / tmp_name()
            tmp.mkdir(parents=True)
            try:
                if arrays:
                    _write_arrays(tmp / _arrays_file(record), arrays)
                for name, file in (files or {}).items():
                    (tmp / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, tmp / name)
                (tmp / RECORD_FILE).write_text(to_json(record), encoding="utf-8")
                _put_in_place(tmp, target, replace=replace)
            finally:
                shutil.rmtree(tmp, ignore_errors=True)
        return target

    def load(self) -> tuple[list[RunRecord], list[DamagedRecord]]:
        """Return all records, by name, and the folders whose records cannot be read."""
        records, damaged = [], []
        for folder in sorted(f.parent for f in self.path.glob(f"*/{RECORD_FILE}") if not f.parent.name.startswith(".")):
            try:
                records.append(self.read(folder))
            except DataError as error:
                damaged.append(DamagedRecord(folder, str(error)))
        return records, damaged

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


@dataclass(frozen=True)
class FolderPartStore:
    """Finished parts of an unfinished run on disk, so that the same command can resume it."""

    path: Path

    def get_or_compute(self, key: str, compute: Callable[[], Arrays]) -> Mapping[str, Any]:
        """Return the stored part, or compute and store it; a damaged part is computed again.

        Args:
            key: of the part, unique within the run and usable as a file name.
            compute: returns the arrays of the part, by name.

        Raises:
            LnkitError: the folder cannot be written to.
        """
        import numpy as np  # noqa: PLC0415 - only while running

        file = self.path / f"{key}.npz"
        try:
            with np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except Exception:
            pass
        part = compute()
        with _writing_in(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with atomic_write(file) as tmp:
                _write_arrays(tmp, part)
        return part

    def clear(self) -> None:
        """Remove all parts."""
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def _writing_in(folder: Path) -> Iterator[None]:
    """Turn errors of the disk into a message for users."""
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno in DISK_FULL else error.strerror
        raise LnkitError(
            f"Cannot write results to {folder}: {reason}. Change that, or name another folder with --results DIR, "
            "and run the command again; finished parts are not computed again."
        ) from error


def _arrays_file(record: RunRecord) -> str:
    """Return the name of the file with the arrays of a record, even if it has none."""
    return next((name for name in record.files if name in ARRAYS_FILES), ARRAYS_FILES[0])


def _write_arrays(file: Path, arrays: Arrays) -> None:
    import numpy as np  # noqa: PLC0415 - only while running

    with file.open("wb") as stream:
        # NumPy before 2.1 would store a keyword `allow_pickle` as another array.
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def _put_in_place(tmp: Path, target: Path, *, replace: bool) -> None:
    if replace and target.exists():
        old = target.parent / f".{tmp_name()}"
        target.rename(old)
        tmp.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return
    try:
        tmp.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise another process finished the same run first
            raise
