"""Find plugins, import them and call their hooks in isolation, so that a broken plugin stops no command.

Each plugin has its own pluggy manager. In a shared one, a hook that raises would end the call for all later plugins,
and a plugin that fails to register would stay half registered.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import pluggy

from lnkit._version import __version__
from lnkit.errors import PluginError, UsageError
from lnkit.plugins.entrypoints import EntryPoint, find_entry_points
from lnkit.plugins.failures import describe_failure, sentence_of
from lnkit.plugins.guard import foreign_code, warn
from lnkit.plugins.hooks import import_plugin, plugin_manager
from lnkit.plugins.import_marker import Ended, ImportMarker, ended_processes
from lnkit.plugins.interface import require_interface
from lnkit.plugins.plugin_warnings import collect_warnings, where_in
from lnkit.plugins.torch_state import GENERATORS, SETTINGS
from lnkit.specs import PluginFailure

BUNDLE = "lnkit"  # the distribution of the bundled plugins

# Further distributions of lnkit's own repository, whose tests cover all that they register.
TESTED = (
    "lnkit-calibration",
    "lnkit-earlystop",
    "lnkit-judgments",
    "lnkit-probes",
    "lnkit-psychophysics",
    "lnkit-openclip",
    "lnkit-stlpips",
    "lnkit-timm",
    "lnkit-transformers",
)
# The bundled plugins, name -> module, as pyproject.toml announces them. Metadata are not trusted with it: any
# distribution can call itself lnkit.
BUNDLED = {
    "lnkit_builtins": "lnkit.distances.builtin_plugin",
    "lnkit_torchvision": "lnkit_torchvision",
    "lnkit_bapps": "lnkit_bapps",
    "lnkit_superres": "lnkit_superres",
    "lnkit_delineation": "lnkit_delineation",
    "lnkit_autoencoder": "lnkit_autoencoder",
    "lnkit_invariance": "lnkit_invariance",
}
VARIABLE = "LNKIT_PLUGINS"  # names of the plugins to load besides the bundled ones; empty or "none" for no other

STATES = (*SETTINGS, *GENERATORS)
MARKER = ImportMarker()


@dataclass
class Plugin:
    """An installed plugin, what it registered, and its failures and warnings."""

    name: str  # of its entry point: "lnkit_timm"
    module: str  # "lnkit_timm"
    distribution: str  # "lnkit-timm"
    version: str  # "0.1.0"
    enabled: bool = True  # False if LNKIT_PLUGINS leaves it out
    manager: pluggy.PluginManager | None = None  # with this plugin alone; None if it could not be imported
    added: dict[str, list[str]] = field(default_factory=dict)  # "backbone" -> registered names
    failures: list[PluginFailure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)  # sentences about problems of a plugin that works

    @property
    def bundled(self) -> bool:
        """Whether it comes with lnkit itself."""
        return self.distribution == BUNDLE and BUNDLED.get(self.name) == self.module

    @property
    def package(self) -> str:
        """Top-level package of its code."""
        return self.module.partition(":")[0].partition(".")[0]

    @property
    def title(self) -> str:
        """Its distribution and version: "lnkit-mine 1.0"."""
        return f"{self.distribution} {self.version}"

    @property
    def tested(self) -> bool:
        """Whether lnkit's own tests cover its networks and distances; all others are checked in each run."""
        return self.bundled or self.distribution in TESTED

    @property
    def state(self) -> Literal["ok", "failed", "off"]:
        if not self.enabled:
            return "off"
        return "failed" if self.failures else "ok"


def load_plugins(*, strict: bool = False, only: Sequence[str] | None = None) -> list[Plugin]:
    """Import all enabled plugins, the bundled ones first, then by name, whatever the order of installation.

    Args:
        strict: raise the first failure of a plugin, instead of recording it.
        only: names of the plugins to load besides the bundled ones; None means those in ``LNKIT_PLUGINS``, else all.

    Returns:
        All installed plugins; those that are not enabled are neither imported nor called.

    Raises:
        UsageError: ``only`` or ``LNKIT_PLUGINS`` names a plugin that is not installed.
        PluginError: a plugin failed, in strict mode.
    """
    plugins = [_describe(entry) for entry in _with_bundled(find_entry_points())]
    plugins.sort(key=lambda plugin: (not plugin.bundled, plugin.name, plugin.distribution))
    _disable_others(plugins, _names_in_environment() if only is None else list(only))
    for ended in ended_processes():  # said at once, since this process may end in the same way
        warn(_name_who_ended(ended, plugins))
    loaded: dict[str, Plugin] = {}
    for plugin in plugins:
        if plugin.enabled:
            _load(plugin, loaded.setdefault(plugin.name, plugin), strict)
    return plugins


