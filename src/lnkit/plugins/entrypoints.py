"""Finds the entry points of the group ``lnkit`` without reading anything else about what is installed.

``importlib.metadata`` gives the same, and takes longer to import than all of lnkit: it loads the parsers of e-mail, CSV
and zip files. Every command would wait for it, so folders are read here and only archives on the path are left to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

GROUP = "lnkit"


class EntryPoint(NamedTuple):
    """A plugin as its distribution announces it."""

    name: str  # "lnkit_timm"
    value: str  # "lnkit_timm" or "package.module:attribute"
    distribution: str = ""  # "lnkit-timm"
    version: str = ""  # "0.1.0"


def find_entry_points(path: Iterable[str] | None = None) -> list[EntryPoint]:
    """Return the entry points of all distributions on ``path``, by default ``sys.path``.

    Of a distribution that lies there twice the first counts, as it does for importing.
    """
    seen: set[str] = set()
    return [entry for place in (sys.path if path is None else path) for entry in _in_place(place or ".", seen)]


def parse_entry_points(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of lnkit's group in the text of an ``entry_points.txt``."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[] ")
        elif group == GROUP and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield name.strip(), value.partition("[")[0].strip()  # what follows in brackets are extras


def _in_place(place: str, seen: set[str]) -> Iterator[EntryPoint]:
    """Yield the entry points of one item of the path; ``seen`` collects the distributions that were passed."""
    try:
        # Newer versions sort last: of two versions left in one folder, the newer is what pip wrote last.
        names = sorted(os.listdir(place), reverse=True)  # noqa: PTH208 - pathlib takes 4 ms to import
    except NotADirectoryError:
        yield from _in_archive(place, seen)
        return
    except OSError:  # not there, or not readable: no import will find anything in it either
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")) and _is_new(name.partition("-")[0], seen):
            yield from _in_folder(f"{place}/{name}")


def _is_new(distribution: str, seen: set[str]) -> bool:
    key = distribution.lower().replace("-", "_").replace(".", "_")
    return key not in seen and not seen.add(key)  # type: ignore[func-returns-value]  # add returns None


def _in_folder(folder: str) -> Iterator[EntryPoint]:
    text = _read(f"{folder}/entry_points.txt")
    if GROUP not in text:
        return
    facts = _headers(_read(f"{folder}/METADATA") or _read(f"{folder}/PKG-INFO"))
    for name, value in parse_entry_points(text):
        yield EntryPoint(name, value, facts.get("Name", "unknown"), facts.get("Version", "unknown"))


def _read(file: str) -> str:
    """The text of a file; empty where it is missing or unreadable, which is for pip to complain about."""
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:  # noqa: PTH123 - see above
            return opened.read()
    except OSError:
        return ""


def _headers(metadata: str) -> dict[str, str]:
    """The ``Name: value`` lines above the first blank one; of a name that comes more than once, the first."""
    pairs = [line.partition(": ") for line in metadata.partition("\n\n")[0].splitlines()]
    return {name: value.strip() for name, _, value in reversed(pairs)}


def _in_archive(place: str, seen: set[str]) -> Iterator[EntryPoint]:
    from importlib.metadata import distributions  # noqa: PLC0415 - slow, and archives on the path are rare

    for distribution in distributions(path=[place]):
        if _is_new(distribution.name, seen):
            for name, value in parse_entry_points(distribution.read_text("entry_points.txt") or ""):
                yield EntryPoint(name, value, distribution.name, distribution.version)
