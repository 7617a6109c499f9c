"""Hand-written introductions above the generated parts of a page."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "introductions"


def introduction(kind: str, name: str) -> str:
    """Return the Markdown for ``kind`` ("backbones", "benchmarks") and file name ``name``; empty if there is none."""
    file = FOLDER / kind / f"{name}.md"
    return file.read_text(encoding="utf-8") if file.is_file() else ""
