"""Old names lead to the new ones, and warn at the line that uses them."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from lnkit._deprecated import deprecated_name

MEASURES = """
from lnkit._deprecated import deprecated_name

class Interval:
    pass

def spearman(first):
    return first + 1

deprecated_name(__name__, "rank_agreement", new="renamed.measures:spearman", removed_in="0.3")
deprecated_name(__name__, "Range", new="renamed.measures:Interval", removed_in="0.4")
"""
PACKAGE = """
from lnkit._deprecated import deprecated_name
from lnkit._lazy import lazy_exports

__getattr__, __all__ = lazy_exports(__name__, {"renamed.measures": ("spearman",), "renamed.other": ("late",)})
deprecated_name(__name__, "agreement", new="renamed.measures:spearman", removed_in="0.3")
deprecated_name(__name__, "tardy", new="renamed.other:late", removed_in="0.3")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package like lnkit's rooms: it exports lazily, and it and one of its modules have old names."""
    folder = tmp_path / "renamed"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    (folder / "measures.py").write_text(MEASURES, encoding="utf-8")
    (folder / "other.py").write_text("late = 'late'\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("renamed")
    for name in [name for name in sys.modules if name.split(".")[0] == "renamed"]:
        del sys.modules[name]


def test_a_function(package: ModuleType) -> None:
    measures = importlib.import_module("renamed.measures")
    with pytest.warns(DeprecationWarning, match="renamed") as warned:
        old = measures.rank_agreement
    assert old is measures.spearman
    assert old(1) == 2
    assert [str(one.message) for one in warned] == [
        "renamed.measures.rank_agreement is now renamed.measures.spearman; lnkit 0.3 removes the old name."
    ]
    assert warned[0].filename == __file__, "the warning names the line of the user"


def test_a_class(package: ModuleType) -> None:
    measures = importlib.import_module("renamed.measures")
    with pytest.warns(DeprecationWarning, match="lnkit 0.4 removes"):
        old = measures.Range
    assert isinstance(measures.Interval(), old)


def test_a_lazily_exported_name(package: ModuleType) -> None:
    """The module behind an old name is imported when the name is used, and each use warns."""
    assert "renamed.other" not in sys.modules
    for _ in range(2):
        with pytest.warns(DeprecationWarning, match=r"renamed\.tardy is now renamed\.other\.late"):
            assert package.tardy == "late"
    assert package.__all__ == ["late", "spearman"], "old names are not exported"


def test_from_import(package: ModuleType) -> None:
    with pytest.warns(DeprecationWarning, match=r"is now renamed\.measures\.spearman") as warned:
        from renamed import agreement  # type: ignore[import-not-found]
    assert agreement is package.spearman
    assert {one.filename for one in warned} == {__file__}
    with pytest.warns(DeprecationWarning, match=r"is now renamed\.measures\.Interval"):
        from renamed.measures import Range  # type: ignore[import-not-found]
    assert Range.__name__ == "Interval"


def test_other_names_are_as_before(package: ModuleType) -> None:
    measures = importlib.import_module("renamed.measures")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert package.late == "late"
        assert package.spearman is measures.spearman
        for module in (package, measures):
            with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'unknown'"):
                module.unknown  # noqa: B018 - using it is the test


def test_a_name_that_is_still_defined(package: ModuleType) -> None:
    measures = importlib.import_module("renamed.measures")
    with pytest.raises(ValueError, match=r"Expected renamed\.measures without 'spearman'"):
        deprecated_name(measures.__name__, "spearman", new="renamed.measures:Interval", removed_in="0.3")
