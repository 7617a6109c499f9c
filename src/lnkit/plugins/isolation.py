"""Find plugins, import them, and call their hooks, each apart from the others: one broken plugin stops no command.

Each plugin gets a pluggy manager of its own. In a shared one, a hook that raises ends the call for the plugins after
it, and a plugin that fails to register stays half registered.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

import pluggy

from lnkit import hookspecs
from lnkit.errors import PluginError, UsageError
from lnkit.plugins.entrypoints import EntryPoint, find_entry_points
from lnkit.specs import PluginFailure

OWN_DISTRIBUTION = "lnkit"
VARIABLE = "LNKIT_PLUGINS"  # names of the plugins to load besides lnkit's own; empty or "none" loads no other
HOOKS = ("register_backbone", "register_extraction_points", "register_distance", "register_benchmark")


@dataclass
class Plugin:
    """A plugin as it was found, what it handed over, and how far it came."""

    name: str  # of its entry point: "lnkit_timm"
    module: str  # "lnkit_timm"
    distribution: str  # "lnkit-timm"
    version: str  # "0.1.0"
    wanted: bool = True  # LNKIT_PLUGINS does not leave it out
    manager: pluggy.PluginManager | None = None  # with this plugin alone; None if it could not be imported
    added: dict[str, list[str]] = field(default_factory=dict)  # "backbone" -> names
    failures: list[PluginFailure] = field(default_factory=list)

    @property
    def own(self) -> bool:
        """Whether it comes with lnkit itself."""
        return self.distribution == OWN_DISTRIBUTION

    @property
    def state(self) -> Literal["ok", "failed", "off"]:
        if not self.wanted:
            return "off"
        return "failed" if self.failures else "ok"


def load_plugins(*, strict: bool = False, only: Sequence[str] | None = None) -> list[Plugin]:
    """Import every installed plugin, lnkit's own first, then by name, so that the order of installing means nothing.

    Plugins that are left out come along, neither imported nor called.

    Args:
        strict: raise what a plugin raises, instead of keeping it as a failure.
        only: names of the plugins to load besides lnkit's own; by default what ``LNKIT_PLUGINS`` says, else all.

    Raises:
        UsageError: ``only`` names a plugin that is not installed.
        PluginError: in strict mode, a plugin failed.
    """
    plugins = sorted(map(_describe, find_entry_points()), key=lambda one: (not one.own, one.name, one.distribution))
    _leave_out(plugins, _wanted() if only is None else list(only))
    loaded: dict[str, Plugin] = {}
    for plugin in plugins:
        if plugin.wanted:
            _load(plugin, loaded.setdefault(plugin.name, plugin), strict)
    return plugins


def call_hook(plugin: Plugin, hook: str, *, strict: bool, **arguments: Any) -> bool:
    """Call one hook of one plugin; say whether it went through (a plugin without it went through)."""
    if plugin.manager is None:
        return False
    with isolated(plugin, hook, strict=strict) as outcome:
        if returned := getattr(plugin.manager.hook, hook)(**arguments):
            raise PluginError(
                f"{hook} returned {returned[0]!r:.80}, which would be lost: a hook returns nothing and hands over each "
                "thing by calling register."
            )
    return not outcome


@contextlib.contextmanager
def isolated(plugin: Plugin, stage: str, *, strict: bool) -> Iterator[list[PluginFailure]]:
    """Keep what goes wrong inside as a failure of ``plugin``; what it prints goes to stderr. Yields what went wrong."""
    outcome: list[PluginFailure] = []
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield outcome
    except (Exception, SystemExit) as error:
        if strict:
            raise PluginError(f"Plugin {plugin.name!r} failed ({stage}): {_sentence(error)}") from error
        outcome.append(_failure(plugin, stage, error))
        plugin.failures.extend(outcome)


def _describe(entry: EntryPoint) -> Plugin:
    return Plugin(entry.name, entry.value, entry.distribution, entry.version)


def _wanted() -> list[str] | None:
    text = os.environ.get(VARIABLE)
    if text is None:
        return None
    return [name.strip() for name in text.split(",") if name.strip() not in ("", "none")]


def _leave_out(plugins: Sequence[Plugin], only: list[str] | None) -> None:
    """Mark the plugins that are not wanted; None wants all, and lnkit's own are wanted always."""
    if only is None:
        return
    names = [plugin.name for plugin in plugins]
    if unknown := [name for name in only if name not in names]:
        raise UsageError(f"{VARIABLE} names {unknown[0]!r}, which is not installed; installed are: {', '.join(names)}.")
    for plugin in plugins:
        plugin.wanted = plugin.own or plugin.name in only


def _load(plugin: Plugin, first: Plugin, strict: bool) -> None:
    """Import a plugin and check that its hooks fit; ``first`` is the plugin that came first under this name."""
    with isolated(plugin, "import", strict=strict) as outcome:
        _refuse_second(plugin, first)
        implementation = _import(plugin.module)
    if not outcome:
        with isolated(plugin, "validate", strict=strict):
            plugin.manager = _manage(plugin.name, implementation)


def _refuse_second(plugin: Plugin, first: Plugin) -> None:
    if plugin is not first:
        raise PluginError(
            f"Two plugins are called {plugin.name!r}: that of {first.distribution} {first.version} is used, "
            f"that of {plugin.distribution} {plugin.version} is not. Uninstall one of them."
        )


def _import(place: str) -> object:
    """Import ``package.module`` or ``package.module:attribute``."""
    module, _, attributes = place.partition(":")
    found: object = import_module(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    return found


def _manage(name: str, implementation: object) -> pluggy.PluginManager:
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


def _failure(plugin: Plugin, stage: str, error: BaseException) -> PluginFailure:
    import traceback  # noqa: PLC0415 - only when something failed

    trace = "".join(traceback.format_exception(error))
    return PluginFailure(plugin.name, stage, _sentence(error), trace, plugin.distribution)


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else f"{type(error).__name__} was raised"
