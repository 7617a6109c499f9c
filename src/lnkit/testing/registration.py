"""Checks of how a plugin registers: without errors, heavy imports, side effects and name clashes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lnkit.plugins.hooks import HOOKS
from lnkit.plugins.isolation import Plugin
from lnkit.plugins.plugin_warnings import HEAVY
from lnkit.plugins.registry import Registry
from lnkit.specs import PluginFailure
from lnkit.testing.checks import Check, NotChecked


@dataclass
class PluginSubject:
    """A plugin after its hooks have been called."""

    plugin: Plugin
    registry: Registry

    @property
    def source(self) -> None:
        """Nothing: its failures say where they arose."""

    @property
    def title(self) -> str:
        return f"plugin {self.plugin.name}"

    @property
    def checks(self) -> tuple[Check, ...]:
        return (loads, registers, light_imports, no_warnings, unique_names)

    def release(self) -> None:
        """Do nothing: the checks load nothing."""


def loads(subject: PluginSubject) -> Iterator[str]:
    """It is installed once, can be imported, and implements only hooks of lnkit."""
    if subject.plugin.state == "off":
        yield f"LNKIT_PLUGINS leaves {subject.plugin.name} out: unset it, or add the name."
    for failure in subject.plugin.failures:
        if failure.stage not in HOOKS:
            yield f"At the stage {failure.stage}: {_at(failure)}"


def registers(subject: PluginSubject) -> Iterator[str]:
    """Its hooks succeed and register valid items."""
    _require_loaded(subject)
    for failure in subject.plugin.failures:
        if failure.stage in HOOKS:
            yield f"In {failure.stage}: {_at(failure)}"
    if not subject.plugin.added and not subject.plugin.failures:
        yield "It registers nothing: call register in a hook for each item."


def light_imports(subject: PluginSubject) -> Iterator[str]:
    """Registering it imports no heavy package."""
    _require_loaded(subject)
    for package, where in _heavy_imports(subject.plugin).items():
        yield f"{package} is imported when the plugin registers ({where}): import it inside the function that needs it."


def no_warnings(subject: PluginSubject) -> Iterator[str]:
    """It registers quickly, and changes no state of the whole process."""
    _require_loaded(subject)
    yield from subject.plugin.warnings


def unique_names(subject: PluginSubject) -> Iterator[str]:
    """Its names differ from those of other plugins in more than upper and lower case."""
    others = {
        (kind, name.casefold()): (name, plugin.name)
        for (kind, name), plugin in subject.registry.providers.items()
        if plugin is not subject.plugin
    }
    for kind, names in subject.plugin.added.items():
        for name in names:
            if taken := others.get((kind, name.casefold())):
                yield (
                    f"The {kind} {name!r} differs from {taken[0]!r} of plugin {taken[1]!r} only in upper and lower "
                    "case. On many file systems their results would overwrite each other: choose another name."
                )


def _at(failure: PluginFailure) -> str:
    return f"{failure.reason.rstrip('.')} ({failure.place})." if failure.place else failure.reason


def _require_loaded(subject: PluginSubject) -> None:
    if subject.plugin.manager is None:
        raise NotChecked("The plugin was not loaded.")


def _heavy_imports(plugin: Plugin) -> dict[str, str]:
    """Return heavy package -> where the plugin imports it, found in a new process without heavy packages."""
    script = str(Path(__file__).with_name("heavy_imports.py"))
    process = subprocess.run(
        [sys.executable, "-P", script, plugin.name, plugin.package, *HEAVY],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise NotChecked(f"In a new process it fails with: {(process.stderr.splitlines() or ['no message'])[-1]}")
    imports: dict[str, str] = json.loads(process.stdout.splitlines()[-1])
    return imports
