"""Import a plugin and give it a pluggy manager, through which its hooks are called."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import pluggy

from lnkit import hookspecs
from lnkit.errors import PluginError
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.interface import mismatch_in_source

HOOKS = {  # hook -> kind of the registered items, in the order in which hooks are called
    "register_backbone": "backbone",
    "register_extraction_points": "point",
    "register_distance": "distance",
    "register_benchmark": "benchmark",
    "register_backbone_source": "source",
    "register_executor": "executor",
    "register_suite": "suite",
}
IMPORT_PATH = re.compile(r"\w+(\.\w+)*(:\w+(\.\w+)*)?")


def import_plugin(path: str, distribution: str) -> object:
    """Import a plugin from ``package.module`` or ``package.module:attribute``.

    Raises:
        PluginError: ``path`` has neither form, or the import fails and the plugin was made for another lnkit.
        Exception: anything else that the plugin raises.
    """
    if not path:
        raise PluginError(
            "Expected `name = package.module` in each line of the group lnkit in its entry_points.txt, got a broken "
            f"line. Python and torch fail on it too: uninstall {distribution}, and tell the plugin's author."
        )
    if not IMPORT_PATH.fullmatch(path):
        raise PluginError(
            f"Expected its entry point to be package.module or package.module:attribute, got {path!r}. Tell the "
            "plugin's author."
        )
    try:
        return import_object(path)
    except Exception as error:
        if mismatch := mismatch_in_source(path, distribution):
            raise PluginError(f"{sentence_of(error)}. {mismatch}") from error
        raise


def import_object(path: str) -> Any:
    """Return the module ``package.module``, or the object ``package.module:attribute.attribute``."""
    module, _, attributes = path.partition(":")
    value: Any = import_module(module)
    for attribute in filter(None, attributes.split(".")):
        value = getattr(value, attribute)
    return value


def plugin_manager(name: str, implementation: object) -> pluggy.PluginManager:
    """Return a manager with this plugin alone. Raises PluginError unless all of its hooks are hooks of lnkit."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(implementation, name)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"One of its hooks has wrong arguments: {str(error).splitlines()[-1]}.") from error
    callers = manager.get_hookcallers(implementation) or []
    if not callers:
        raise PluginError("It implements no hook: mark its functions with @lnkit.hookimpl.")
    if unknown := [caller.name for caller in callers if caller.name not in HOOKS]:
        raise PluginError(f"lnkit has no hook {unknown[0]!r}; it has {', '.join(HOOKS)}.")
    return manager
