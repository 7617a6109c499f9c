"""The folder that a benchmark reads: its choice, its images, and its contents for error messages."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit._text_paths import text_paths
from lnkit.errors import DataError

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts
    from lnkit.specs import DatasetSpec

SHOWN = 8  # names in an error message


def data_folder(
    facts: RunFacts,
    dataset: DatasetSpec | str,
    make_sample: Callable[[Path], Path],
    *,
    others: Sequence[DatasetSpec] = (),
) -> Path:
    """Return the folder to read: the sample if asked for, else the user's folder, else the dataset in the cache.

    Args:
        facts: Of the run.
        dataset: To fetch where the user names no folder; or the error message that says where to get the data.
        make_sample: Makes the sample in the given cache folder unless it exists; returns its folder.
        others: The same data from other sources. They are used where the cache has them and not ``dataset``, and never
            fetched unasked.

    Raises:
        DataError: No folder is named, and the data cannot be fetched.
    """
    if facts.sample:
        return make_sample(facts.cache)
    if facts.data is not None:
        return facts.data
    from lnkit.data.fetch.datasets import dataset_state, ensure_dataset  # noqa: PLC0415 - only when nothing is given

    known = [*others] if isinstance(dataset, str) else [dataset, *others]
    here = (spec for spec in known if dataset_state(spec, facts.cache).state not in ("missing", "begun"))
    chosen = next(here, dataset)
    if isinstance(chosen, str):
        raise DataError(chosen)
    return ensure_dataset(chosen, facts.cache, facts.progress)


@text_paths
def image_names(folder: Path, suffixes: Sequence[str], expected: str) -> list[str]:
    """Return the sorted names of the images in ``folder``, without hidden files and files of other kinds.

    Args:
        folder: Searched without its subfolders.
        suffixes: Of images, in lower case: (".png", ".jpg").
        expected: Sentences on the expected layout, for errors.

    Raises:
        DataError: It is not a folder, has no image, or an image whose name cannot be printed.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is missing. {expected} {describe_folder(folder.parent)}")
    names = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith("."))
    if not names:
        raise DataError(f"{folder} has no images in it ({', '.join(suffixes)}). {expected}")
    require_printable(folder, names)
    return names


def same_name(name: str) -> str:
    """Return a name in the form in which names are compared: an ä may be stored as one character or as two."""
    return unicodedata.normalize("NFC", name)


@text_paths
def by_same_name(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return {name as it is compared: name as it is stored}, in the order of ``names``.

    Args:
        folder: For the error message.
        names: Of files or folders in it.

    Raises:
        DataError: Two names differ only in how their characters are stored, and look the same.
    """
    stored: dict[str, str] = {}
    for name in names:
        if (other := stored.setdefault(same_name(name), name)) != name:
            raise DataError(
                f"{folder} has two entries that look the same, {other!a} and {name!a}: their characters are stored in "
                "different ways. Rename or merge them."
            )
    return stored


@text_paths
def describe_folder(folder: Path) -> str:
    """Return a sentence with the names in ``folder``, for the end of an error message."""
    if not folder.is_dir():
        return f"{folder} is not a folder."
    names = sorted(path.name for path in folder.iterdir())
    shown = ", ".join(ascii(name)[1:-1] for name in names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"{folder} holds {shown}." if names else f"{folder} is empty."


@text_paths
def require_printable(folder: Path, names: Sequence[str]) -> None:
    """Refuse names that could steer a terminal or fail to be written: they appear in scores, records and messages.

    Raises:
        DataError: a name has characters that cannot be printed.
    """
    odd = next((name for name in names if not name.isprintable()), None)
    if odd is not None:
        raise DataError(f"The name {odd!a} in {folder} has characters that cannot be printed. Rename it.")
