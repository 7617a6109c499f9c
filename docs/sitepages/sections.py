"""Sections of the project's own Markdown files, for pages that include them."""

from __future__ import annotations

import re

HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*$")
FENCE = re.compile(r"^(```|~~~)")
RELATIVE_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]*\)")


def section(text: str, heading: str) -> str:
    """Return the text under ``heading``, up to the next heading of its level or above.

    Raises:
        LookupError: there is no such heading.
    """
    lines: list[str] = []
    level = 0
    for depth, line in _with_depth(text):
        if level and 0 < depth <= level:
            break
        if level:
            lines.append(line)
        elif depth and HEADING.sub(r"\2", line) == heading:
            level = depth
    if not level:
        raise LookupError(f"There is no heading {heading!r} in this file.")
    return "\n".join(lines).strip() + "\n"


def section_about(text: str, name: str) -> str:
    """Return the text under the first heading that contains the word ``name``.

    Raises:
        LookupError: there is no such heading.
    """
    headings = (HEADING.sub(r"\2", line) for depth, line in _with_depth(text) if depth > 1)
    title = next((heading for heading in headings if name in re.findall(r"[\w-]+", heading)), None)
    if title is None:
        raise LookupError(f"There is no heading about {name!r} in the README of its plugin.")
    return section(text, title)


def without_title(text: str) -> str:
    """Return the text without its title."""
    lines = text.lstrip().splitlines()
    return "\n".join(lines[1:] if lines and lines[0].startswith("# ") else lines).strip() + "\n"


def for_the_site(text: str) -> str:
    """Return the text without its links into the repository, which the site does not contain."""
    return RELATIVE_LINK.sub(r"\1", text)


def _with_depth(text: str) -> list[tuple[int, str]]:
    """Return each line with its heading level, 0 for other lines and for comments in code."""
    lines, in_code = [], False
    for line in text.splitlines():
        if FENCE.match(line):
            in_code = not in_code
        heading = None if in_code else HEADING.match(line)
        lines.append((len(heading[1]) if heading else 0, line))
    return lines
