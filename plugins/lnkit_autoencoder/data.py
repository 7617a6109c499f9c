"""Which data a run uses: the user's own folder, the sample, or the downloads in the cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lnkit import BenchmarkData, DataError
from lnkit_autoencoder.folders import EXPECTED, looks_like_folders, open_folders
from lnkit_autoencoder.images import LabeledSet
from lnkit_autoencoder.published import PUBLISHED, is_there, open_published

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts

Content = tuple[LabeledSet, ...]


def open_data(facts: RunFacts) -> BenchmarkData:
    """Find, fetch if need be, and decode what the protocol asks for.

    Raises:
        DataError: nothing is there, or what is there is incomplete or damaged.
    """
    notes: tuple[str, ...] = ()
    if facts.sample:
        from lnkit_autoencoder.sample import NOTE, sample_folder  # noqa: PLC0415 - scikit-image, only for the sample

        sets: Content = (_own(facts, sample_folder(facts.cache)),)
        notes = (NOTE,)
    elif facts.data:
        sets, notes = _by_hand(facts, facts.data)
    else:
        sets = tuple(_fetched(facts, name) for name in facts.protocol.chosen_datasets)
    return BenchmarkData(
        sets,
        {part: digest for one in sets for part, digest in one.fingerprints.items()},
        notes + tuple(note for one in sets for note in one.notes),
        image_size=min(one.side for one in sets),
    )


def _own(facts: RunFacts, root: Path) -> LabeledSet:
    return open_folders(root, facts.protocol.pad, facts.cache, facts.progress)


def _published(facts: RunFacts, name: str, root: Path) -> LabeledSet:
    return open_published(PUBLISHED[name](), root, facts.protocol.pad, facts.cache, facts.progress)


def _fetched(facts: RunFacts, name: str) -> LabeledSet:
    from lnkit.data.fetch.datasets import ensure_dataset  # noqa: PLC0415 - the network, only when nothing is given
    from lnkit_autoencoder import AUTOENCODER  # noqa: PLC0415 - this package imports us

    spec = next(spec for spec in AUTOENCODER.datasets if spec.name == name)
    return _published(facts, name, ensure_dataset(spec, facts.cache, facts.progress))


def _by_hand(facts: RunFacts, root: Path) -> tuple[Content, tuple[str, ...]]:
    """Whatever the user's folder holds: the published files of one or both data sets, or folders of classes."""
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {EXPECTED}")
    chosen = facts.protocol.chosen_datasets
    here = [name for name in chosen if is_there(PUBLISHED[name](), root)]
    if here:
        missing = [name for name in chosen if name not in here]
        notes = tuple(f"absent: {name} is not in {root.name or 'the folder'}" for name in missing)
        return tuple(_published(facts, name, root) for name in here), notes
    if looks_like_folders(root):
        return (_own(facts, root),), ()
    raise DataError(f"{root} has none of the data in it. {EXPECTED}")
