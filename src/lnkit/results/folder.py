"""The results folder: one folder per run, written whole or not at all, read back as records."""

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

if TYPE_CHECKING:
    import numpy as np

    from lnkit.benchmark import Arrays

RECORD_FILE = "result.json"
ARRAYS_FILES = ("distances.npz", "values.npz")  # of a benchmark that measures, and of one that trains
PARTS_FOLDER = ".parts"  # of runs that are not finished


def results_dir(given: Path | None = None) -> Path:
    """The folder asked for, else ``LNKIT_RESULTS``, else ``results`` below the working directory.

    Raises:
        UsageError: it is a file.
    """
    path = given or Path(os.environ.get("LNKIT_RESULTS") or "results")
    if path.is_file():
        raise UsageError(f"{path} is a file, and results are kept in a folder: name one with --results DIR.")
    return path


@dataclass(frozen=True)
class DamagedRecord:
    """A folder whose record cannot be read, and why; it is named and left alone."""

    path: Path
    reason: str


@dataclass(frozen=True)
class ResultsFolder:
    """Records on disk. Processes may write to it at the same time."""

    path: Path

    def find(self, key: RunKey) -> RunRecord | None:
        """The record of the run that ``key`` describe, if it was finished.

        Raises:
            DataError: there is one, and it cannot be read.
        """
        folder = self.path / record_id(key)
        if not folder.is_dir():
            return None
        try:
            return self.read(folder)
        except DataError as error:
            raise DataError(
                f"{error} It was left alone: remove the folder {folder}, or give --force to replace it."
            ) from error

    def read(self, folder: Path) -> RunRecord:
        """Read the record in ``folder``.

        Raises:
            DataError: it is missing, damaged, of another schema, or that of another folder.
        """
        file = folder / RECORD_FILE
        try:
            record = from_json(file.read_text(encoding="utf-8"), str(file))
        except FileNotFoundError as error:
            raise DataError(f"{file} is missing.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{file} cannot be read ({error}).") from error
        if record.id != folder.name:
            raise DataError(f"{file} is not the record of this folder: what it says makes it {record.id}.")
        return record

    def arrays(self, record: RunRecord) -> dict[str, np.ndarray]:
        """The arrays kept beside the record, by name."""
        import numpy as np  # noqa: PLC0415 - listing records needs no numpy

        file = self.path / record.id / _arrays_file(record)
        try:
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except FileNotFoundError as error:
            raise DataError(f"{file} is missing; run the same command again with --force.") from error
        except Exception as error:  # zip, zlib and numpy each have errors of their own for what is damaged
            raise DataError(f"{file} is damaged; run the same command again with --force.") from error

    def write(
        self, record: RunRecord, arrays: Arrays, files: Mapping[str, Path] | None = None, *, replace: bool = False
    ) -> Path:
        """Write a record, its arrays and copies of ``files`` as one folder: all of it appears at once, or nothing does.

        Where two processes finish the same run, the first stays, unless ``replace`` is set.

        Raises:
            LnkitError: the folder cannot be written to.
        """
        target = self.path / record.id
        with _writing_in(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            draft = self.path / PARTS_FOLDER / tmp_name()
            draft.mkdir(parents=True)
            try:
                if arrays:
                    _write_arrays(draft / _arrays_file(record), arrays)
                for name, file in (files or {}).items():
                    _copy(file, draft / name)
                (draft / RECORD_FILE).write_text(to_json(record), encoding="utf-8")
                _put_in_place(draft, target, replace=replace)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return target

    def load(self) -> tuple[list[RunRecord], list[DamagedRecord]]:
        """All records, by name, and the folders that look like records and cannot be read."""
        records, damaged = [], []
        for folder in self._folders():
            try:
                records.append(self.read(folder))
            except DataError as error:
                damaged.append(DamagedRecord(folder, str(error)))
        return records, damaged

    def choose(self, text: str) -> RunRecord:
        """The one record that ``text`` means: an id, the start of its hash or id, or ``backbone:points``.

        Raises:
            UsageError: none or several fit.
            DataError: it is there, and cannot be read.
        """
        records, damaged = self.load()
        fits: list[Callable[[RunRecord], bool]] = [
            lambda r: r.id == text,
            lambda r: r.id.startswith(text) or r.key.digest().startswith(text),
            lambda r: r.loss_network == text,
        ]
        for fit in fits:
            found = [record for record in records if fit(record)]
            if len(found) == 1:
                return found[0]
            if found:
                names = ", ".join(record.id for record in found[:5])
                raise UsageError(
                    f"{text!r} fits {len(found)} results in {self.path} ({names}); name one by its full id."
                )
        if reason := next((one.reason for one in damaged if one.path.name.startswith(text)), ""):
            raise DataError(f"{reason} It was left alone.")
        raise UsageError(f"There is no result {text!r} in {self.path}; `lnkit results list` shows what is there.")

    def _folders(self) -> Iterator[Path]:
        if self.path.is_dir():
            yield from sorted(f.parent for f in self.path.glob(f"*/{RECORD_FILE}") if not f.parent.name.startswith("."))


@dataclass(frozen=True)
class FolderPartStore:
    """Finished parts of a run that is still going, so that the same command can go on after a kill."""

    path: Path

    def get_or_compute(self, key: str, compute: Callable[[], Arrays]) -> Mapping[str, Any]:
        """Return the stored part, or compute and store it. A damaged part is computed again.

        Raises:
            LnkitError: the folder cannot be written to.
        """
        import numpy as np  # noqa: PLC0415 - only while running

        file = self.path / f"{key}.npz"
        try:
            with np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except Exception:  # whatever is wrong with a part, computing it anew is right
            part = compute()
        with _writing_in(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with atomic_write(file) as draft:
                _write_arrays(draft, part)
        return part

    def clear(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def _writing_in(folder: Path) -> Iterator[None]:
    """Turn a disk that is full or closed to us into a sentence."""
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno in DISK_FULL else error.strerror
        raise LnkitError(
            f"Results cannot be kept in {folder}: {reason}. Change that, or name another folder with "
            "--results DIR, and give the command again; what is finished stays."
        ) from error


def _arrays_file(record: RunRecord) -> str:
    """The name of the arrays beside a record; what they would be called where it has none."""
    return next((name for name in record.files if name in ARRAYS_FILES), ARRAYS_FILES[0])


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)


def _write_arrays(file: Path, arrays: Arrays) -> None:
    import numpy as np  # noqa: PLC0415 - only while running

    with file.open("wb") as stream:
        # NumPy before 2.1 would keep a keyword `allow_pickle` as one more array.
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def _put_in_place(draft: Path, target: Path, *, replace: bool) -> None:
    if replace and target.exists():
        old = target.parent / f".{tmp_name()}"
        target.rename(old)
        draft.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return
    try:
        draft.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise another process finished the same run first
            raise
