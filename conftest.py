"""What the tests share: real material where it lies beside the project, and a home of their own for caches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from realdata import RealData, real_data as real_data
from warm_process import WarmProcess

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread for each worker, set before anything imports torch
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def home(real_data: RealData, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for all tests instead of the user's, in which ``real_data`` looks before: samples are made once."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LNKIT_CACHE", str(folder / "cache"))
        patch.setenv("TORCH_HOME", str(folder / "torch"))
        patch.delenv("LNKIT_PLUGINS", raising=False)
        yield folder


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's results; ``home`` does the same for caches."""
    monkeypatch.setenv("LNKIT_RESULTS", str(tmp_path / "results"))


@pytest.fixture(scope="session")
def warm_process() -> Iterator[WarmProcess]:
    """An interpreter that starts commands of lnkit quickly."""
    with WarmProcess() as process:
        yield process
