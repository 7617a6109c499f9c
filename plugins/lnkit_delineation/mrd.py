"""The list of files of the Massachusetts Roads Dataset, read from its web pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from lnkit import DataError, RemoteFile
from lnkit_delineation import SPLITS

SERVER = "https://www.cs.toronto.edu/~vmnih/data/mass_roads"
KINDS = {"sat": 6_752_000, "map": 30_000}  # folder -> bytes of a file on average
SUFFIXES = (".tiff", ".tif")


def list_tiles(fetch: Callable[[RemoteFile], Path]) -> Sequence[RemoteFile]:
    """List every image and every map, with its path in the dataset's folder.

    Args:
        fetch: downloads a page and returns its path.

    Raises:
        DataError: a page lists another number of files than the dataset has, or an image has no map.
    """
    files: list[RemoteFile] = []
    for split, count in SPLITS.items():
        names = {kind: _listed(fetch, split, kind, count) for kind in KINDS}
        stems = [{PurePosixPath(name).stem for name in listed} for listed in names.values()]
        if stems[0] != stems[1]:
            odd = ", ".join(sorted(stems[0] ^ stems[1])[:5])
            raise DataError(f"The pages of {SERVER}/{split} list images without maps, or maps without images: {odd}.")
        for kind, listed in names.items():
            files += [RemoteFile(url, size=KINDS[kind], path=f"{split}/{kind}/{name}") for name, url in listed.items()]
    return files


def _listed(fetch: Callable[[RemoteFile], Path], split: str, kind: str, count: int) -> dict[str, str]:
    """Return {name: address} of the files that a page lists."""
    page = f"{SERVER}/{split}/{kind}/index.html"
    # Each page gets a name of its own on disk: all are called index.html.
    text = fetch(RemoteFile(page, size=90 * count, path=f"{split}-{kind}.html")).read_text("utf-8", errors="replace")
    links = _Links()
    links.feed(text)
    addresses = [urljoin(page, link) for link in links.links]
    named = {PurePosixPath(unquote(urlsplit(address).path)).name: address for address in addresses}
    listed = {name: address for name, address in sorted(named.items()) if name.lower().endswith(SUFFIXES)}
    if len(listed) != count:
        raise DataError(
            f"Expected a list of {count:,} files, got {len(listed):,}: {page} has changed, or is incomplete. Try again "
            "later, or import the data with `lnkit data import mrd FOLDER`."
        )
    return listed


class _Links(HTMLParser):
    """Collects the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]
