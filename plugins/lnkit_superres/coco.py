"""Which images of MS-COCO are fetched: the list of them comes from its annotations."""

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
from lnkit_superres.layout import drawn

ANNOTATIONS = RemoteFile(f"{COCO}/annotations/annotations_trainval2014.zip", size=252_872_794, exact=False)
SPLITS = {"train": ("train2014", 10_000), "valid": ("val2014", 100)}  # folder -> split of COCO, images drawn; P
LEAST = 72  # pixels; a smaller side would be enlarged even when it is reduced by 4
IMAGE_SIZE = 163_000  # bytes, about, on average
BLOCK = 2**16  # characters read at a time
LONGEST = 2**20  # characters of one image's entry; they have about 300
NAME = re.compile(r"COCO_(train|val)2014_\d{12}\.jpg")
BEGIN = re.compile(r'"images"\s*:\s*\[')


def list_images(fetch: Callable[[RemoteFile], Path]) -> list[RemoteFile]:
    """The files of the images that are drawn: always the same ones.

    Args:
        fetch: gives the place on disk of a remote file.

    Raises:
        DataError: the annotations are damaged or hold something else.
    """
    archive = fetch(ANNOTATIONS)
    return [
        RemoteFile(f"{COCO}/{split}/{name}", size=IMAGE_SIZE, exact=False, path=f"{folder}/{name}")
        for folder, (split, count) in SPLITS.items()
        for name in drawn(image_names(archive, split), count)
    ]


def image_names(archive: Path, split: str) -> list[str]:
    """Names of all images of a split that are large enough, in order.

    Raises:
        DataError: the archive is damaged or holds something else.
    """
    try:
        with zipfile.ZipFile(archive) as bundle, bundle.open(f"annotations/instances_{split}.json") as raw:
            entries = list(_large_enough(TextIOWrapper(raw, "utf-8")))
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, TypeError) as error:
        raise DataError(
            f"{archive} is not the archive of COCO's annotations of 2014, or damaged ({error}). Delete it, and fetch "
            "it again."
        ) from error
    if not entries:
        raise DataError(f"{archive} lists no images of {split}. Delete it, and fetch it again.")
    return sorted(entries)


def _large_enough(file: TextIO) -> Iterator[str]:
    for entry in _entries(file):
        name = str(entry["file_name"])
        if not NAME.fullmatch(name):
            raise ValueError(f"the file name {name!a}")
        if min(int(entry["width"]), int(entry["height"])) >= LEAST:  # type: ignore[call-overload]
            yield name


def _entries(file: TextIO) -> Iterator[dict[str, object]]:
    """The entries of the list "images", read block by block: as a whole, the file would take gigabytes of memory."""
    decoder, text = json.JSONDecoder(), _up_to_list(file)
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
            raise ValueError(f"an entry {str(entry)[:40]!a}")
        yield entry
        text = text[end:]


def _up_to_list(file: TextIO) -> str:
    """Read up to the list; what was read of it already is returned."""
    text = ""
    while block := file.read(BLOCK):
        text = text[-64:] + block
        if begin := BEGIN.search(text):
            return text[begin.end() :]
    raise ValueError("no list of images in it")
