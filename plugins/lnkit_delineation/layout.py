"""How the data lie on disk: splits of aerial images, each with the map that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lnkit import DataError
from lnkit.data.folders import describe_folder, image_names

OFFICIAL = {"train": 1108, "valid": 14, "test": 49}  # tiles of the Massachusetts Roads Dataset; Mnih 2013
SUFFIXES = (".tiff", ".tif", ".png", ".jpg", ".jpeg", ".bmp")
EXPECTED = (
    "Expected are train/, valid/ and test/, each with aerial images in sat/ and maps of the same names in map/, such "
    "as train/sat/1.tiff with train/map/1.tif."
)


@dataclass(frozen=True, slots=True)
class Split:
    """Images and their maps, in order of their names. Files are relative to the folder."""

    name: str  # "train"
    folder: Path
    images: tuple[str, ...]  # "sat/1.tiff"
    maps: tuple[str, ...]  # "map/1.tif"

    @property
    def stems(self) -> tuple[str, ...]:
        return tuple(Path(name).stem for name in self.images)


def find_split(root: Path, name: str) -> Split:
    """Find a split under ``root``.

    Raises:
        DataError: it is missing or empty, or an image has no map, or a map no image.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {EXPECTED}")
    folder = root / name
    if not folder.is_dir():
        raise DataError(f"{root} has no split {name}. {EXPECTED} {describe_folder(root)}")
    images, maps = (_files(folder, kind) for kind in ("sat", "map"))
    _refuse_unpaired(folder, images, maps)
    stems = sorted(images)
    return Split(name, folder, tuple(images[stem] for stem in stems), tuple(maps[stem] for stem in stems))


def partial_notes(splits: Sequence[Split]) -> tuple[str, ...]:
    """Sentences on splits that are not those of the Massachusetts Roads Dataset."""
    return tuple(
        f"partial: {split.name} has {len(split.images):,} tiles; that of the Massachusetts Roads Dataset has "
        f"{OFFICIAL[split.name]:,}"
        for split in splits
        if len(split.images) != OFFICIAL[split.name]
    )


def _files(folder: Path, kind: str) -> dict[str, str]:
    """Stem -> name relative to the split's folder."""
    place = folder / kind
    names = image_names(place, SUFFIXES, EXPECTED)
    found = {Path(name).stem: f"{kind}/{name}" for name in names}
    if len(found) < len(names):
        raise DataError(f"{place} has two files of one name but for its ending. Each tile has one; remove the other.")
    return found


def _refuse_unpaired(folder: Path, images: dict[str, str], maps: dict[str, str]) -> None:
    for here, there, what in ((images, maps, "map"), (maps, images, "image")):
        alone = sorted(set(here) - set(there))
        if alone:
            shown = ", ".join(alone[:5]) + (", ..." if len(alone) > 5 else "")
            raise DataError(f"{folder} has {len(alone):,} files without {what}: {shown}. Add what is missing.")
