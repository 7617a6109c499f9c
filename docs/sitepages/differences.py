"""Where lnkit differs from the papers and their code: by protocol field, and beyond what a field can express."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from lnkit.benchmark import BenchmarkSpec
from lnkit.plugins.registry import Registry
from sitepages.comments import field_comments
from sitepages.markup import code, lines, table
from sitepages.project import ROOT

TABLE = ROOT / "docs" / "background" / "differences.toml"
TEXT, PUBLISHED_CODE = "paper", "reference"  # names of variants


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One thing that lnkit does otherwise than a source, or that the source does not say."""

    of: str  # benchmark, distance or plugin
    source: str  # "reference code", "Kumar2022 8.1"
    there: str
    here: str
    why: str
    test: str = ""  # "tests/test_x.py::test_name" that fails when `here` is not true any more
    untested: str = ""  # why no test can hold it


def read_differences() -> tuple[Difference, ...]:
    """Read the table of differences, in the order of its entries."""
    return tuple(Difference(**row) for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["difference"])


def difference_tables(registry: Registry) -> str:
    """Return a section for each subject: the fields in which text and code differ, then the other differences."""
    listed = read_differences()
    subjects = dict.fromkeys([*registry.benchmarks, *(difference.of for difference in listed)])
    parts = []
    for subject in subjects:
        fields = _field_rows(registry.benchmarks[subject]) if subject in registry.benchmarks else []
        others = [difference for difference in listed if difference.of == subject]
        if fields or others:
            parts += [f"## `{subject}`", _field_table(fields), _difference_table(others)]
    return "\n".join(filter(None, parts))


def _field_rows(benchmark: BenchmarkSpec) -> list[list[Markup | str]]:
    """Return a row for each field in which the variants of the text and of the published code differ."""
    if not {TEXT, PUBLISHED_CODE} <= benchmark.protocols.keys():
        return []
    text, published = benchmark.protocols[TEXT], benchmark.protocols[PUBLISHED_CODE]
    comments = field_comments(type(text))
    values = [(f.name, getattr(text, f.name), getattr(published, f.name)) for f in dataclasses.fields(text)]
    return [[code(n), code(str(a)), code(str(b)), comments.get(n, "")] for n, a, b in values if a != b]


def _field_table(rows: Sequence[Sequence[Markup | str]]) -> str:
    return table(["field", TEXT, PUBLISHED_CODE, "meaning and source"], rows) if rows else ""


def _difference_table(differences: Iterable[Difference]) -> str:
    rows = [[lines([_words(f"{d.source}:"), _words(d.there)]), _ours(d)] for d in differences]
    return table(["the source", "lnkit"], rows) if rows else ""


def _ours(difference: Difference) -> Markup:
    """Return what lnkit does and why, and below it what holds that."""
    held = f"Test: `{difference.test.rpartition('::')[2]}`." if difference.test else f"No test: {difference.untested}"
    return lines([_words(f"{difference.here} {difference.why}"), Markup("<small>{}</small>").format(_words(held))])


def _words(text: str) -> Markup:
    """Return text in which words between backticks are code."""
    parts = text.split("`")
    return Markup("").join(code(part) if odd % 2 else escape(part) for odd, part in enumerate(parts))
