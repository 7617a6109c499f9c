"""The files that a whole dataset has, compared with those of a folder: complete, partial, or another dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lnkit.data.fetch.checksums import compare_published
from lnkit.errors import DataError
from lnkit.specs import DatasetSpec

FEW = 3  # names in a sentence


@dataclass(frozen=True, slots=True)
class Completeness:
    """How the files of a folder compare with those of the whole dataset."""

    present: int  # of the dataset's files
    expected: int  # 0: nothing is known of them
    missing: tuple[str, ...] = ()  # files, or folders with too few of them: "train/sat (3 of 1,108 files)"
    foreign: tuple[str, ...] = ()  # files beside the dataset's, of their kind, which it does not have

    @property
    def summary(self) -> str:
        """``5 of 14 files; missing: 006.png, 007.png, 008.png and 6 more``; "" for a whole dataset."""
        return f"{self.present:,} of {self.expected:,} files; missing: {some(self.missing)}" if self.missing else ""


def some(names: Sequence[str]) -> str:
    """Return the first names and the number of the others, as a part of a sentence."""
    more = f" and {len(names) - FEW:,} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def compare_expected(spec: DatasetSpec, names: Iterable[str]) -> Completeness:
    """Compare the names of files, relative to the dataset's folder, with those that the whole dataset has."""
    here = [name for name in names if not name.rpartition("/")[2].startswith(".")]
    if spec.contents:
        return _compare_counts(spec, here)
    expected = {file.path for file in spec.files if file.path}
    if not expected or len(expected) < len(spec.files) or spec.list_files:
        return Completeness(0, 0)  # what is in archives is not known
    kinds = {_kind(name) for name in expected}
    return Completeness(
        len(expected.intersection(here)),
        len(expected),
        tuple(sorted(expected.difference(here))),
        tuple(sorted(name for name in here if name not in expected and _kind(name) in kinds)),
    )


def _compare_counts(spec: DatasetSpec, here: Sequence[str]) -> Completeness:
    """Compare the numbers of files in folders. The whole layout may lie in a further folder."""
    counts = Counter(name.rpartition("/")[0] for name in here) + Counter(here)
    found = {
        place: sum(n for path, n in counts.items() if path == place or path.endswith(f"/{place}"))
        for place in spec.contents
    }
    missing = (
        place if count == 1 else f"{place} ({found[place]:,} of {count:,} files)"
        for place, count in spec.contents.items()
        if found[place] < count
    )
    present = sum(min(found[place], count) for place, count in spec.contents.items())
    return Completeness(present, sum(spec.contents.values()), tuple(missing))


def _kind(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    return str(path.parent), path.suffix.lower()


def require_expected(spec: DatasetSpec, names: Sequence[str], *, partial: bool) -> Completeness:
    """Return how complete the files of a dataset are.

    Args:
        spec: The dataset.
        names: Of the files.
        partial: Accept a part of the dataset.

    Raises:
        DataError: They are those of something else, or a part of the dataset and ``partial`` is False.
    """
    state = compare_expected(spec, names)
    layout = f" Its layout: {spec.layout}." if spec.layout else ""
    as_it_is = "Benchmarks also read a folder of your own as it is, with `--data DIR`."
    if state.expected and names and not state.present:
        raise DataError(f"Expected the files of {spec.name}, got others: {some(names)}.{layout} {as_it_is}")
    if state.foreign:
        raise DataError(
            f"Expected the {state.expected:,} files of {spec.name}, got others of their kind, too: "
            f"{some(state.foreign)}. It looks like another dataset.{layout} {as_it_is}"
        )
    if state.missing and not partial:
        raise DataError(
            f"Expected all {state.expected:,} files of {spec.name}, got {state.present:,}; missing: "
            f"{some(state.missing)}.{layout} Add what is missing, or import what there is with `--partial`: it is then "
            "called partial wherever it is used."
        )
    return state


def check_published(spec: DatasetSpec, folder: Path, source: Path) -> None:
    """Compare the single files of a dataset in a folder with their published sizes and checksums.

    Raises:
        DataError: One differs.
    """
    for name, fault in _faults(spec, folder):
        raise DataError(f"{source / name} {fault}. Fetch it again.")


def _faults(spec: DatasetSpec, folder: Path) -> Iterator[tuple[str, str]]:
    for file in spec.files:
        path = folder / file.path
        if not file.path or not path.is_file():
            continue
        size = path.stat().st_size
        if file.exact and size != file.size:
            yield file.path, f"has {size:,} bytes, but {file.size:,} are published"
        elif (file.sha256 or file.md5) and (fault := compare_published(file, path)[1]):
            yield file.path, fault
