"""Links from the short names of sources ("Pihlgren2023", "reference code") to the page that explains them."""

from __future__ import annotations

import re
from functools import cache

from markupsafe import Markup, escape

from sitepages.project import ROOT
from sitepages.sections import section

PAGE = ROOT / "docs" / "background" / "cite.md"
SECTION = "Sources by their short names"
ADDRESS = "../background/cite.html"  # from the pages of benchmarks, and from those beside it
NAME = re.compile(r"^### (.+)$", re.MULTILINE)


def with_links(text: str) -> Markup:
    """Return text in which each short name is a link."""
    parts = _names().split(text)
    return Markup("").join(_link(part) if odd % 2 else escape(part) for odd, part in enumerate(parts))


@cache
def _names() -> re.Pattern[str]:
    """Return a pattern of the short names that the page explains."""
    names = NAME.findall(section(PAGE.read_text(encoding="utf-8"), SECTION))
    return re.compile(rf"\b({'|'.join(map(re.escape, names))})\b", re.IGNORECASE)


def _link(name: str) -> Markup:
    return Markup('<a href="{}#{}">{}</a>').format(ADDRESS, name.lower().replace(" ", "-"), name)
