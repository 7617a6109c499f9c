"""Print the repository's address, or write another one into every file that names it.

    python tools/repository_address.py
    python tools/repository_address.py https://github.com/NAME/lnkit

The address is held by ``[project.urls]`` of pyproject.toml. Files that strangers read on their own (the READMEs on the
package index, CITATION.cff, the issue forms) need it in full, so it is written into each.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (".ci", ".github", "bench", "docs", "examples", "plugins", "src", "tests", "tools")
SUFFIXES = {"", ".cff", ".json", ".md", ".py", ".template", ".toml", ".txt", ".yaml", ".yml"}
ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+)")


def repository(root: Path = ROOT) -> str:
    """Return the address of the repository: ``"https://github.com/OWNER/lnkit"``."""
    content = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    address: str = content["project"]["urls"]["Repository"]
    return address


def site(address: str) -> str:
    """Return the address of the documentation that the workflow publishes for a repository.

    Raises:
        ValueError: ``address`` is not that of a repository.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError(f"Expected an address like https://github.com/NAME/lnkit, got {address!r}.")
    return f"https://{match[1]}.github.io/{match[2]}/"


def text_files(root: Path = ROOT) -> Iterator[Path]:
    """Yield the project's own text files."""
    candidates = [*root.iterdir(), *(file for folder in FOLDERS for file in (root / folder).rglob("*"))]
    for file in candidates:
        if file.is_file() and file.suffix in SUFFIXES and file.name != ".coverage" and "__pycache__" not in file.parts:
            yield file


def move(new: str, root: Path = ROOT) -> list[Path]:
    """Write another address into every file that has the present one, and return these files.

    Raises:
        ValueError: ``new`` is not the address of a repository.
    """
    old = repository(root)
    changes = {old: new, site(old): site(new)}
    changed = []
    for file in text_files(root):
        content = moved = file.read_text(encoding="utf-8")
        for before, after in changes.items():
            moved = re.sub(re.escape(before) + r"(?![\w-])", after, moved)
        if moved != content:
            file.write_text(moved, encoding="utf-8")
            changed.append(file)
    return changed


def main(arguments: list[str]) -> int:
    if not arguments:
        print(repository())
        return 0
    if len(arguments) > 1:
        print(f"Expected one address, got {len(arguments)}.", file=sys.stderr)
        return 2
    try:
        changed = move(arguments[0])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for file in changed:
        print(file.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
