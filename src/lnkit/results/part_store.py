"""Finished parts of unfinished runs on disk, so that the same command can resume them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit.data.atomic import atomic_write, atomic_write_text
from lnkit.data.fetch.safe_paths import is_inside
from lnkit.data.leftovers import clear_leftovers, is_tmp_name, remove, tmp_name
from lnkit.data.stored_files import read_arrays, read_json
from lnkit.errors import DataError, PluginError
from lnkit.results.record_files import explain_write_errors, write_arrays

if TYPE_CHECKING:
    from lnkit.benchmark import Arrays

PARTS_FOLDER = ".parts"  # of a results folder, for unfinished runs
TRIES = 20  # another process may remove the folder at the end of the same run while this one writes into it

_FACTS = "run.json"


@dataclass(frozen=True)
class FolderPartStore:
    """The parts of one run, or of several that run together. Several processes may use them at the same time."""

    path: Path

    def get_or_compute(self, key: str, compute: Callable[[], Arrays]) -> Mapping[str, Any]:
        """Return the stored part, or compute and store it; a damaged part is computed again.

        Args:
            key: of the part, unique within the run and usable as a file name.
            compute: returns the arrays of the part, by name.

        Raises:
            PluginError: the key cannot be a file name.
            LnkitError: the folder cannot be written to.
        """
        if "/" in key or not is_inside(f"{key}.npz"):
            raise PluginError(f"Expected the name of a file as the key of a part, got {key[:80]!r}.")
        file = self.path / f"{key}.npz"
        with suppress(DataError):
            return read_arrays(file)
        part = compute()

        def store() -> None:
            with atomic_write(file) as tmp:
                write_arrays(tmp, part)

        self._write(store)
        return part

    def _write(self, write: Callable[[], object]) -> None:
        """Make the folder and write into it, again where the same run has just ended elsewhere and removed it."""
        with explain_write_errors(self.path):
            for left in reversed(range(TRIES)):
                try:
                    self.path.mkdir(parents=True, exist_ok=True)
                    write()
                except FileNotFoundError:
                    if not left:
                        raise
                else:
                    return

    @contextmanager
    def in_use(self, records: Sequence[str]) -> Iterator[None]:
        """Mark the parts as used by this process, so that no other one removes them as leftovers.

        Args:
            records: Ids of the records that the parts will become.

        Raises:
            LnkitError: the folder cannot be written to.
        """
        marker = self.path / f".{tmp_name()}"
        self._write(marker.touch)
        self._write(lambda: self._write_facts({"records": list(records), "seconds": self.seconds}))
        try:
            yield
        finally:
            remove(marker)
            if not self._names() - {_FACTS}:  # nothing to resume
                self.clear()

    @property
    def seconds(self) -> float:
        """How long processes have worked on the parts, as far as :meth:`store_seconds` was told."""
        stored = self._facts().get("seconds")
        return stored if isinstance(stored, float) and 0 <= stored < inf else 0.0

    def store_seconds(self, seconds: float) -> None:
        """Store how long processes have worked on the parts; best effort."""
        with suppress(OSError):
            self._write_facts(self._facts() | {"seconds": seconds})

    def finish(self) -> None:
        """Remove the parts, unless another process still uses them."""
        if not self._is_used():
            self.clear()

    def is_abandoned(self, has_record: Callable[[str], bool]) -> bool:
        """Return whether no process uses the parts, and there are none or all their records are made."""
        if self._is_used():
            return False
        records = self._facts().get("records")
        made = isinstance(records, list) and all(isinstance(id_, str) and has_record(id_) for id_ in records)
        return made or not self._names() - {_FACTS}

    def clear(self) -> None:
        """Remove all parts; what a kill leaves of them has a name that says so."""
        gone = self.path.with_name(f".{tmp_name()}")
        with suppress(OSError):
            self.path.rename(gone)
        remove(gone)
        remove(self.path)  # where it could not be renamed

    def _is_used(self) -> bool:
        """Return whether a living process has marked the parts as used, or writes one."""
        clear_leftovers(self.path)
        return any(map(is_tmp_name, self._names()))

    def _names(self) -> set[str]:
        try:
            return {path.name for path in self.path.iterdir()}
        except OSError:
            return set()

    def _facts(self) -> dict[str, Any]:
        try:
            return read_json(self.path / _FACTS)
        except DataError:
            return {}

    def _write_facts(self, facts: Mapping[str, Any]) -> None:
        atomic_write_text(self.path / _FACTS, json.dumps(facts))


def clear_abandoned(results: Path) -> None:
    """Remove what dead processes left in a results folder: drafts of records, parts of runs that have ended, and locks.

    Args:
        results: The results folder.
    """
    from lnkit.data.storage import clear_locks  # noqa: PLC0415 - listing results needs no locks

    unfinished = results / PARTS_FOLDER
    clear_leftovers(unfinished)
    clear_locks(unfinished)
    for path in unfinished.glob("*"):
        parts = FolderPartStore(path)
        if path.is_dir() and not is_tmp_name(path.name) and parts.is_abandoned(lambda id_: (results / id_).is_dir()):
            parts.clear()
