"""Find the entry points of plugins quickly.

``importlib.metadata`` finds the same, but takes longer to import than all of lnkit, since it loads parsers for e-mail,
CSV and zip files. Therefore folders are read here, and only archives on the path are left to it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from lnkit.plugins.rules import printable

GROUP = "lnkit"
COMMANDS = "lnkit.commands"  # group of the subcommands that plugins add to the command line
MAX_LENGTH = 200  # characters of a name or a value; longer ones are damaged


class EntryPoint(NamedTuple):
    """A plugin as announced by its distribution."""

    name: str  # "lnkit_timm"
    value: str  # "lnkit_timm" or "package.module:attribute"; empty if the line is broken
    distribution: str = ""  # "lnkit-timm"
    version: str = ""  # "0.1.0"
    others: tuple[str, ...] = ()  # other installed versions, which are not imported: "0.0.9 in /usr/lib/python3"


class Installed(NamedTuple):
    """One installed version of a distribution."""

    location: str  # folder or archive on the path
    stem: str  # of its metadata folder: "lnkit_timm-0.1.0"; name and version in the metadata take precedence
    read: Callable[[str], str]  # file of the metadata -> its text; empty if missing or unreadable


def find_entry_points(path: Iterable[str] | None = None, group: str = GROUP) -> list[EntryPoint]:
    """Return the entry points of all distributions on a path.

    If a distribution is installed more than once, the version that Python imports is used.

    Args:
        path: folders and archives; by default ``sys.path``.
        group: of the entry points.
    """
    distributions: dict[str, list[Installed]] = {}  # distribution -> its versions, the imported one first
    for location in sys.path if path is None else path:
        for installed in _installed_in(location or "."):
            distributions.setdefault(_key(installed.stem), []).append(installed)
    return [entry for versions in distributions.values() for entry in _entry_points(group, *versions)]


def parse_entry_points(text: str, group: str = GROUP) -> Iterator[tuple[str, str]]:
    """Yield (name, value) for each line of one group of an ``entry_points.txt``; value is empty for a broken line."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[] ")
        elif section == group and line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            path = value.partition("[")[0]  # extras follow in brackets
            yield printable(name)[:MAX_LENGTH], printable(path)[:MAX_LENGTH]


def _key(stem: str) -> str:
    """Return the distribution's name in the one spelling that tells whether two versions belong together."""
    return stem.partition("-")[0].lower().replace(".", "_")


def _entry_points(group: str, used: Installed, *unused: Installed) -> Iterator[EntryPoint]:
    text = used.read("entry_points.txt")
    if group not in text:
        return
    name, version = _name_and_version(used)
    versions = ((_name_and_version(other)[1], other.location) for other in unused)
    others = tuple(f"{other} in {printable(location)}" for other, location in versions if other != version)
    for entry, value in parse_entry_points(text, group):
        yield EntryPoint(entry, value, name, version, others)


def _installed_in(location: str) -> Iterator[Installed]:
    """Yield the distributions in one folder or archive of the path."""
    try:
        names = os.listdir(location)  # noqa: PTH208 - pathlib takes 4 ms to import
    except NotADirectoryError:
        yield from _in_archive(location)
        return
    except OSError:  # missing or unreadable: imports find nothing in it either
        return
    versions: dict[str, list[str]] = {}
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            versions.setdefault(_key(name), []).append(name)
    for same in versions.values():
        for name in same if len(same) == 1 else _last_written_first(location, same):
            yield Installed(location, name.rpartition(".")[0], partial(_read, f"{location}/{name}"))


def _last_written_first(location: str, names: Sequence[str]) -> list[str]:
    """Sort versions installed over each other in one folder: Python imports the files that were written last."""

    def written(name: str) -> tuple[float, list[int]]:
        return os.stat(f"{location}/{name}").st_mtime, [int(number) for number in re.findall(r"\d+", name)]  # noqa: PTH116

    return sorted(names, key=written, reverse=True)


def _read(folder: str, file: str) -> str:
    try:
        with open(f"{folder}/{file}", encoding="utf-8-sig", errors="replace") as stream:  # noqa: PTH123 - see above
            return stream.read()
    except OSError:  # reporting damaged metadata is up to pip
        return ""


def _name_and_version(installed: Installed) -> tuple[str, str]:
    """Return the first name and version in the metadata, or those in the name of the folder."""
    metadata = installed.read("METADATA") or installed.read("PKG-INFO")
    pairs = [line.partition(": ") for line in metadata.partition("\n\n")[0].splitlines()]
    facts = {name: printable(value) for name, _, value in reversed(pairs)}  # the first of each counts
    name, _, version = installed.stem.partition("-")
    return facts.get("Name") or printable(name), facts.get("Version") or printable(version) or "unknown"


def _in_archive(location: str) -> Iterator[Installed]:
    from importlib.metadata import distributions  # noqa: PLC0415 - slow, and archives on the path are rare

    for distribution in distributions(path=[location]):
        read = partial(_read_archived, distribution)
        if name := _name_and_version(Installed(location, "", read))[0]:
            yield Installed(location, name.replace("-", "_"), read)


def _read_archived(distribution: Any, file: str) -> str:
    try:
        return distribution.read_text(file) or ""
    except Exception:  # a damaged archive may raise anything
        return ""
