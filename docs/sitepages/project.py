"""The plugins of this repository that are installed, and what they register."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit.plugins.load import load_registry
from lnkit.plugins.registry import Registry

if TYPE_CHECKING:
    from lnkit.plugins.isolation import Plugin

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"


@dataclass(frozen=True)
class Distribution:
    """A distribution of this repository, apart from lnkit."""

    name: str  # "lnkit-timm"
    version: str
    plugins: tuple[str, ...]  # names of its entry points in the group lnkit
    commands: tuple[str, ...]  # in the group lnkit.commands
    readme: str

    @property
    def module(self) -> str:
        """The name of the import package: "lnkit_timm"."""
        return self.name.replace("-", "_")


def distributions() -> Iterator[Distribution]:
    """Yield the installed distributions, by name."""
    for file in sorted(PLUGINS.glob("*/pyproject.toml")):
        project: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        entries = project.get("entry-points", {})
        try:
            yield Distribution(
                name=project["name"],
                version=version(project["name"]),
                plugins=tuple(entries.get("lnkit", ())),
                commands=tuple(entries.get("lnkit.commands", ())),
                readme=_read_readme([file.parent], project["name"]),
            )
        except PackageNotFoundError:  # not installed here
            continue


def project_registry() -> Registry:
    """Return what this repository's plugins register, without the author's other plugins.

    Raises:
        PluginError: a plugin failed, so the site would lack what it registers.
    """
    return load_registry(strict=True, only=[name for one in distributions() for name in one.plugins])


def readme(plugin: Plugin) -> str:
    """Return the README of a plugin of this repository; empty for a module of lnkit itself, which needs none.

    Raises:
        LookupError: the plugin has no README, or is not imported from this repository.
    """
    spec = find_spec(plugin.module)
    if spec is None or spec.origin is None or plugin.module.startswith("lnkit."):
        return ""
    folders = [folder for folder in Path(spec.origin).resolve().parents if PLUGINS in folder.parents]
    if not folders:
        raise LookupError(f"Expected {plugin.module} in {PLUGINS}, got {spec.origin}. Install it from there.")
    return _read_readme(folders, plugin.module)


def _read_readme(folders: Sequence[Path], name: str) -> str:
    """Return the first README in these folders."""
    for folder in folders:
        file = folder / "README.md"
        if file.is_file() and (text := file.read_text(encoding="utf-8")).strip():
            return text
    raise LookupError(f"Expected a README.md for {name} in {folders[-1]}, got none. Its page would be empty.")
