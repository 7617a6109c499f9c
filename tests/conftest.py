"""What the tests share: real material where it lies beside the project, and a home of their own for caches."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real weights and real images beside the checkout; the test is skipped without it."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the real data in ../shared, which is not here")
    return SHARED / "data"


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
