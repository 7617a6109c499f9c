"""Find plugins, import them, and call their hooks, each apart from the others: one broken plugin stops no command.

Each plugin gets a pluggy manager of its own. In a shared one, a hook that raises ends the call for the plugins after
it, and a plugin that fails to register stays half registered.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pluggy

from lnkit.errors import PluginError, UsageError
from lnkit.plugins.entrypoints import EntryPoint, find_entry_points
from lnkit.plugins.failures import describe_failure, sentence_of
from lnkit.plugins.importing import import_plugin, manage
from lnkit.plugins.interface import require_interface
from lnkit.plugins.output import stdout_to_stderr
from lnkit.plugins.remarks import remarking
from lnkit.specs import PluginFailure

OWN_DISTRIBUTION = "lnkit"
VARIABLE = "LNKIT_PLUGINS"  # names of the plugins to load besides lnkit's own; empty or "none" loads no other


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
    remarks: list[str] = field(default_factory=list)  # sentences on what it does wrong though it works

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
    if not getattr(plugin.manager.hook, hook).get_hookimpls():
        return True
    with isolated(plugin, hook, strict=strict) as outcome:
        if returned := getattr(plugin.manager.hook, hook)(**arguments):
            raise PluginError(
                f"{hook} returned {returned[0]!r:.80}, which would be lost: a hook returns nothing and hands over each "
                "thing by calling register."
            )
    return not outcome


@contextlib.contextmanager
def isolated(plugin: Plugin, stage: str, *, strict: bool) -> Iterator[list[PluginFailure]]:
    """Keep what goes wrong inside as a failure of ``plugin``. Yields what went wrong.

    What it prints goes to stderr, what it changes for the whole process is put back, and both that and a long wait are
    remarked.
    """
    outcome: list[PluginFailure] = []
    try:
        with remarking(plugin.name, stage, plugin.remarks), stdout_to_stderr():
            yield outcome
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and what test frameworks raise to get past "except Exception"
        if strict:
            raise PluginError(f"Plugin {plugin.name!r} failed ({stage}): {sentence_of(error)}") from error
        outcome.append(describe_failure(plugin.name, plugin.distribution, stage, error))
        plugin.failures.extend(outcome)


def _describe(entry: EntryPoint) -> Plugin:
    plugin = Plugin(entry.name or "(nameless)", entry.value, entry.distribution, entry.version)
    if entry.others:
        plugin.remarks.append(
            f"{plugin.distribution} is installed more than once: {plugin.version} is used, and not "
            f"{', '.join(entry.others)}. Run `pip uninstall {plugin.distribution}` until none is left, and install it "
            "again."
        )
    return plugin


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
        implementation = import_plugin(plugin.module, plugin.distribution)
    if not outcome:
        with isolated(plugin, "validate", strict=strict):
            if not plugin.own:  # which come with the interface
                require_interface(implementation, plugin.module, plugin.distribution)
            plugin.manager = manage(plugin.name, implementation)


def _refuse_second(plugin: Plugin, first: Plugin) -> None:
    if plugin is first:
        return
    if plugin.distribution == first.distribution:
        raise PluginError(
            f"{plugin.distribution} announces two plugins called {plugin.name!r}: {first.module} is used, "
            f"{plugin.module} is not. Tell its author."
        )
    raise PluginError(
        f"Two plugins are called {plugin.name!r}: that of {first.distribution} {first.version} is used, "
        f"that of {plugin.distribution} {plugin.version} is not. Uninstall one of them."
    )
