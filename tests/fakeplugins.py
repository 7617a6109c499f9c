"""Plugins written to disk for one test: a module and the metadata that pip would write."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from lnkit.plugins.load import default_registry

BACKBONE = """
    import lnkit

    @lnkit.hookimpl
    def register_backbone(register):
        register(lnkit.BackboneSpec(name="{name}", family="Fake", load=lambda pretrained: None))
"""


class FakePlugins:
    """Writes plugins to a folder on ``sys.path``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, source: str, *, distribution: str = "", version: str = "1.0", entry: str = "") -> None:
        """Write a module ``name`` and a distribution whose entry point ``name`` refers to it, or to ``entry``."""
        (self.folder / f"{name}.py").write_text(dedent(source))
        self.announce(name, entry or name, distribution or name.replace("_", "-"), version)

    def announce(self, name: str, value: str, distribution: str, version: str = "1.0") -> None:
        """Write the metadata of a distribution with one entry point."""
        metadata = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n\nText.\n"
        )
        (metadata / "entry_points.txt").write_text(f"[console_scripts]\nx = y:z\n\n[lnkit]\n{name} = {value}\n")


@pytest.fixture
def fake_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlugins]:
    """Yield an empty folder for plugins that is importable during the test."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    known = set(sys.modules)
    yield FakePlugins(folder)
    default_registry.cache_clear()
    for name in set(sys.modules) - known:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
