"""TID2013 as it is published: distorted images, their references, and what people think of them.

Ponomarenko et al. 2015: 25 references of 512 x 384 pixels, 24 distortions in 5 strengths, 3,000 mean opinions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import lnkit
from lnkit.data.cache import packed_dir
from lnkit.data.folders import describe_folder
from lnkit.data.pack.columns import Column, ColumnTable, open_columns
from lnkit.data.pack.decode import read_rgb
from lnkit.progress import Progress

OPINIONS = "mos_with_names.txt"
REFERENCES, DISTORTED = "reference_images", "distorted_images"
EXPECTED = f"TID2013's layout is expected: {OPINIONS}, {REFERENCES}/I01.BMP and {DISTORTED}/i01_01_1.bmp and so on."


@dataclass(frozen=True, slots=True)
class Opinions:
    """Distorted images in the order of their names, each with its reference and the mean opinion of it."""

    references: NDArray[np.uint8]  # (R, H, W, 3), RGB, mapped into memory
    distorted: NDArray[np.uint8]  # (N, H, W, 3)
    owners: NDArray[np.int64]  # (N,), which reference each comes from
    opinions: NDArray[np.float64]  # (N,), higher is better
    sha256: str


def open_tid2013(root: Path, cache: Path, progress: Progress) -> Opinions:
    """Open what ``mos_with_names.txt`` in ``root`` lists, decoding what is not decoded yet.

    Raises:
        lnkit.DataError: the layout is another one, a line cannot be understood, or an image is missing or damaged.
    """
    listed = root / OPINIONS
    if not listed.is_file():
        raise lnkit.DataError(f"{root} has no {OPINIONS}. {EXPECTED} {describe_folder(root)}")
    scores = dict(sorted(_read_opinions(listed).items()))
    distorted, references = _by_lower(root / DISTORTED), _by_lower(root / REFERENCES)
    owners = [name.partition("_")[0] for name in scores]
    kept = sorted(set(owners))
    files = {
        "references": tuple(_find(references, f"{name}.bmp", root / REFERENCES) for name in kept),
        "distorted": tuple(_find(distorted, name, root / DISTORTED) for name in scores),
    }
    shape = _shape(root / files["references"][0])
    columns = {name: Column(paths, shape, _decode, "RGB") for name, paths in files.items()}
    packed = open_columns(ColumnTable("tid2013", root, columns), packed_dir(root, cache) / "tid2013", progress)
    return Opinions(
        packed.arrays["references"],
        packed.arrays["distorted"],
        np.array([kept.index(name) for name in owners]),
        np.array(list(scores.values())),
        hashlib.sha256(f"{packed.sha256} {scores}".encode()).hexdigest(),
    )


def _read_opinions(listed: Path) -> dict[str, float]:
    """File name in small letters -> mean opinion."""
    scores: dict[str, float] = {}
    for number, line in enumerate(listed.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        score, name = _read_line(line, f"{listed}, line {number}")
        if name in scores:
            raise lnkit.DataError(f"{listed} lists {name} twice. Each image has one mean opinion: remove the other.")
        scores[name] = score
    if not scores:
        raise lnkit.DataError(f"{listed} lists no image. {EXPECTED}")
    return scores


def _read_line(line: str, where: str) -> tuple[float, str]:
    try:
        text, name = line.split()
        score = float(text)
    except ValueError:
        score, name = float("nan"), ""
    if not np.isfinite(score) or "_" not in name or "/" in name or not name.isprintable():
        raise lnkit.DataError(f"{where}: a mean opinion and a file name are expected (5.51 i01_01_1.bmp): {line!r:.80}")
    return score, name.lower()


def _by_lower(folder: Path) -> dict[str, str]:
    """Name in small letters -> path within the data; copies of TID2013 differ in the case of their names."""
    if not folder.is_dir():
        raise lnkit.DataError(f"There is no folder {folder}. {EXPECTED} {describe_folder(folder.parent)}")
    return {path.name.lower(): f"{folder.name}/{path.name}" for path in sorted(folder.iterdir())}


def _find(names: dict[str, str], name: str, folder: Path) -> str:
    if name not in names:
        raise lnkit.DataError(f"{folder} has no {name}, which {OPINIONS} lists. Unpack the archive again.")
    return names[name]


def _shape(path: Path) -> tuple[int, ...]:
    return _decode(path.read_bytes(), path).shape


def _decode(data: bytes, path: Path) -> NDArray[np.uint8]:
    image: Image.Image = read_rgb(data, path)[0]
    return np.asarray(image)
