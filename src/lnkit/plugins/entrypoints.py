"""Finds the entry points of the group ``lnkit`` without reading anything else about what is installed.

``importlib.metadata`` gives the same, and takes longer to import than all of lnkit: it loads the parsers of e-mail, CSV
and zip files. Every command would wait for it, so folders are read here and only archives on the path are left to it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from lnkit.plugins.rules import shown

GROUP = "lnkit"
COMMANDS = "lnkit.commands"  # the group of subcommands that plugins add to the command line
LONGEST = 200  # characters of a name or a value; more is damage


class EntryPoint(NamedTuple):
    """A plugin as its distribution announces it."""

    name: str  # "lnkit_timm"
    value: str  # "lnkit_timm" or "package.module:attribute"; empty where the line is broken
    distribution: str = ""  # "lnkit-timm"
    version: str = ""  # "0.1.0"
    others: tuple[str, ...] = ()  # other versions that are installed and not imported: "0.0.9 in /usr/lib/python3"


class Installed(NamedTuple):
    """One version of a distribution, where it is installed."""

    place: str  # the folder or the archive on the path
    stem: str  # "lnkit_timm-0.1.0"; what its metadata say counts more
    read: Callable[[str], str]  # the text of one of its metadata's files; empty where that is missing or unreadable


def find_entry_points(path: Iterable[str] | None = None, group: str = GROUP) -> list[EntryPoint]:
    """Return the entry points of one group of all distributions on ``path``, by default ``sys.path``.

    Of a distribution that lies there more than once the one counts that is imported.
    """
    found: dict[str, list[Installed]] = {}  # distribution -> its versions, the one that counts first
    for place in sys.path if path is None else path:
        for installed in _in_place(place or "."):
            found.setdefault(_key(installed.stem), []).append(installed)
    return [entry for versions in found.values() for entry in _entry_points(group, *versions)]


def parse_entry_points(text: str, wanted: str = GROUP) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of one group in the text of an ``entry_points.txt``; a broken line has no value."""
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[] ")
        elif group == wanted and line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield shown(name)[:LONGEST], shown(value.partition("[")[0])[:LONGEST]  # in brackets are extras


def _key(stem: str) -> str:
    return stem.partition("-")[0].lower().replace(".", "_")


def _entry_points(group: str, used: Installed, *left: Installed) -> Iterator[EntryPoint]:
    text = used.read("entry_points.txt")
    if group not in text:
        return
    name, version = _name_and_version(used)
    versions = ((_name_and_version(other)[1], other.place) for other in left)
    others = tuple(f"{other} in {shown(place)}" for other, place in versions if other != version)
    for entry, value in parse_entry_points(text, group):
        yield EntryPoint(entry, value, name, version, others)


def _in_place(place: str) -> Iterator[Installed]:
    """Yield what is installed in one item of the path."""
    try:
        names = os.listdir(place)  # noqa: PTH208 - pathlib takes 4 ms to import
    except NotADirectoryError:
        yield from _in_archive(place)
        return
    except OSError:  # not there, or not readable: no import will find anything in it either
        return
    versions: dict[str, list[str]] = {}
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            versions.setdefault(_key(name), []).append(name)
    for several in versions.values():
        for name in several if len(several) == 1 else _last_written_first(place, several):
            yield Installed(place, name.rpartition(".")[0], partial(_read, f"{place}/{name}"))


def _last_written_first(place: str, names: Sequence[str]) -> list[str]:
    """Versions in one folder lie over each other: what was written last is what is imported."""

    def written(name: str) -> tuple[float, list[int]]:
        return os.stat(f"{place}/{name}").st_mtime, [int(number) for number in re.findall(r"\d+", name)]  # noqa: PTH116

    return sorted(names, key=written, reverse=True)


def _read(folder: str, file: str) -> str:
    try:
        with open(f"{folder}/{file}", encoding="utf-8-sig", errors="replace") as opened:  # noqa: PTH123 - see above
            return opened.read()
    except OSError:  # which is for pip to complain about
        return ""


def _name_and_version(installed: Installed) -> tuple[str, str]:
    """As its metadata say, the first where they say it twice; else as the folder is called."""
    metadata = installed.read("METADATA") or installed.read("PKG-INFO")
    pairs = [line.partition(": ") for line in metadata.partition("\n\n")[0].splitlines()]
    facts = {name: shown(value) for name, _, value in reversed(pairs)}
    name, _, version = installed.stem.partition("-")
    return facts.get("Name") or shown(name), facts.get("Version") or shown(version) or "unknown"


def _in_archive(place: str) -> Iterator[Installed]:
    from importlib.metadata import distributions  # noqa: PLC0415 - slow, and archives on the path are rare

    for distribution in distributions(path=[place]):
        read = partial(_read_archived, distribution)
        if name := _name_and_version(Installed(place, "", read))[0]:
            yield Installed(place, name.replace("-", "_"), read)


def _read_archived(distribution: Any, file: str) -> str:
    try:
        return distribution.read_text(file) or ""
    except Exception:  # archives can be damaged in many ways
        return ""
