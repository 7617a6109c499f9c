"""Choose backbones by name, by shell pattern, from a list in a file, or as those of the published study."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit.data.home import expand_home
from lnkit.data.stored_files import read_text
from lnkit.errors import DataError, UnknownNameError, UsageError, did_you_mean, near_names

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

SET = "@"  # begins the name of a set, or of a file with a list
WILDCARDS = re.compile(r"[*?\[]")


def select_backbones(registry: Registry, selectors: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the backbones that selectors choose, each once, in the order of the selectors.

    Args:
        registry: Knows the backbones.
        selectors: Each is a name (``vgg16``, with other weights ``resnet50.IMAGENET1K_V2``, own code as
            ``package.module:build``), a shell pattern (``timm/vit_*``; ``resnet50.*`` for all weights of one backbone),
            ``@pihlgren2023`` for the 14 backbones of the published study, or ``@FILE`` for a text file with one of
            these on each line, where ``#`` begins a comment.

    Raises:
        UnknownNameError: No backbone has a name, or matches a pattern; the message suggests similar names.
        UsageError: A list is missing, is no text, names no backbone, or names another list.
    """
    return tuple(dict.fromkeys(name for text in selectors for name in _select(registry, text)))


def _select(registry: Registry, text: str) -> Iterator[str]:
    if text.startswith(SET) and text not in NAMED_SETS:
        yield from _in_file(registry, text.removeprefix(SET))
    else:
        yield from _select_one(registry, text)


def _select_one(registry: Registry, text: str) -> Sequence[str]:
    if text in NAMED_SETS:
        names = NAMED_SETS[text]()
    elif WILDCARDS.search(text):
        return _matching(registry, text)
    else:
        names = (text,)
    for name in names:
        registry.backbone(name)  # suggests similar names
    return names


def _matching(registry: Registry, pattern: str) -> Sequence[str]:
    """Return the backbones whose names match; if none does, those with other weights, ``NAME.TAG``, that match."""
    names = [name for name in registry.backbones if fnmatchcase(name, pattern)]
    if not names:
        tagged = (f"{name}.{tag}" for name, spec in registry.backbones.items() for tag in spec.tags)
        names = [name for name in tagged if fnmatchcase(name, pattern)]
    if not names:
        near = near_names(re.sub(r"[*?\[\]]", "", pattern), registry.backbones)
        raise UnknownNameError(
            f"No backbone's name matches {pattern!r}.{did_you_mean(near)} `lnkit list-backbones '*'` lists all "
            f"{len(registry.backbones):,}."
        )
    return names


def _in_file(registry: Registry, name: str) -> Iterator[str]:
    if not name:
        raise UsageError(f"Expected {_SET_NAMES}, or {SET}FILE with one backbone or pattern on each line, got {SET!r}.")
    path = expand_home(name)
    for number, selector in _lines(path):
        if selector.startswith(SET) and selector not in NAMED_SETS:
            raise UsageError(
                f"Line {number} of {path} names another list, {selector!r}. Expected a backbone, a pattern, or "
                f"{_SET_NAMES}."
            )
        try:
            yield from _select_one(registry, selector)
        except UnknownNameError as error:
            raise UnknownNameError(f"Line {number} of {path}: {error}") from error


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a list that are neither empty nor comments, with their numbers."""
    try:
        lines = read_text(path).split("\n")
    except DataError as error:
        near = near_names(f"{SET}{path}", NAMED_SETS)
        raise UsageError(
            f"Expected {_SET_NAMES}, or {SET}FILE with one backbone or pattern on each line, got {SET}{path} "
            f"({str(error).removesuffix('.')}).{did_you_mean(near)}"
        ) from error
    numbered = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, start=1)]
    named = [(number, line) for number, line in numbered if line]
    if not named:
        raise UsageError(f"{path} names no backbone. Expected one name or pattern on each line.")
    return named


def _studied() -> Sequence[str]:
    from lnkit.analysis.published.tables import read_rows  # noqa: PLC0415 - only for this set

    return [row["backbone"] for row in read_rows("attributes")]


NAMED_SETS: dict[str, Callable[[], Sequence[str]]] = {f"{SET}pihlgren2023": _studied}
_SET_NAMES = " or ".join(NAMED_SETS)
