"""The registry of plugins, with warnings about those that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit.cli._output import note, settings, warn

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

MAX_SHOWN = 10  # failures and warnings before a result; a plugin can have thousands


def load_plugins() -> Registry:
    """Load all plugins without warnings, for commands whose output is about the failures."""
    from lnkit.plugins.load import default_registry, load_registry  # noqa: PLC0415 - not for help

    return load_registry(strict=True) if settings().strict else default_registry()


def open_registry() -> Registry:
    """Load all plugins and print their failures and warnings on stderr."""
    registry = load_plugins()
    for failure in registry.failures[:MAX_SHOWN]:
        warn(
            f"Plugin {failure.plugin!r} failed ({failure.stage}): {failure.reason.rstrip('.')}. "
            f"`lnkit plugins --traceback {failure.plugin}` shows more."
        )
    warnings = [warning for plugin in registry.plugins for warning in plugin.warnings]
    for warning in warnings[:MAX_SHOWN]:
        note(warning)
    if len(registry.failures) > MAX_SHOWN or len(warnings) > MAX_SHOWN:
        note("There are more of these; `lnkit plugins` shows all.")
    return registry
