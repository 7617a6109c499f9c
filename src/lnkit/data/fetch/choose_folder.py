"""Which data a run uses: the sample, the user's own folder, or the dataset in the cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit.errors import DataError

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts
    from lnkit.specs import DatasetSpec


def data_folder(facts: RunFacts, dataset: DatasetSpec | str, make_sample: Callable[[Path], Path]) -> Path:
    """The folder to read: the sample if that is asked for, else the user's, else the dataset in the cache.

    Args:
        facts: of the run.
        dataset: what is fetched where the user names no folder, or the sentences that say where to get it.
        make_sample: given the cache folder, makes the sample there if it is not there yet; gives its folder.

    Raises:
        DataError: no folder is named, and the data cannot be fetched.
    """
    if facts.sample:
        return make_sample(facts.cache)
    if facts.data is not None:
        return facts.data
    if isinstance(dataset, str):
        raise DataError(dataset)
    from lnkit.data.fetch.datasets import ensure_dataset  # noqa: PLC0415 - the network, only when nothing is given

    return ensure_dataset(dataset, facts.cache, facts.progress)
