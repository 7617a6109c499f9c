"""Predicates for the fields of specs, and the rules for names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import repeat
from math import isfinite
from typing import Any, NamedTuple

from lnkit.errors import PluginError

# Names

RESERVED = frozenset({"all", "random", "pretrained", "none"})  # have a meaning on the command line

MAX_LENGTH = 200  # characters; a result folder has the name in its own, for which most file systems allow 255

DEVICE = r"(?!(?i:con|prn|aux|nul|com\d|lpt\d)(?:[./]|$))"  # Windows reserves these for devices

PART = rf"{DEVICE}[A-Za-z0-9](?:[A-Za-z0-9._@-]*[A-Za-z0-9_@-])?"

NAME = re.compile(rf"{PART}(?:/{PART})*", re.ASCII)

TAG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]*[A-Za-z0-9_@-])?")  # of pretrained weights, in "<backbone>.<tag>"

POINT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

SCORE_NAME = re.compile(r"(?:[A-Za-z0-9._/@-]|<\w+>)+", re.ASCII)

REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")  # "module:name"
NODES = re.compile(r"[\w-]+(?:[.+][\w-]+)*")


def check_name(kind: str, name: object, pattern: re.Pattern[str] = NAME) -> None:
    """Raise PluginError unless ``name`` is a valid name.

    Args:
        kind: of the named item, for the message: "backbone".
        name: the name.
        pattern: that the whole name must match.
    """
    if not isinstance(name, str) or not pattern.fullmatch(name) or ".." in name:
        others = "_ -" if pattern is POINT_NAME else ". _ - @, in parts joined by /"
        raise PluginError(
            f"{name!r:.80} is not a valid {kind} name: use letters and digits (one comes first) and any of {others}."
        )
    if len(name) > MAX_LENGTH:
        raise PluginError(f"{name!r:.80} is not a valid {kind} name: it has {len(name)} characters, over {MAX_LENGTH}.")
    if name in RESERVED:
        raise PluginError(f"{name!r} is not a valid {kind} name: the word has a meaning on the command line.")


# Fields

# Line breaks, terminal control characters, marks that change the direction of text, and lone surrogates. A string,
# since compiling it takes a while and few texts need it.
UNPRINTABLE = r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


class Rule(NamedTuple):
    """A requirement on one field of a spec."""

    field: str
    holds: Callable[[Any], object]  # takes the value; a true result means that the rule holds
    expected: str  # for the message: "a number of pixels"


def printable(text: str) -> str:
    """Return the text on one line, without the characters that is_text refuses."""
    return " ".join((text if text.isprintable() else re.sub(UNPRINTABLE, " ", text)).split())


def is_text(value: Any) -> bool:
    return isinstance(value, str) and (value.isprintable() or not re.search(UNPRINTABLE, value))


def is_filled(value: Any) -> bool:
    return is_text(value) and value != ""


def is_signable(value: Any) -> bool:
    """Whether the value may be part of a score's signature, whose parts are separated by ``|``."""
    return is_text(value) and "|" not in value


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and isfinite(value)


def is_percentage(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 100


def is_bound(value: Any) -> bool:
    """Whether the value is a number or infinite."""
    return isinstance(value, (int, float)) and abs(value) >= 0  # false for NaN


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
    """Whether the value is callable, or names an object as ``"module:name"``."""
    return callable(value) or (isinstance(value, str) and bool(REFERENCE.fullmatch(value)))


def are_nodes(value: Any) -> bool:
    """Whether the value is a dotted path, or several different ones joined with ``+``."""
    return isinstance(value, str) and bool(NODES.fullmatch(value)) and ("+" not in value or differ(value.split("+")))


def are_tags(value: Any) -> bool:
    return isinstance(value, tuple) and _are(value, str) and all(map(TAG.fullmatch, value))


def are_layer_names(value: Any) -> bool:
    """Whether the value is a mapping from names that a point may have to dotted module paths."""
    if value == {}:  # as of nearly all of them
        return True
    texts = isinstance(value, Mapping) and _are((*value, *value.values()), str)
    return texts and all(map(POINT_NAME.fullmatch, value)) and all(map(NODES.fullmatch, value.values()))


def are_protocols(value: Any) -> bool:
    """Whether the value is a non-empty mapping to instances of frozen dataclasses."""
    return isinstance(value, Mapping) and bool(value) and all(map(_is_frozen, value.values()))


def _is_frozen(protocol: object) -> bool:
    parameters = getattr(protocol, "__dataclass_params__", None)
    return not isinstance(protocol, type) and parameters is not None and bool(parameters.frozen)


def differ(names: list[str]) -> bool:
    return len(set(names)) == len(names)


def is_tuple_of(kind: type) -> Callable[[Any], bool]:
    """Return a predicate for tuples whose items are all instances of ``kind``."""
    return lambda value: isinstance(value, tuple) and _are(value, kind)


def _are(values: tuple[Any, ...], kind: type) -> bool:
    return all(map(isinstance, values, repeat(kind)))


def or_none(holds: Callable[[Any], object]) -> Callable[[Any], object]:
    """Return a predicate for values that are None or satisfy ``holds``."""
    return lambda value: value is None or holds(value)
