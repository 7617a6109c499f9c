"""How a plugin registers: without an error, without heavy imports, under names of its own."""

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
from lnkit.testing.findings import Check, NotChecked


@dataclass
class PluginThing:
    """A plugin as it was found and called."""

    plugin: Plugin
    registry: Registry

    @property
    def title(self) -> str:
        return f"plugin {self.plugin.name}"

    @property
    def checks(self) -> tuple[Check, ...]:
        return (loads, registers, light_imports, no_remarks, own_names)

    def release(self) -> None:
        """Nothing was loaded."""


def loads(thing: PluginThing) -> Iterator[str]:
    """It is found once, imported, and its hooks are lnkit's."""
    if thing.plugin.state == "off":
        yield f"LNKIT_PLUGINS leaves {thing.plugin.name} out: unset it, or add the name."
    for failure in thing.plugin.failures:
        if failure.stage not in HOOKS:
            yield f"At the stage {failure.stage}: {failure.reason}"


def registers(thing: PluginThing) -> Iterator[str]:
    """Its hooks go through, and what they hand over is complete."""
    _require_loaded(thing)
    for failure in thing.plugin.failures:
        if failure.stage in HOOKS:
            yield f"In {failure.stage}: {failure.reason}"
    if not thing.plugin.added and not thing.plugin.failures:
        yield "It registers nothing: call register in a hook for each thing that it brings."


def light_imports(thing: PluginThing) -> Iterator[str]:
    """Registering it imports nothing heavy."""
    _require_loaded(thing)
    for package, place in _heavy_imports(thing.plugin).items():
        yield f"{package} is imported when the plugin registers ({place}): import it inside the function that needs it."


def no_remarks(thing: PluginThing) -> Iterator[str]:
    """It registers at once, and changes nothing that belongs to the whole process."""
    _require_loaded(thing)
    yield from thing.plugin.warnings


def own_names(thing: PluginThing) -> Iterator[str]:
    """No other plugin has its names, nor any that differs in upper and lower case only."""
    others = {
        (kind, name.casefold()): (name, plugin.name)
        for (kind, name), plugin in thing.registry.providers.items()
        if plugin is not thing.plugin
    }
    for kind, names in thing.plugin.added.items():
        for name in names:
            if taken := others.get((kind, name.casefold())):
                yield (
                    f"The {kind} {name!r} differs from {taken[0]!r} of plugin {taken[1]!r} in upper and lower case "
                    "only; on many file systems their results would get into each other's way."
                )


def _require_loaded(thing: PluginThing) -> None:
    if thing.plugin.manager is None:
        raise NotChecked("The plugin was not loaded.")


def _heavy_imports(plugin: Plugin) -> dict[str, str]:
    """Heavy package -> where it was imported while the plugin registered, in a process that had none of them."""
    script = str(Path(__file__).with_name("watched.py"))
    done = subprocess.run(
        [sys.executable, "-P", script, plugin.name, plugin.module.partition(":")[0].partition(".")[0], *HEAVY],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotChecked(f"In a process of its own it fails with: {(done.stderr.splitlines() or ['nothing said'])[-1]}")
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found
