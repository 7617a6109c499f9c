"""A new plugin project: its names and files, and writing them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

from lnkit.data.leftovers import clear_leftovers, tmp_name
from lnkit.errors import UsageError
from lnkit.hookspecs import INTERFACE
from lnkit.plugins.registry import Registry
from lnkit.plugins.rules import RESERVED
from lnkit.scaffold.parts import PARTS, Part, hook_functions, import_lines, summary

TEMPLATES = Path(__file__).with_name("templates")
SHARED = "project"  # templates that every plugin uses
SUFFIX = ".template"
PACKAGE = "package"  # stands for the name of the new package in paths of templates

NAME = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
PREFIX = "lnkit-"
MAX_LENGTH = 32  # characters of a name; longer ones would make lines of the templates too long


@dataclass(frozen=True, slots=True)
class Project:
    """A new plugin: its name and its parts."""

    name: str  # "my-net"
    parts: tuple[Part, ...]

    @property
    def distribution(self) -> str:
        return f"{PREFIX}{self.name}"

    @property
    def module(self) -> str:
        """Name of the package and of the entry point: "lnkit_my_net"."""
        return self.distribution.replace("-", "_")

    def files(self) -> dict[str, str]:
        """Return path in the project -> content; if several parts have a template of one file, they are joined."""
        files: dict[str, str] = {}
        for folder in (SHARED, *(part.name for part in self.parts)):
            for path, text in self._rendered(TEMPLATES / folder):
                files[path] = files.get(path, "") + text
        return files

    def _rendered(self, folder: Path) -> Iterator[tuple[str, str]]:
        values = {
            "name": self.name,
            "distribution": self.distribution,
            "module": self.module,
            "summary": summary(self.parts).capitalize(),
            "imports": import_lines(self.parts, self.module),
            "hooks": hook_functions(self.parts),
            "interface": str(INTERFACE),
        }
        for file in sorted(folder.rglob(f"*{SUFFIX}")):
            names = [self.module if name == PACKAGE else name for name in file.relative_to(folder).parts]
            yield "/".join(names).removesuffix(SUFFIX), Template(file.read_text("utf-8")).substitute(values)


def plan(name: str, part_names: Collection[str], registry: Registry) -> Project:
    """Return a new project; nothing is written.

    Args:
        name: of the plugin, in any form that `normalize_name` accepts.
        part_names: from "backbone", "points", "distance" and "benchmark".
        registry: of the installed plugins, whose names are taken.

    Raises:
        UsageError: the name is invalid or taken, or there is no part.
    """
    name = normalize_name(name)
    parts = tuple(part for part in PARTS if part.name in part_names)
    if not parts:
        raise UsageError(f"Choose one or more parts of the plugin: {', '.join(f'--{part.name}' for part in PARTS)}.")
    project = Project(name, parts)
    _require_free(project, registry)
    return project


def write(project: Project, folder: Path) -> None:
    """Write all files of a project to a new folder, which appears complete or not at all.

    Raises:
        UsageError: the folder exists already, or cannot be written.
    """
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists already; nothing was written. Name another one with --folder.")
    clear_leftovers(folder.parent)
    tmp = folder.with_name(f".{tmp_name()}")
    try:
        for path, text in project.files().items():
            target = tmp / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        tmp.rename(folder)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror}). Name another one with --folder.") from error
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def normalize_name(text: str) -> str:
    """Return a plugin's name in its usual form: "my-net" for "My-Net" or "lnkit-my-net". Raises UsageError."""
    name = text.lower().removeprefix(PREFIX)
    if not NAME.fullmatch(name) or len(name) > MAX_LENGTH:
        raise UsageError(
            f"{text!r:.60} is not a valid plugin name: use up to {MAX_LENGTH} letters and digits, and hyphens between "
            "them."
        )
    if name in RESERVED:
        raise UsageError(f"{name!r} is not a valid plugin name: the word has a meaning on the command line.")
    return name


def _require_free(project: Project, registry: Registry) -> None:
    """Raise UsageError for a name that another plugin has; this plugin may be installed already."""
    for plugin in registry.plugins:
        if plugin.bundled and plugin.name == project.module:
            raise UsageError(f"{project.module} is a plugin of lnkit itself; choose another name.")
    for part in project.parts:
        kind, name = part.registers[0], part.registers[1].format(name=project.name)
        owner = registry.providers.get((kind, name))
        if owner and owner.name != project.module:
            raise UsageError(f"The {kind} {name!r} exists already, in the plugin {owner.name}; choose another name.")
