"""The README of each plugin of this repository, and a list of what they add."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from lnkit.plugins.isolation import Plugin
from lnkit.plugins.registry import Registry
from sitepages.introductions import introduction
from sitepages.markup import Page, code, file_names, page_link, table
from sitepages.project import Distribution, distributions, readme
from sitepages.sections import for_the_site

FOLDER = "plugins"


def plugin_pages(registry: Registry) -> list[Page]:
    """Return the list of plugins, then the README of each, unless the page of its benchmark shows it."""
    plugins = [plugin for plugin in registry.plugins if plugin.state == "ok"]
    installed = {distribution.name: distribution for distribution in distributions()}
    commands_only = [one for name, one in installed.items() if name not in {plugin.distribution for plugin in plugins}]
    texts = {plugin.name: readme(plugin) for plugin in plugins if not is_one_benchmark(plugin)}
    texts = {name: text for name, text in texts.items() if text} | {one.module: one.readme for one in commands_only}
    names = file_names(texts)
    pages = {name: Page(name, f"{FOLDER}/{names[name]}.md", for_the_site(text)) for name, text in texts.items()}
    rows = [
        _row(pages, plugin.name, plugin.distribution, plugin.version, _adds(plugin, installed)) for plugin in plugins
    ]
    rows += [_row(pages, one.module, one.name, one.version, _commands(one)) for one in commands_only]
    index = introduction(FOLDER, "index") + table(["plugin", "distribution", "version", "adds"], rows)
    return [Page("All plugins", f"{FOLDER}/index.md", index), *pages.values()]


def is_one_benchmark(plugin: Plugin) -> bool:
    """Whether a plugin is about one benchmark, whose page then shows its README."""
    return len(plugin.added.get("benchmark", ())) == 1


def _row(pages: Mapping[str, Page], name: str, distribution: str, version: str, adds: str) -> list[str]:
    link: Markup = page_link(pages[name], code(name)) if name in pages else code(name)
    return [link, code(distribution), version, adds]


def _adds(plugin: Plugin, installed: Mapping[str, Distribution]) -> str:
    """Return "25 backbones, 170 points, the command earlystop"."""
    counts = [(kind, len(names)) for kind, names in plugin.added.items()]
    parts = [f"{count:,} {kind}{'' if count == 1 else 's'}" for kind, count in counts]
    distribution = installed.get(plugin.distribution)
    return ", ".join([*parts, *([_commands(distribution)] if distribution and distribution.commands else [])])


def _commands(distribution: Distribution) -> str:
    return f"the command{'' if len(distribution.commands) == 1 else 's'} " + ", ".join(distribution.commands)
