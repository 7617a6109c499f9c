"""From an entry point to hooks that can be called."""

from __future__ import annotations

import re
from importlib import import_module

import pluggy

from lnkit import hookspecs
from lnkit.errors import PluginError
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.interface import misfit_in_source

HOOKS = ("register_backbone", "register_extraction_points", "register_distance", "register_benchmark")
PLACE = re.compile(r"\w+(\.\w+)*(:\w+(\.\w+)*)?")


def import_plugin(place: str, distribution: str) -> object:
    """Import ``package.module`` or ``package.module:attribute``.

    Raises:
        PluginError: ``place`` is neither, or the plugin was made for another lnkit and therefore cannot be imported.
        Exception: whatever else the plugin raises.
    """
    if not place:
        raise PluginError(
            "Its entry_points.txt is broken: a line in the group lnkit is no `name = package.module`. Python and torch "
            f"stumble over such a line too: uninstall {distribution}, and tell the plugin's author."
        )
    if not PLACE.fullmatch(place):
        raise PluginError(
            f"Its entry point leads to {place!r}, and package.module or package.module:attribute is expected. Tell the "
            "plugin's author."
        )
    try:
        return _import(place)
    except Exception as error:
        if misfit := misfit_in_source(place, distribution):
            raise PluginError(f"{sentence_of(error)}. {misfit}") from error
        raise


def _import(place: str) -> object:
    module, _, attributes = place.partition(":")
    found: object = import_module(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    return found


def manage(name: str, implementation: object) -> pluggy.PluginManager:
    """Return a manager that holds this plugin alone; raise PluginError unless its hooks are lnkit's."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(implementation, name)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"One of its hooks does not fit: {str(error).splitlines()[-1]}.") from error
    callers = manager.get_hookcallers(implementation) or []
    if not callers:
        raise PluginError("It implements no hook: mark its functions with @lnkit.hookimpl.")
    if unknown := [caller.name for caller in callers if caller.name not in HOOKS]:
        raise PluginError(f"lnkit has no hook {unknown[0]!r}; it has {', '.join(HOOKS)}.")
    return manager
