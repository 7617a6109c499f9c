"""`lnkit plugins` without a subcommand: every installed plugin, what it adds, and why it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lnkit.cli._output import echo, emit_json, print_lines, print_table
from lnkit.cli._registry import load_plugins

if TYPE_CHECKING:
    from lnkit.plugins.isolation import Plugin
    from lnkit.plugins.registry import Registry


def list_plugins(name: str | None, as_json: bool) -> None:
    """Show all plugins, or the traceback of the plugin called ``name``."""
    registry = load_plugins()
    if name is not None:
        print_lines(_traceback(registry, name))
    elif as_json:
        emit_json([_facts(registry, plugin) for plugin in registry.plugins])
    else:
        _show(registry)


def _show(registry: Registry) -> None:
    rows = [[p.name, p.distribution, p.version, p.state, _adds(p)] for p in registry.plugins]
    print_table(["plugin", "distribution", "version", "state", "adds"], rows)
    for plugin in registry.plugins:
        for failure in plugin.failures:
            echo(f"{plugin.name} failed ({failure.stage}): {failure.reason}")
        for remark in plugin.warnings:
            echo(remark)
    for backbone, names in _dangling(registry).items():
        echo(f"Dangling: {', '.join(names)} for the backbone {backbone!r}, which is not installed.")
    if any(plugin.failures for plugin in registry.plugins):
        echo("`lnkit plugins --traceback NAME` shows where in its code.")
    if off := [plugin.name for plugin in registry.plugins if plugin.state == "off"]:
        echo(f"LNKIT_PLUGINS leaves out {', '.join(off)}.")


def _adds(plugin: Plugin) -> str:
    """Return ``14 backbones, 59 points``."""
    counts = ((kind, len(names)) for kind, names in plugin.added.items())
    return ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts) or "-"


def _dangling(registry: Registry) -> dict[str, list[str]]:
    """Return the points of backbones that are not installed: backbone -> ``point (plugin)``."""
    dangling: dict[str, list[str]] = {}
    for backbone, point, plugin in registry.dangling:
        dangling.setdefault(backbone, []).append(f"{point.name} ({plugin})")
    return dangling


def _facts(registry: Registry, plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "module": plugin.module,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state,
        "adds": {f"{kind}s": names for kind, names in plugin.added.items()},
        "dangling": [
            f"{backbone}:{point.name}" for backbone, point, owner in registry.dangling if owner == plugin.name
        ],
        "warnings": plugin.warnings,
        "failures": [
            {"stage": failure.stage, "reason": failure.reason, "traceback": failure.traceback}
            for failure in plugin.failures
        ],
    }


def _traceback(registry: Registry, name: str) -> str:
    failures = [failure for plugin in registry.plugins_named(name) for failure in plugin.failures]
    return "\n".join(failure.traceback.rstrip("\n") for failure in failures) or f"{name} did not fail."
