"""BAPPS, or any data in its layout, as arrays: decoded once, then mapped into memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnkit.data.cache import packed_dir
from lnkit.data.pack.columns import PackedTable
from lnkit.data.pack.image_table import ImageTable, open_images
from lnkit.datasets.two_afc_layout import Family, find_families, partial_notes
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit_bapps.sample import NOTE, PREFIX

Images = NDArray[np.uint8]  # (N, H, W, 3), RGB
Judgments = NDArray[np.float32]  # (N,), in [0, 1]


@dataclass(frozen=True, slots=True)
class TwoAfcFamily:
    """Triplets: which of two distorted patches is closer to the reference?"""

    name: str
    ref: Images
    p0: Images
    p1: Images
    judge: Judgments  # fraction of people who found p1 closer


@dataclass(frozen=True, slots=True)
class JndFamily:
    """Pairs: do these two look the same at a glance?"""

    name: str
    p0: Images
    p1: Images
    same: Judgments  # fraction of people who saw no difference


@dataclass(frozen=True, slots=True)
class BappsData:
    """What was found, decoded."""

    two_afc: tuple[TwoAfcFamily, ...]
    jnd: tuple[JndFamily, ...]
    fingerprints: dict[str, str]  # "2afc/traditional" -> SHA-256 of its files' names and bytes
    notes: tuple[str, ...]  # what is missing from the official set, what had to be converted


def open_bapps(
    root: Path,
    cache: Path,
    *,
    resolution: int,
    resize_filter: str,
    progress: Progress,
    parts: Sequence[str] = ("2afc", "jnd"),
) -> BappsData:
    """Open the validation data under ``root``, decoding into ``cache`` what is not decoded yet.

    Args:
        root: The folder that holds ``2afc`` and/or ``jnd``; see ``layout.find_families``.
        cache: The cache folder.
        resolution: Side in pixels to which patches of another size are resized.
        resize_filter: Pillow's filter for that, "bilinear" as in the loader of LPIPS (it is antialiased).
        progress: Hears of decoding.
        parts: Which of "2afc" and "jnd" to open; one that is missing is named in the notes.

    Raises:
        DataError: Nothing in this layout is there, a file is missing or damaged, or the disk is full.
    """
    families = find_families(root, parts)
    packed = {}
    for family in families:
        folder = packed_dir(family.folder, cache) / f"{resolution}px-{resize_filter}"
        packed[str(family)] = open_images(
            _table(family), folder, size=resolution, resize_filter=resize_filter, progress=progress
        )
    return BappsData(
        two_afc=tuple(_two_afc(f.name, packed[str(f)]) for f in families if f.part == "2afc"),
        jnd=tuple(_jnd(f.name, packed[str(f)]) for f in families if f.part == "jnd"),
        fingerprints={str(family): packed[str(family)].sha256 for family in families},
        notes=_notes(families, parts, packed),
    )


def _two_afc(name: str, table: PackedTable) -> TwoAfcFamily:
    return TwoAfcFamily(name, table.arrays["ref"], table.arrays["p0"], table.arrays["p1"], table.arrays["judge"])


def _jnd(name: str, table: PackedTable) -> JndFamily:
    return JndFamily(name, table.arrays["p0"], table.arrays["p1"], table.arrays["same"])


def _table(family: Family) -> ImageTable:
    return ImageTable(f"bapps {family}", family.folder, family.images, family.labels, read_judgment)


def read_judgment(data: bytes, path: Path) -> float:
    """The one number in a ``.npy`` file: a fraction of people.

    Raises:
        DataError: The file is damaged, or holds something else than one number in [0, 1].
    """
    try:
        values = np.load(BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise DataError(
            f"{path} is not a readable .npy file ({error}). Replace it, or fetch the data again."
        ) from error
    if not isinstance(values, np.ndarray) or values.size != 1 or values.dtype.kind not in "fiub":
        what = f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else "an archive"
        raise DataError(f"{path} holds {what}, and one number is expected: the fraction of people.")
    value = float(values.item())
    if not 0.0 <= value <= 1.0:
        raise DataError(f"{path} holds {value:g}, and a fraction of people in [0, 1] is expected.")
    return value


def _notes(families: Sequence[Family], parts: Sequence[str], packed: dict[str, PackedTable]) -> tuple[str, ...]:
    if all(family.name.startswith(PREFIX) for family in families):
        return (NOTE,)
    return partial_notes(families, parts) + _converted_note(packed)


def _converted_note(packed: dict[str, PackedTable]) -> tuple[str, ...]:
    converted = sum((Counter(table.converted) for table in packed.values()), Counter[str]())
    if not converted:
        return ()
    what = ", ".join(f"{count:,} of Pillow's mode {mode}" for mode, count in sorted(converted.items()))
    return (f"images that were not RGB were converted (an alpha channel is dropped): {what}",)
