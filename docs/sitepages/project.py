"""What the site is about: the plugins of this repository that are installed, and what they register."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit.plugins.load import load_registry
from lnkit.plugins.registry import Registry

if TYPE_CHECKING:
    from lnkit.plugins.isolation import Plugin

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"


def project_registry() -> Registry:
    """What this repository's plugins register; the author's own other plugins are no part of it.

    Raises:
        PluginError: one of them failed, and the site would lack what it brings.
    """
    installed = {entry.name for entry in entry_points(group="lnkit")}
    named = [name for file in PLUGINS.glob("*/pyproject.toml") for name in _entry_points(file)]
    return load_registry(strict=True, only=sorted(installed.intersection(named)))


def readme(plugin: Plugin) -> str:
    """The README of a plugin of this repository; empty where it has none of its own."""
    spec = find_spec(plugin.module)
    if spec is None or spec.origin is None:
        return ""
    above = (folder for folder in Path(spec.origin).resolve().parents if PLUGINS in folder.parents)
    files = (folder / "README.md" for folder in above)
    return next((file.read_text(encoding="utf-8") for file in files if file.is_file()), "")


def _entry_points(file: Path) -> list[str]:
    return list(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["entry-points"].get("lnkit", ()))
