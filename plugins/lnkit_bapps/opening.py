"""Which data a run uses: the user's own folder, the sample, or the download in the cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lnkit import BenchmarkData
from lnkit_bapps.data import open_bapps

if TYPE_CHECKING:
    from lnkit.context import RunContext


def open_data(context: RunContext) -> BenchmarkData:
    """Find, fetch if need be, and pack what the protocol asks for."""
    protocol = context.protocol
    found = open_bapps(
        _root(context),
        context.cache,
        resolution=protocol.resolution,
        resize_filter=protocol.resize_filter,
        progress=context.progress,
        parts=tuple(protocol.parts.split("+")),
    )
    return BenchmarkData(found, found.fingerprints, found.notes, image_size=protocol.resolution)


def _root(context: RunContext) -> Path:
    if context.sample:
        from lnkit_bapps.sample import sample_folder  # noqa: PLC0415 - scikit-image, only for the sample

        return sample_folder(context.cache)
    if context.data:
        return context.data
    from lnkit.data.datasets import ensure_dataset  # noqa: PLC0415 - the network, only when nothing is given
    from lnkit_bapps import DATASET  # noqa: PLC0415 - this package imports us

    return ensure_dataset(DATASET, context.cache, context.progress)
