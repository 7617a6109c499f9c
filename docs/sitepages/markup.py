"""HTML and Markdown around text that others supply: nothing in it is ever taken for markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import PurePosixPath

from markupsafe import Markup, escape


@dataclass(frozen=True, slots=True)
class Page:
    """A page that no file holds."""

    title: str  # as text, of any content
    uri: str  # "backbones/vgg.md"
    content: str  # Markdown

    @property
    def nav_title(self) -> str:
        """The title as the theme wants it, which puts titles into its HTML as they are."""
        return str(escape(self.title))


def plain(text: str) -> str:
    """The text as Markdown that shows just this text: whatever could be markup becomes a character reference."""
    return re.sub(r"[^\w ,]|_", lambda found: f"&#{ord(found[0])};", " ".join(text.split()))


def code(text: str) -> Markup:
    """The text as HTML in a fixed-width font."""
    return Markup("<code>{}</code>").format(text)


def codes(texts: Iterable[str]) -> Markup:
    """Several of them, separated by commas."""
    return Markup(", ").join(map(code, texts))


def phrase(text: str) -> Markup:
    """Text of several words that takes some width of its own, in a table of long names."""
    return Markup('<span class="phrase">{}</span>').format(text) if text else Markup("")


def lines(parts: Iterable[str]) -> Markup:
    """One part below the other, in a cell."""
    return Markup("<br>").join(parts)


def link(address: str, text: str | None = None) -> Markup:
    """A link to a web address; what is none is only shown."""
    if not re.match(r"https?://", address):
        return escape(address)
    return Markup('<a href="{}">{}</a>').format(address, text or address)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table. Cells are text, or HTML that this module made; a column without any content is left out."""
    filled = [list(row) for row in rows]
    kept = [index for index in range(len(columns)) if any(row[index] for row in filled)]
    head = Markup("").join(Markup("<th>{}</th>").format(columns[index]) for index in kept)
    body = Markup("\n").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(row[index]) for index in kept))
        for row in filled
    )
    return f"\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"


def page_link(page: Page, content: str) -> Markup:
    """A link from a page to another one in the same folder. Links inside HTML are left as they are by MkDocs."""
    return Markup('<a href="{}.html">{}</a>').format(PurePosixPath(page.uri).stem, content)


def file_names(titles: Iterable[str]) -> dict[str, str]:
    """Title -> a file name for it without suffix: letters and digits of a small alphabet, and no two the same."""
    found: dict[str, str] = {}
    taken = {"index"}
    for title in titles:
        stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "other"
        numbered = chain([stem], (f"{stem}-{number}" for number in count(2)))
        found[title] = next(name for name in numbered if name not in taken)
        taken.add(found[title])
    return found
