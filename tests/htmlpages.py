"""What a page of HTML holds, as the tests of the documentation ask for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

BLOCKS = {"td", "th", "li", "p", "br", "dt", "dd", "h1", "h2", "h3"}  # whose texts do not run into each other
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Page(HTMLParser):
    """What a page holds: text, the anchors that can be linked to, its links, and what it makes a browser load."""

    text: str = ""
    code: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)  # their texts
    copies: list[str] = field(default_factory=list)  # what buttons copy, where it is not the block
    tags: set[str] = field(default_factory=set)
    inside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.text += " " * (tag in BLOCKS)
        self.inside += [tag] * (tag not in VOID)
        self.anchors.add(given.get("id", ""))
        self.links += [given["href"]] if tag == "a" and "href" in given else []
        self.loads += [given[name] for name in ("src", "href", "data", "poster") if name in given and tag != "a"]
        self.pictures += [given.get("alt", "")] if tag == "img" else []
        self.copies += [given["data-copy"]] if "data-copy" in given else []
        self.code += [""] if tag == "code" else []

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text += data
        if "code" in self.inside:
            self.code[-1] += data


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page
