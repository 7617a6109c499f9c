"""How to cite lnkit and the two studies (from CITATION.cff), and the benchmarks (from the registry)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from lnkit import __version__
from lnkit.plugins.registry import Registry
from sitepages.markup import code, table
from sitepages.project import ROOT


def bibtex() -> str:
    """Return BibTeX entries of lnkit and of the studies in CITATION.cff."""
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    software = {
        "title": content["title"],
        "author": _authors(content),
        "version": __version__,
        "url": content["repository-code"],
    }
    entries = [_entry("software", "lnkit", software), *map(_study, content["references"])]
    return "```bibtex\n" + "\n\n".join(entries) + "\n```"


def benchmark_citations(registry: Registry) -> str:
    """Return a table of the benchmarks with the papers that they are from."""
    rows = [[code(benchmark.name), benchmark.citation] for benchmark in registry.benchmarks.values()]
    return table(["benchmark", "papers"], rows)


def _study(reference: Mapping[str, Any]) -> str:
    key = f"{reference['authors'][0]['family-names'].lower()}{reference['year']}"
    fields = {name: str(reference[name]) for name in ("title", "journal", "year", "url") if name in reference}
    return _entry("article" if "journal" in reference else "misc", key, {"author": _authors(reference), **fields})


def _authors(work: Mapping[str, Any]) -> str:
    people = work["authors"]
    return " and ".join(
        f"{{{one['name']}}}" if "name" in one else f"{one['family-names']}, {one['given-names']}" for one in people
    )


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    lines = [f"  {name:<7} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
