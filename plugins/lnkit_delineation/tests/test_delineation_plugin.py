"""The plugin against lnkit's own checks, but for those that train the sample again and again."""

from __future__ import annotations

import pytest

from lnkit.testing.collection import CheckOptions, collect

PLUGIN = "lnkit_delineation"
CASES = [case for case in collect(PLUGIN, CheckOptions((), 1, False)) if not case.title.startswith("benchmark")]


def test_something_is_checked() -> None:
    assert {case.subject.title for case in CASES} == {f"plugin {PLUGIN}", "backbone bce"}


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_conformance(case) -> None:
    finding = case.run()
    assert finding.state in {"passed", "skipped"}, finding.message