def call_hook(plugin: Plugin, hook: str, *, strict: bool, **arguments: Any) -> bool:
    """Call one hook of one plugin.

    Args:
        plugin: the plugin; a failure is added to it.
        hook: name of the hook.
        strict: raise a failure, instead of recording it.
        **arguments: of the hook.

    Returns:
        Whether it succeeded; True for a plugin that does not implement the hook.
    """
    if plugin.manager is None:
        return False
    if not getattr(plugin.manager.hook, hook).get_hookimpls():
        return True
    with isolated(plugin, hook, strict=strict) as failures:
        if returned := getattr(plugin.manager.hook, hook)(**arguments):
            raise PluginError(
                f"Expected {hook} to return nothing, got {returned[0]!r:.80}. A hook hands over each item by calling "
                "register; lnkit ignores what it returns."
            )
    return not failures


@contextlib.contextmanager
def isolated(plugin: Plugin, stage: str, *, strict: bool) -> Iterator[list[PluginFailure]]:
    """Record an exception raised inside as a failure of ``plugin``, and yield a list that then holds it.

    Output goes to stderr and the state of the process is restored; changes to it and long waits become warnings.
    """
    failures: list[PluginFailure] = []

    def record(error: BaseException) -> BaseException | None:
        if strict:
            return PluginError(f"Plugin {plugin.name!r} failed ({stage}): {sentence_of(error)}")
        failures.append(describe_failure(plugin.name, plugin.distribution, stage, error, plugin.package))
        plugin.failures.extend(failures)
        return None

    trusted = plugin.bundled or stage == "validate"  # which runs next to nothing of a plugin; a test checks the bundled
    marked = nullcontext() if trusted else MARKER.marks(plugin.name, plugin.title, stage)
    waiting = collect_warnings(plugin.name, stage, plugin.warnings)
    states = () if trusted else STATES
    with waiting, marked, foreign_code(record, named=states, silent=(), circumstances=True) as changed:
        yield failures
    if changed:
        sentence = f"Plugin {plugin.name!r} changes {', '.join(changed)} {where_in(stage)}; lnkit undid this."
        plugin.warnings.append(sentence)


def _with_bundled(entries: list[EntryPoint]) -> list[EntryPoint]:
    """Return the bundled plugins, whatever the metadata of lnkit say, and all others that are announced."""
    announced = {(entry.name, entry.value): entry for entry in entries if entry.distribution == BUNDLE}
    bundled = [announced.pop(item, EntryPoint(*item, BUNDLE, __version__)) for item in BUNDLED.items()]
    return [*bundled, *(entry for entry in entries if entry not in bundled)]


def _name_who_ended(ended: Ended, plugins: Sequence[Plugin]) -> str:
    others = [plugin.name for plugin in plugins if not plugin.bundled and plugin.name != ended.plugin]
    doing = "importing it" if ended.stage == "import" else f"in its hook {ended.stage}"
    return (
        f"The plugin {ended.plugin!r} of {ended.distribution} was loaded when an earlier lnkit (process "
        f"{ended.process}) ended or was killed, {doing}. If that happens again, leave it out: "
        f"{VARIABLE}={','.join(others) or 'none'} names the others."
    )


def _describe(entry: EntryPoint) -> Plugin:
    plugin = Plugin(entry.name or "(nameless)", entry.value, entry.distribution, entry.version)
    if entry.others:
        plugin.warnings.append(
            f"{plugin.distribution} is installed more than once: {plugin.version} is used, and not "
            f"{', '.join(entry.others)}. Run `pip uninstall {plugin.distribution}` until none is left, and install it "
            "again."
        )
    if plugin.distribution == BUNDLE and not plugin.bundled:
        plugin.warnings.append(
            f"The plugin {plugin.name!r} comes from a distribution that calls itself lnkit, but is none of lnkit's own."
        )
    return plugin


def _names_in_environment() -> list[str] | None:
    text = os.environ.get(VARIABLE)
    if text is None:
        return None
    return [name.strip() for name in text.split(",") if name.strip() not in ("", "none")]


def _disable_others(plugins: Sequence[Plugin], only: list[str] | None) -> None:
    """Disable all plugins but the bundled ones and those in ``only``; None disables nothing."""
    if only is None:
        return
    names = [plugin.name for plugin in plugins]
    if unknown := [name for name in only if name not in names]:
        raise UsageError(f"{VARIABLE} names {unknown[0]!r}, which is not installed; installed are: {', '.join(names)}.")
    for plugin in plugins:
        plugin.enabled = plugin.bundled or plugin.name in only


def _load(plugin: Plugin, first: Plugin, strict: bool) -> None:
    """Import a plugin and check its hooks; ``first`` is the first plugin of this name."""
    with isolated(plugin, "import", strict=strict) as failures:
        _require_first(plugin, first)
        implementation = import_plugin(plugin.module, plugin.distribution)
    if not failures:
        with isolated(plugin, "validate", strict=strict):
            if not plugin.bundled:  # those always have lnkit's version of the interface
                require_interface(implementation, plugin.module, plugin.distribution)
            plugin.manager = plugin_manager(plugin.name, implementation)


def _require_first(plugin: Plugin, first: Plugin) -> None:
    if plugin.module in BUNDLED.values() and not plugin.bundled:
        raise PluginError(f"{plugin.distribution} announces {plugin.module}, a plugin of lnkit itself. Uninstall it.")
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
