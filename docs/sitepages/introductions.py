"""What people wrote about a benchmark or a family, to stand above what is generated."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "introductions"


def introduction(kind: str, name: str) -> str:
    """The Markdown for ``kind`` ("backbones", "benchmarks") and file name ``name``; empty where nobody wrote any."""
    file = FOLDER / kind / f"{name}.md"
    return file.read_text(encoding="utf-8") if file.is_file() else ""
