"""Each listed difference from a paper or its code has a known subject, and a test that exists or a reason for none."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from lnkit.plugins.load import default_registry
from sitepages.differences import Difference, difference_tables, read_differences

ROOT = Path(__file__).resolve().parents[1]

LISTED = read_differences()


@pytest.mark.parametrize("difference", LISTED, ids=lambda difference: f"{difference.of}: {difference.there[:40]}")
def test_a_difference_is_held(difference: Difference) -> None:
    plugins = {path.name for path in (ROOT / "plugins").iterdir()}
    registry = default_registry()
    assert difference.of in {*registry.benchmarks, *registry.distances, *plugins, "statistics", "published tables"}
    assert all(getattr(difference, name) for name in ("source", "there", "here", "why"))
    assert bool(difference.test) != bool(difference.untested)
    if difference.test:
        file, _, name = difference.test.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert set(name.split("[")[0].split("::")) <= tests, f"{file} has no {name}"


def test_no_difference_is_listed_twice() -> None:
    assert len({(difference.of, difference.there) for difference in LISTED}) == len(LISTED)


def test_the_page_has_all_fields_in_which_text_and_code_differ_and_all_entries() -> None:
    page = difference_tables(default_registry())
    compared = 0
    for benchmark in default_registry().benchmarks.values():
        if not {"paper", "reference"} <= benchmark.protocols.keys():
            continue
        text, published = benchmark.protocols["paper"], benchmark.protocols["reference"]
        for field in fields(text):
            if getattr(text, field.name) != getattr(published, field.name):
                assert f"<td><code>{field.name}</code></td>" in page
                compared += 1
    assert compared > 10
    for difference in LISTED:
        assert f"## `{difference.of}`" in page
