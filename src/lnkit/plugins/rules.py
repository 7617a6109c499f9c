"""What the value of one field can be required to be: plain questions about plain values, each answered by one call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import repeat
from math import isfinite
from typing import Any, NamedTuple

from lnkit.errors import PluginError

REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")  # "module:name"
NODES = re.compile(r"[\w-]+(?:[.+][\w-]+)*")

# Line breaks, what steers a terminal, marks that turn the direction of reading, and halves of characters. Compiled only
# where something is unusual: that takes a while.
UNSHOWABLE = r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


class Rule(NamedTuple):
    """What one field must be."""

    field: str
    holds: Callable[[Any], object]  # of the field's value; true or false
    expected: str  # "a number of pixels"


def is_text(value: Any) -> bool:
    return isinstance(value, str) and (value.isprintable() or not re.search(UNSHOWABLE, value))


def shown(text: str) -> str:
    """The text on one line, with nothing in it that is_text refuses."""
    return " ".join((text if text.isprintable() else re.sub(UNSHOWABLE, " ", text)).split())


def is_filled(value: Any) -> bool:
    return is_text(value) and value != ""


def is_signable(value: Any) -> bool:
    """Whether it may stand in a score's signature, whose parts ``|`` separates."""
    return is_text(value) and "|" not in value


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and isfinite(value)


def is_percentage(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 100


def is_bound(value: Any) -> bool:
    """Whether it is a number, or infinite."""
    return isinstance(value, (int, float)) and abs(value) >= 0  # which "not a number" is not


def is_triple(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(map(is_number, value))


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_size(value: Any) -> bool:
    return is_count(value) and value > 0


def is_height_and_width(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and is_size(value[0]) and is_size(value[1])


def is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def is_reference(value: Any) -> bool:
    """Whether it is callable, or names an object as ``"module:name"``."""
    return callable(value) or (isinstance(value, str) and bool(REFERENCE.fullmatch(value)))


def are_nodes(value: Any) -> bool:
    """Whether it is a dotted path, or different ones joined with ``+``."""
    return isinstance(value, str) and bool(NODES.fullmatch(value)) and ("+" not in value or differ(value.split("+")))


def are_tags(value: Any) -> bool:
    return isinstance(value, tuple) and _are(value, str) and all(map(TAG.fullmatch, value))


def are_protocols(value: Any) -> bool:
    """Whether it maps something to instances of frozen dataclasses."""
    return isinstance(value, Mapping) and bool(value) and all(map(_is_frozen, value.values()))


def _is_frozen(protocol: object) -> bool:
    parameters = getattr(protocol, "__dataclass_params__", None)
    return not isinstance(protocol, type) and parameters is not None and bool(parameters.frozen)


def differ(names: list[str]) -> bool:
    return len(set(names)) == len(names)


def is_tuple_of(kind: type) -> Callable[[Any], bool]:
    """Return the question whether a value is a tuple of nothing but ``kind``."""
    return lambda value: isinstance(value, tuple) and _are(value, kind)


def _are(values: tuple[Any, ...], kind: type) -> bool:
    return all(map(isinstance, values, repeat(kind)))


def or_none(holds: Callable[[Any], object]) -> Callable[[Any], object]:
    """Return the question whether a value is None, or else ``holds``."""
    return lambda value: value is None or holds(value)


RESERVED = frozenset({"all", "random", "pretrained", "none"})  # words with a meaning of their own on the command line

LONGEST = 200  # characters; most file systems take 255 for a folder that has the name in its own

DEVICE = r"(?!(?i:con|prn|aux|nul|com\d|lpt\d)(?:[./]|$))"  # Windows files nothing under the names of devices

PART = rf"{DEVICE}[A-Za-z0-9](?:[A-Za-z0-9._@-]*[A-Za-z0-9_@-])?"

NAME = re.compile(rf"{PART}(?:/{PART})*", re.ASCII)

TAG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]*[A-Za-z0-9_@-])?")  # of pretrained weights, in "<backbone>.<tag>"

POINT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

SCORE_NAME = re.compile(r"(?:[A-Za-z0-9._/@-]|<\w+>)+", re.ASCII)


def check_name(kind: str, name: object, pattern: re.Pattern[str] = NAME) -> None:
    """Raise PluginError unless ``name`` is fit for a ``kind`` of thing, such as a "backbone"."""
    if not isinstance(name, str) or not pattern.fullmatch(name) or ".." in name:
        others = "_ -" if pattern is POINT_NAME else ". _ - @, in parts joined by /"
        raise PluginError(
            f"{name!r:.80} is no name for this {kind}: use letters and digits (one comes first) and any of {others}."
        )
    if len(name) > LONGEST:
        raise PluginError(f"{name!r:.80} is no name for this {kind}: it has {len(name)} characters, over {LONGEST}.")
    if name in RESERVED:
        raise PluginError(f"{name!r} is no name for this {kind}: it has a meaning of its own on the command line.")
