"""Load all installed plugins into a registry."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from lnkit.plugins.isolation import MARKER, load_plugins
from lnkit.plugins.registration import run_hooks
from lnkit.plugins.registry import Registry


@cache
def default_registry() -> Registry:
    """Return the registry of all installed plugins; loaded once per process."""
    return load_registry()


def load_registry(*, strict: bool = False, only: Sequence[str] | None = None) -> Registry:
    """Import all plugins and call their hooks, hook by hook, in the order of ``lnkit.plugins.hooks.HOOKS``.

    If a hook raises, nothing that it registered in this call is kept.

    Args:
        strict: raise the first failure of a plugin, instead of recording it in ``Registry.failures``.
        only: names of the plugins to load besides lnkit's own; None means those in ``LNKIT_PLUGINS``, else all.

    Raises:
        UsageError: ``only`` or ``LNKIT_PLUGINS`` names a plugin that is not installed.
        PluginError: a plugin failed, in strict mode.
    """
    try:
        with _without_collections():
            registry = Registry(plugins=tuple(load_plugins(strict=strict, only=only)))
            run_hooks(registry, strict=strict)
    finally:
        MARKER.remove()
    return registry


@contextmanager
def _without_collections() -> Iterator[None]:
    """Put off garbage collections: each would look through all the specs that stay, a tenth of the time altogether.

    Not by ``gc.disable``: that a plugin does so could no longer be seen.
    """
    usual = gc.get_threshold()
    gc.set_threshold(0)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
