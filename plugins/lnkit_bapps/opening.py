"""Which data a run uses: the user's own folder, the sample, or the download in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit import BenchmarkData
from lnkit.data.choosing import data_folder
from lnkit_bapps import DATASET
from lnkit_bapps.data import open_bapps
from lnkit_bapps.sample import sample_folder

if TYPE_CHECKING:
    from lnkit.context import RunContext


def open_data(context: RunContext) -> BenchmarkData:
    """Find, fetch if need be, and pack what the protocol asks for."""
    protocol = context.protocol
    found = open_bapps(
        data_folder(context, DATASET, sample_folder),
        context.cache,
        resolution=protocol.resolution,
        resize_filter=protocol.resize_filter,
        progress=context.progress,
        parts=tuple(protocol.parts.split("+")),
    )
    return BenchmarkData(found, found.fingerprints, found.notes, image_size=protocol.resolution)
