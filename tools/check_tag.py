"""Check that a tag is the one of the version that would be released, and that the changelog names it as released.

Usage: ``python tools/check_tag.py v0.1.0``
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from lnkit import __version__

ROOT = Path(__file__).resolve().parents[1]
DATED = r"## {version} \(\d{{4}}-\d\d-\d\d\)"


def problems(tag: str, version: str, changelog: str) -> list[str]:
    """Return what keeps a tag from being released, as sentences."""
    found = []
    if tag != f"v{version}":
        found.append(f"Expected the tag v{version}, as in src/lnkit/_version.py, got {tag or 'none'}.")
    heading = next((line for line in changelog.splitlines() if line.startswith("## ")), "none")
    if not re.fullmatch(DATED.format(version=re.escape(version)), heading):
        found.append(f"Expected '## {version} (YYYY-MM-DD)' as the first heading in CHANGELOG.md, got '{heading}'.")
    return found


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("Expected one tag: python tools/check_tag.py v0.1.0", file=sys.stderr)
        return 2
    found = problems(arguments[0], __version__, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
