"""Links from the short names of sources in tables ("Pihlgren2023", "reference code") to the page that explains them."""

from __future__ import annotations

import re
from functools import cache

from sitepages.project import ROOT
from sitepages.sections import section

PAGE = "background/cite"
SECTION = "Sources by their short names"
NAME = re.compile(r"^### (.+)$", re.MULTILINE)
CELL = re.compile(r"<td[^>]*>.*?</td>", re.DOTALL)
NO_TEXT = re.compile(r"(<a\b.*?</a>|<code\b.*?</code>|<[^>]+>)", re.DOTALL)


def with_links(html: str, url: str) -> str:
    """Return a page whose tables link each short name, but not inside code and other links.

    Args:
        html: of the page.
        url: of the page, relative to the site.
    """
    address = f"{'../' * url.count('/')}{PAGE}.html"

    def link(name: re.Match[str]) -> str:
        return f'<a href="{address}#{name[0].lower().replace(" ", "-")}">{name[0]}</a>'

    def linked(cell: re.Match[str]) -> str:
        parts = NO_TEXT.split(cell[0])
        return "".join(part if odd % 2 else _names().sub(link, part) for odd, part in enumerate(parts))

    return CELL.sub(linked, html)


@cache
def _names() -> re.Pattern[str]:
    """Return a pattern of the short names that the page explains."""
    text = (ROOT / "docs" / f"{PAGE}.md").read_text(encoding="utf-8")
    names = NAME.findall(section(text, SECTION))
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b", re.IGNORECASE)
