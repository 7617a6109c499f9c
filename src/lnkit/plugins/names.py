"""What things that plugins bring may be called: names that can be typed, filed on any system and shown anywhere."""

from __future__ import annotations

import re

from lnkit.errors import PluginError

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
