"""How BAPPS lies on disk: parts, families and files, found by looking."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lnkit.data.folders import describe_folder
from lnkit.errors import DataError

# Validation triplets and pairs per family, counted in the archives; Zhang et al. 2018, Tables 2 and 4.
TWO_AFC = {"traditional": 4720, "cnn": 4720, "superres": 10856, "deblur": 9440, "color": 4720, "frameinterp": 1888}
JND = {"traditional": 4800, "cnn": 4800}
OFFICIAL = {"2afc": TWO_AFC, "jnd": JND}

IMAGES = {"2afc": ("ref", "p0", "p1"), "jnd": ("p0", "p1")}  # part -> folders of images
LABEL = {"2afc": "judge", "jnd": "same"}  # part -> folder of judgments
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm")  # of images, as the loader of LPIPS takes them

EXPECTED = (
    "BAPPS's layout is expected: 2afc/val/<family>/{ref,p0,p1}/NNNNNN.png with judge/NNNNNN.npy, "
    "and jnd/val/<family>/{p0,p1}/NNNNNN.png with same/NNNNNN.npy."
)


@dataclass(frozen=True, slots=True)
class Family:
    """The files of one family. Names are relative to its folder and in the same order in every column."""

    part: str  # "2afc" or "jnd"
    name: str  # "traditional"
    folder: Path
    images: dict[str, tuple[str, ...]]  # column -> files
    labels: dict[str, tuple[str, ...]]

    def __str__(self) -> str:
        return f"{self.part}/{self.name}"

    @property
    def rows(self) -> int:
        return len(next(iter(self.images.values())))


def find_families(root: Path, parts: Sequence[str] = ("2afc", "jnd")) -> tuple[Family, ...]:
    """Find the families of the validation split under ``root``: official ones first, then the others by name.

    Args:
        root: The folder that holds ``2afc`` and/or ``jnd``, one above it named ``dataset``, or one of the two itself.
        parts: Which of "2afc" and "jnd" to look for.

    Raises:
        DataError: No family is there, or one whose columns do not fit together.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {EXPECTED}")
    found = [
        _read_family(part, folder)
        for part in parts
        for folder in _family_folders(_part_folder(root, part) / "val", part)
    ]
    if not found:
        raise DataError(f"{root} has no {' or '.join(parts)} data in it. {EXPECTED} {describe_folder(root)}")
    return tuple(found)


def partial_notes(families: Sequence[Family], parts: Sequence[str]) -> tuple[str, ...]:
    """Sentences that name what is missing from the official set, or has another size than there."""
    notes = []
    for part in parts:
        here = {family.name: family.rows for family in families if family.part == part}
        official = OFFICIAL[part]
        present = [name for name in official if name in here]
        if not here:
            notes.append(f"absent: the part {part}")
        elif len(present) < len(official):
            which = f"{len(present)} of the {len(official)}" if present else f"none of the {len(official)}"
            missing = ", ".join(name for name in official if name not in here)
            notes.append(f"partial: {which} official {part} families; missing: {missing}")
        notes += [
            f"partial: {part}/{name} has {here[name]:,} items, and the official one has {official[name]:,}"
            for name in present
            if here[name] != official[name]
        ]
    return tuple(notes)


def _part_folder(root: Path, part: str) -> Path:
    """The folder of ``part``, whichever level ``root`` is."""
    for place in (root / part, root / "dataset" / part):
        if (place / "val").is_dir():
            return place
    return root if any(root.glob(f"val/*/{LABEL[part]}")) else root / part


def _family_folders(split: Path, part: str) -> list[Path]:
    if not split.is_dir():
        return []
    folders = [path for path in split.iterdir() if path.is_dir() and not path.name.startswith(".")]
    if not folders:
        raise DataError(f"{split} is empty. {EXPECTED}")
    _require_printable(split, [path.name for path in folders])
    official = list(OFFICIAL[part])
    return sorted(folders, key=lambda path: (_rank(path.name, official), path.name))


def _rank(name: str, official: list[str]) -> int:
    return official.index(name) if name in official else len(official)


def _read_family(part: str, folder: Path) -> Family:
    images = {column: _files(folder / column, SUFFIXES) for column in IMAGES[part]}
    labels = {LABEL[part]: _files(folder / LABEL[part], (".npy",))}
    _check_columns(folder, images | labels)
    return Family(part, folder.name, folder, _names(images), _names(labels))


def _files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, str]:
    """Stem -> name relative to the family's folder, by stem; hidden files and files of other kinds are passed over."""
    if not folder.is_dir():
        raise DataError(f"{folder} is missing. {EXPECTED} {describe_folder(folder.parent)}")
    everything = os.listdir(folder)  # noqa: PTH208 - names are enough, and BAPPS has 174,000 of them
    names = sorted(name for name in everything if name.lower().endswith(suffixes) and not name.startswith("."))
    if not names:
        raise DataError(f"{folder} has no {', '.join(suffixes)} files in it. {EXPECTED}")
    _require_printable(folder, names)
    by_stem = {name.rpartition(".")[0]: f"{folder.name}/{name}" for name in names}
    if len(by_stem) < len(names):
        raise DataError(
            f"{folder} has two files of the same number. Each item has one file there; remove the other one."
        )
    return by_stem


def _require_printable(folder: Path, names: Sequence[str]) -> None:
    """Names stand in scores, records and messages, so that none may steer a terminal or fail to be written."""
    odd = next((name for name in names if not name.isprintable()), None)
    if odd is not None:
        raise DataError(f"The name {odd!a} in {folder} has characters that cannot be printed. Rename it.")


def _check_columns(folder: Path, columns: dict[str, dict[str, str]]) -> None:
    """Every item has a file in every column."""
    everything = set().union(*columns.values())
    for column, files in columns.items():
        missing = sorted(everything - set(files))
        if missing:
            counts = ", ".join(f"{len(files):,} in {name}" for name, files in columns.items())
            raise DataError(
                f"{folder / column} has no file for item {missing[0]} ({len(missing):,} missing). "
                f"Each item needs one file in every folder, and there are {counts}. Fetch or copy the data again."
            )


def _names(columns: dict[str, dict[str, str]]) -> dict[str, tuple[str, ...]]:
    return {column: tuple(files[stem] for stem in sorted(files)) for column, files in columns.items()}
