"""The registry of what is installed: plugins are found, imported and asked, and what they hand over is kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from lnkit.plugins.isolation import load_plugins
from lnkit.plugins.registration import run_hooks
from lnkit.plugins.registry import Registry


def load_registry(*, strict: bool = False, only: Sequence[str] | None = None) -> Registry:
    """Load all plugins and run the hooks, phase by phase: backbones, then points, then distances, then benchmarks.

    What a hook hands over counts once the hook has returned; of a hook that raises nothing counts.

    Raises:
        UsageError: ``only`` (or ``LNKIT_PLUGINS``) names a plugin that is not installed.
        PluginError: in strict mode, a plugin failed.
    """
    registry = Registry(plugins=tuple(load_plugins(strict=strict, only=only)))
    run_hooks(registry, strict=strict)
    return registry


@cache
def default_registry() -> Registry:
    """The registry of whatever is installed; loaded once."""
    return load_registry()
