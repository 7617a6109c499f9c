"""The executor local: what it gives its workers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from lnkit.progress import SilentProgress
from lnkit.sweep.executors import local


def test_threads_do_not_depend_on_how_many_tasks_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that goes on with other threads has other bits."""
    threads: list[str] = []

    class Job:
        open, folder = 1, tmp_path

        def work(self, name: str, device: str, changes: Mapping[str, str], *more: object, **others: object) -> int:
            threads.append(changes["OMP_NUM_THREADS"])
            return 0

    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert local.start(Job(), {"devices": "cpu,cpu"}, SilentProgress()) == ""  # type: ignore[arg-type]
    assert threads == ["4"]
