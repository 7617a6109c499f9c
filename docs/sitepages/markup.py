"""HTML and Markdown around text from plugins, escaped so that none of it is taken for markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import PurePosixPath

from markupsafe import Markup, escape


@dataclass(frozen=True, slots=True)
class Page:
    """A generated page."""

    title: str  # plain text
    uri: str  # "backbones/vgg.md"
    content: str  # Markdown

    @property
    def nav_title(self) -> str:
        """The title, escaped: the theme inserts it into its HTML unchanged."""
        return str(escape(self.title))


def plain(text: str) -> str:
    """Return Markdown that shows exactly this text: possible markup becomes character references."""
    return re.sub(r"[^\w ,]|_", lambda match: f"&#{ord(match[0])};", " ".join(text.split()))


def code(text: str) -> Markup:
    """Return the text as HTML in a fixed-width font."""
    return Markup("<code>{}</code>").format(text)


def codes(texts: Iterable[str]) -> Markup:
    """Return several texts in a fixed-width font, separated by commas."""
    return Markup(", ").join(map(code, texts))


def phrase(text: str) -> Markup:
    """Return text of several words that keeps a minimum width in a table of long names."""
    return Markup('<span class="phrase">{}</span>').format(text) if text else Markup("")


def lines(parts: Iterable[str]) -> Markup:
    """Return the parts on lines of their own, in a cell."""
    return Markup("<br>").join(parts)


def link(address: str, text: str | None = None) -> Markup:
    """Return a link to a web address; any other text is only shown."""
    if not re.match(r"https?://", address):
        return escape(address)
    return Markup('<a href="{}">{}</a>').format(address, text or address)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return an HTML table of texts, or of HTML from this module, without empty columns."""
    filled = [list(row) for row in rows]
    kept = [index for index in range(len(columns)) if any(row[index] for row in filled)]
    head = Markup("").join(Markup("<th>{}</th>").format(columns[index]) for index in kept)
    body = Markup("\n").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(row[index]) for index in kept))
        for row in filled
    )
    return f"\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"


def page_link(page: Page, content: str) -> Markup:
    """Return a link to another page in the same folder. MkDocs does not change links inside HTML."""
    return Markup('<a href="{}.html">{}</a>').format(PurePosixPath(page.uri).stem, content)


def file_names(titles: Iterable[str]) -> dict[str, str]:
    """Return {title: file name without suffix}: lower-case ASCII letters, digits and hyphens, each unique."""
    names: dict[str, str] = {}
    taken = {"index"}
    for title in titles:
        stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "other"
        numbered = chain([stem], (f"{stem}-{number}" for number in count(2)))
        names[title] = next(name for name in numbered if name not in taken)
        taken.add(names[title])
    return names
