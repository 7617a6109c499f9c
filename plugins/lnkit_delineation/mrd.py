"""Which files the Massachusetts Roads Dataset has: read from the pages that list them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from lnkit import DataError, RemoteFile

SERVER = "https://www.cs.toronto.edu/~vmnih/data/mass_roads"
SPLITS = {"train": 1108, "valid": 14, "test": 49}  # tiles; Mnih 2013
KINDS = {"sat": 6_752_000, "map": 30_000}  # folder -> bytes of a file, about
SUFFIXES = (".tiff", ".tif")


def list_tiles(fetch: Callable[[RemoteFile], Path]) -> Sequence[RemoteFile]:
    """Every image and every map, each with its place in the dataset's folder.

    Args:
        fetch: gives the place on disk of a page.

    Raises:
        DataError: a page lists another number of files than the dataset has, or an image has no map.
    """
    found = []
    for split, count in SPLITS.items():
        names = {kind: _listed(fetch, split, kind, count) for kind in KINDS}
        stems = [{PurePosixPath(name).stem for name in listed} for listed in names.values()]
        if stems[0] != stems[1]:
            odd = ", ".join(sorted(stems[0] ^ stems[1])[:5])
            raise DataError(f"The pages of {SERVER}/{split} list images without maps, or maps without images: {odd}.")
        for kind, listed in names.items():
            found += [RemoteFile(url, size=KINDS[kind], path=f"{split}/{kind}/{name}") for name, url in listed.items()]
    return found


def _listed(fetch: Callable[[RemoteFile], Path], split: str, kind: str, count: int) -> dict[str, str]:
    """Name -> address of the files that a page lists."""
    page = f"{SERVER}/{split}/{kind}/index.html"
    # A name of its own on disk, since all pages are called index.html.
    text = fetch(RemoteFile(page, size=90 * count, path=f"{split}-{kind}.html")).read_text("utf-8", errors="replace")
    links = _Links()
    links.feed(text)
    addresses = [urljoin(page, link) for link in links.found]
    named = {PurePosixPath(unquote(urlsplit(address).path)).name: address for address in addresses}
    listed = {name: address for name, address in sorted(named.items()) if name.lower().endswith(SUFFIXES)}
    if len(listed) != count:
        raise DataError(
            f"{page} lists {len(listed):,} files, and {count:,} are expected: it has changed, or came incomplete. Try "
            "again later, or bring the data in with `lnkit data import mrd FOLDER`."
        )
    return listed


class _Links(HTMLParser):
    """Collects what a page links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]
