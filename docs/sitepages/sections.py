"""Parts of the project's own Markdown files, so that nothing has to be said in two places."""

from __future__ import annotations

import re

HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*$")
FENCE = re.compile(r"^(```|~~~)")
RELATIVE_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]*\)")


def section(text: str, heading: str) -> str:
    """What stands under ``heading``, up to the next one of its level or above.

    Raises:
        LookupError: there is no such heading.
    """
    found: list[str] = []
    level = 0
    for depth, line in _with_depth(text):
        if level and 0 < depth <= level:
            break
        if level:
            found.append(line)
        elif depth and HEADING.sub(r"\2", line) == heading:
            level = depth
    if not level:
        raise LookupError(f"There is no heading {heading!r} in this file.")
    return "\n".join(found).strip() + "\n"


def section_about(text: str, name: str) -> str:
    """What stands under the first heading that has ``name`` among its words; empty where none has."""
    headings = (HEADING.sub(r"\2", line) for depth, line in _with_depth(text) if depth > 1)
    found = next((heading for heading in headings if name in re.findall(r"[\w-]+", heading)), None)
    return section(text, found) if found else ""


def without_title(text: str) -> str:
    """The text after its first heading, where that is a title."""
    lines = text.lstrip().splitlines()
    return "\n".join(lines[1:] if lines and lines[0].startswith("# ") else lines).strip() + "\n"


def for_the_site(text: str) -> str:
    """The text with its links into the repository taken off, since the site does not hold what they lead to."""
    return RELATIVE_LINK.sub(r"\1", text)


def _with_depth(text: str) -> list[tuple[int, str]]:
    """Each line with the level of the heading that it is, 0 for other lines; a comment in code is no heading."""
    found, in_code = [], False
    for line in text.splitlines():
        if FENCE.match(line):
            in_code = not in_code
        heading = None if in_code else HEADING.match(line)
        found.append((len(heading[1]) if heading else 0, line))
    return found
