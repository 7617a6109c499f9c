"""Find plugins, import them, and call their hooks, each apart from the others: one broken plugin stops no command."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from lnkit import hookspecs
from lnkit.errors import PluginError, UsageError
from lnkit.specs import PluginFailure

GROUP = hookspecs.PROJECT  # of the entry points
OWN_DISTRIBUTION = "lnkit"
VARIABLE = "LNKIT_PLUGINS"  # names of the plugins to load besides lnkit's own; empty or "none" loads no other


@dataclass
class Plugin:
    """A plugin as it was found, what it handed over, and how far it came."""

    name: str  # of its entry point: "lnkit_timm"
    module: str  # "lnkit_timm"
    distribution: str  # "lnkit-timm"
    version: str  # "0.1.0"
    manager: pluggy.PluginManager | None = None  # with this plugin alone; None if it could not be imported
    added: dict[str, list[str]] = field(default_factory=dict)  # "backbone" -> names
    failures: list[PluginFailure] = field(default_factory=list)

    @property
    def own(self) -> bool:
        """Whether it comes with lnkit itself."""
        return self.distribution == OWN_DISTRIBUTION

    @property
    def state(self) -> str:
        return "failed" if self.failures else "ok"


def load_plugins(*, strict: bool = False, only: Sequence[str] | None = None) -> list[Plugin]:
    """Import every installed plugin, lnkit's own first, then by name, so that the order of installing means nothing.

    Args:
        strict: raise what a plugin raises, instead of keeping it as a failure.
        only: names of the plugins to load besides lnkit's own; by default what ``LNKIT_PLUGINS`` says, else all.

    Raises:
        UsageError: ``only`` names a plugin that is not installed.
        PluginError: in strict mode, a plugin failed.
    """
    found = sorted(map(_describe, _points()), key=lambda pair: (not pair[0].own, pair[0].name, pair[0].distribution))
    chosen = _choose(found, _wanted() if only is None else list(only))
    plugins: list[Plugin] = []
    for plugin, point in chosen:
        with isolated(plugin, "import", strict=strict):
            _refuse_second(plugin, plugins)
            plugin.manager = _manage(plugin, point)
        plugins.append(plugin)
    return plugins


def call_hook(plugin: Plugin, hook: str, *, strict: bool, **arguments: Any) -> bool:
    """Call one hook of one plugin; say whether it went through (a plugin without it went through)."""
    if plugin.manager is None:
        return False
    with isolated(plugin, hook, strict=strict) as outcome:
        getattr(plugin.manager.hook, hook)(**arguments)
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


def _points() -> Iterator[EntryPoint]:
    yield from entry_points(group=GROUP)


def _describe(point: EntryPoint) -> tuple[Plugin, EntryPoint]:
    name, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "")
    return Plugin(point.name, point.value, name, version), point


def _wanted() -> list[str] | None:
    text = os.environ.get(VARIABLE)
    if text is None:
        return None
    return [name.strip() for name in text.split(",") if name.strip() not in ("", "none")]


def _choose(found: list[tuple[Plugin, EntryPoint]], only: list[str] | None) -> list[tuple[Plugin, EntryPoint]]:
    if only is None:
        return found
    names = [plugin.name for plugin, _ in found]
    if unknown := [name for name in only if name not in names]:
        raise UsageError(f"{VARIABLE} names {unknown[0]!r}, which is not installed; installed are: {', '.join(names)}.")
    return [(plugin, point) for plugin, point in found if plugin.own or plugin.name in only]


def _refuse_second(plugin: Plugin, before: list[Plugin]) -> None:
    first = next((other for other in before if other.name == plugin.name), None)
    if first:
        raise PluginError(
            f"Two plugins are called {plugin.name!r}: that of {first.distribution} {first.version} is used, "
            f"that of {plugin.distribution} {plugin.version} is not. Uninstall one of them."
        )


def _manage(plugin: Plugin, point: EntryPoint) -> pluggy.PluginManager:
    """Import a plugin into a manager of its own, so that one that fails leaves nothing behind in the others'."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(point.load(), plugin.name)
    manager.check_pending()
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
