"""What the tests share: real data, and a home of their own for caches."""

from __future__ import annotations

from pathlib import Path

import pytest
from realdata import real_data as real_data


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests: the sample is made once, real data are packed once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_folders(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache, results or downloaded weights."""
    monkeypatch.setenv("LNKIT_CACHE", str(home / "cache"))
    monkeypatch.setenv("LNKIT_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("TORCH_HOME", str(home / "torch"))
    monkeypatch.delenv("LNKIT_PLUGINS", raising=False)
