"""The data of a run: the sample, the user's folder, or the downloads in the cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lnkit import BenchmarkData, DataError
from lnkit_autoencoder.folders import EXPECTED, looks_like_folders, open_folders
from lnkit_autoencoder.images import LabeledSet
from lnkit_autoencoder.published import PUBLISHED, has_files, open_published
from lnkit_autoencoder.sample import NOTE, sample_folder

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts

Content = tuple[LabeledSet, ...]


def open_data(facts: RunFacts) -> BenchmarkData:
    """Find, fetch if needed, and decode what the protocol asks for.

    Raises:
        DataError: data are missing, incomplete or damaged.
    """
    notes: tuple[str, ...] = ()
    if facts.sample:
        sets: Content = (_open_own(facts, sample_folder(facts.cache)),)
        notes = (NOTE,)
    elif facts.data:
        sets, notes = _open_user_folder(facts, facts.data)
    else:
        sets = tuple(_fetch(facts, name) for name in facts.protocol.chosen_datasets)
    return BenchmarkData(
        sets,
        {part: digest for labeled in sets for part, digest in labeled.fingerprints.items()},
        notes + tuple(note for labeled in sets for note in labeled.notes),
        image_size=min(labeled.side for labeled in sets),
    )


def _open_own(facts: RunFacts, root: Path) -> LabeledSet:
    return open_folders(root, facts.protocol.pad, facts.cache, facts.progress)


def _open_published(facts: RunFacts, name: str, root: Path) -> LabeledSet:
    return open_published(PUBLISHED[name](), root, facts.protocol.pad, facts.cache, facts.progress)


def _fetch(facts: RunFacts, name: str) -> LabeledSet:
    from lnkit.data import ensure_dataset  # noqa: PLC0415 - the network, only when nothing is given
    from lnkit_autoencoder import AUTOENCODER  # noqa: PLC0415 - this package imports us

    spec = next(spec for spec in AUTOENCODER.datasets if spec.name == name)
    return _open_published(facts, name, ensure_dataset(spec, facts.cache, facts.progress))


def _open_user_folder(facts: RunFacts, root: Path) -> tuple[Content, tuple[str, ...]]:
    """Open the published files of one or both data sets, or folders of classes; return them with notes."""
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {EXPECTED}")
    chosen = facts.protocol.chosen_datasets
    present = [name for name in chosen if has_files(PUBLISHED[name](), root)]
    if present:
        missing = [name for name in chosen if name not in present]
        notes = tuple(f"absent: {name} is not in {root.name or 'the folder'}" for name in missing)
        return tuple(_open_published(facts, name, root) for name in present), notes
    if looks_like_folders(root):
        return (_open_own(facts, root),), ()
    raise DataError(f"{root} has no data of this benchmark. {EXPECTED}")
