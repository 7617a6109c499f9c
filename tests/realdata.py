"""The fixture that gives tests real data, skips tests that miss some, and fails them if LNKIT_REQUIRE_REAL is 1."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from real_data import data_folders, locate, read_entries

RealData = Callable[[str], Path]  # from a path in real_data.toml


@pytest.fixture(scope="session")
def real_data() -> RealData:
    """Give the file or folder of an entry of real_data.toml; where it is missing, the test is skipped or fails."""
    entries, folders = read_entries(), data_folders()

    def path_of(name: str) -> Path:
        entry = entries[name]
        path = locate(entry, folders)
        if path is None:
            miss(f"needs {name}. {entry.how_to_get}")
        return path

    return path_of


def miss(reason: str) -> NoReturn:
    """Skip the test, or fail it where real data are required."""
    if os.environ.get("LNKIT_REQUIRE_REAL", "") in {"", "0"}:
        pytest.skip(reason)
    pytest.fail(f"LNKIT_REQUIRE_REAL is set, and this test {reason}", pytrace=False)
