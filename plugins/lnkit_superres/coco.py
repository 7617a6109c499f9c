"""The list of the images of MS-COCO to fetch, drawn from its annotations."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from lnkit import DataError, RemoteFile
from lnkit_superres import COCO
from lnkit_superres.data import draw_names

ANNOTATIONS = RemoteFile(f"{COCO}/annotations/annotations_trainval2014.zip", size=252_872_794, exact=False)
SPLITS = {"train": ("train2014", 10_000), "valid": ("val2014", 100)}  # folder -> (split, images drawn); Pihlgren2023
LEAST = 72  # pixels of the shorter side; smaller images would be enlarged even by a reduction by 4
IMAGE_SIZE = 163_000  # bytes on average
BLOCK = 2**16  # characters read at a time
LONGEST = 2**20  # characters of an image's entry, which has about 300
NAME = re.compile(r"COCO_(train|val)2014_\d{12}\.jpg")
BEGIN = re.compile(r'"images"\s*:\s*\[')


def list_images(fetch: Callable[[RemoteFile], Path]) -> list[RemoteFile]:
    """List the files of the drawn images, which are always the same.

    Args:
        fetch: downloads a remote file and returns its path.

    Raises:
        DataError: the annotations are damaged or are another file.
    """
    archive = fetch(ANNOTATIONS)
    return [
        RemoteFile(f"{COCO}/{split}/{name}", size=IMAGE_SIZE, exact=False, path=f"{folder}/{name}")
        for folder, (split, count) in SPLITS.items()
        for name in draw_names(image_names(archive, split), count)
    ]


def image_names(archive: Path, split: str) -> list[str]:
    """Return the sorted names of all images of a split that are large enough.

    Raises:
        DataError: the archive is damaged or is another file.
    """
    try:
        with zipfile.ZipFile(archive) as bundle, bundle.open(f"annotations/instances_{split}.json") as raw:
            entries = list(_large_enough(TextIOWrapper(raw, "utf-8")))
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, TypeError) as error:
        raise DataError(
            f"Expected the archive of COCO's annotations of 2014, got another or damaged file: {archive} ({error}). "
            "Delete it, and fetch it again."
        ) from error
    if not entries:
        raise DataError(f"{archive} lists no images of {split}. Delete it, and fetch it again.")
    return sorted(entries)


def _large_enough(file: TextIO) -> Iterator[str]:
    for entry in _entries(file):
        name = str(entry["file_name"])
        if not NAME.fullmatch(name):
            raise ValueError(f"unexpected file name {name!a}")
        if min(int(entry["width"]), int(entry["height"])) >= LEAST:  # type: ignore[call-overload]
            yield name


def _entries(file: TextIO) -> Iterator[dict[str, object]]:
    """Yield the entries of the list "images" block by block: the whole file would take gigabytes of memory."""
    decoder, text = json.JSONDecoder(), _skip_to_list(file)
    while True:
        text = text.lstrip(" \t\r\n,")
        if text.startswith("]"):
            return
        try:
            entry, end = decoder.raw_decode(text)
        except ValueError:
            block = file.read(BLOCK)
            if not block or len(text) > LONGEST:
                raise
            text += block
            continue
        if not isinstance(entry, dict):
            raise ValueError(f"unexpected entry {str(entry)[:40]!a}")
        yield entry
        text = text[end:]


def _skip_to_list(file: TextIO) -> str:
    """Read up to the list; return the part of it that was read already."""
    text = ""
    while block := file.read(BLOCK):
        text = text[-64:] + block
        if begin := BEGIN.search(text):
            return text[begin.end() :]
    raise ValueError("it has no list of images")
