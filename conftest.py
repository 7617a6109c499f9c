"""What the tests share: real material where it lies beside the project, and a home of their own for caches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from warm_process import WarmProcess

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread for each worker, set before anything imports torch
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[1] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real weights and real images beside the checkout; the test is skipped without it."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the real data in ../shared, which is not here")
    return SHARED / "data"


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for all tests instead of the user's: the sample is made once, real data are packed once."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LNKIT_CACHE", str(folder / "cache"))
        patch.setenv("TORCH_HOME", str(folder / "torch"))
        patch.delenv("LNKIT_PLUGINS", raising=False)
        yield folder


@pytest.fixture(autouse=True)
def own_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's results."""
    monkeypatch.setenv("LNKIT_RESULTS", str(tmp_path / "results"))


@pytest.fixture(scope="session")
def warm_process() -> Iterator[WarmProcess]:
    """An interpreter that starts commands of lnkit quickly."""
    with WarmProcess() as process:
        yield process
