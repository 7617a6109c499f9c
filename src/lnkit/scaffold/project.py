"""A new plugin project: its names, its files, and how they get onto the disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

from lnkit.data.atomic import tmp_name
from lnkit.errors import UsageError
from lnkit.hookspecs import INTERFACE
from lnkit.plugins.registry import Registry
from lnkit.plugins.rules import RESERVED
from lnkit.scaffold.parts import PARTS, Part, brings, hook_functions, import_lines

TEMPLATES = Path(__file__).with_name("templates")
SHARED = "project"  # the templates of every plugin
SUFFIX = ".template"
PACKAGE = "package"  # stands for the new package in the templates' paths

NAME = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
PREFIX = "lnkit-"
LONGEST = 32  # characters; longer ones would make lines of the templates too long


@dataclass(frozen=True, slots=True)
class Project:
    """A plugin that is to be written."""

    name: str  # "my-net"
    parts: tuple[Part, ...]

    @property
    def distribution(self) -> str:
        return f"{PREFIX}{self.name}"

    @property
    def module(self) -> str:
        """The package, which is also the entry point: "lnkit_my_net"."""
        return self.distribution.replace("-", "_")

    def files(self) -> dict[str, str]:
        """Path in the project -> content; a file that several templates give is one after the other."""
        found: dict[str, str] = {}
        for folder in (SHARED, *(part.name for part in self.parts)):
            for path, text in self._rendered(TEMPLATES / folder):
                found[path] = found.get(path, "") + text
        return found

    def _rendered(self, folder: Path) -> Iterator[tuple[str, str]]:
        values = {
            "name": self.name,
            "distribution": self.distribution,
            "module": self.module,
            "brings": brings(self.parts).capitalize(),
            "imports": import_lines(self.parts, self.module),
            "hooks": hook_functions(self.parts),
            "interface": str(INTERFACE),
        }
        for file in sorted(folder.rglob(f"*{SUFFIX}")):
            places = [self.module if part == PACKAGE else part for part in file.relative_to(folder).parts]
            yield "/".join(places).removesuffix(SUFFIX), Template(file.read_text("utf-8")).substitute(values)


def plan(name: str, part_names: Collection[str], registry: Registry) -> Project:
    """A project of that name that brings those parts.

    Args:
        name: as usable_name takes it.
        part_names: of "backbone", "points", "distance" and "benchmark".
        registry: what is installed, whose names are taken.

    Raises:
        UsageError: the name cannot be used, or there is no part.
    """
    name = usable_name(name)
    parts = tuple(part for part in PARTS if part.name in part_names)
    if not parts:
        raise UsageError(
            f"Say what the plugin is to bring: {', '.join(f'--{part.name}' for part in PARTS)}, or several."
        )
    project = Project(name, parts)
    _require_free(project, registry)
    return project


def write(project: Project, folder: Path) -> None:
    """Write all files of a project to a new folder, which appears whole or not at all.

    Raises:
        UsageError: the folder is there already, or cannot be made.
    """
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} is there already, and nothing in it was changed. Name another one with --folder.")
    draft = folder.with_name(f".{folder.name}.{tmp_name()}")
    try:
        for path, text in project.files().items():
            target = draft / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        draft.rename(folder)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror}). Name another one with --folder.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def usable_name(given: str) -> str:
    """A plugin's name as it will be written: "my-net" of "My-Net" or "lnkit-my-net". Raises UsageError."""
    name = given.lower().removeprefix(PREFIX)
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"{given!r:.60} is no name for a plugin: use up to {LONGEST} letters and digits, and hyphens between them."
        )
    if name in RESERVED:
        raise UsageError(f"A plugin cannot be called {name!r}: the word has a meaning of its own on the command line.")
    return name


def _require_free(project: Project, registry: Registry) -> None:
    """Refuse names that another plugin has; the same plugin, installed earlier, is no other."""
    for plugin in registry.plugins:
        if plugin.bundled and plugin.name == project.module:
            raise UsageError(f"{project.module} is a plugin of lnkit itself; choose another name.")
    for part in project.parts:
        kind, name = part.registers[0], part.registers[1].format(name=project.name)
        owner = registry.providers.get((kind, name))
        if owner and owner.name != project.module:
            raise UsageError(f"There is a {kind} {name!r} already, of the plugin {owner.name}; choose another name.")
