"""What each plugin of this repository says about itself, and a list of what they bring."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from lnkit.plugins.isolation import Plugin
from lnkit.plugins.registry import Registry
from sitepages.introductions import introduction
from sitepages.markup import Page, code, file_names, page_link, table
from sitepages.project import readme
from sitepages.sections import for_the_site

FOLDER = "plugins"


def plugin_pages(registry: Registry) -> list[Page]:
    """The list first, then what each README says, unless the page of a benchmark says it."""
    plugins = [plugin for plugin in registry.plugins if plugin.state == "ok"]
    names = file_names(plugin.name for plugin in plugins)
    pages = {
        plugin.name: Page(plugin.name, f"{FOLDER}/{names[plugin.name]}.md", for_the_site(text))
        for plugin in plugins
        if not is_one_benchmark(plugin) and (text := readme(plugin))
    }
    rows = [[_link(plugin, pages), code(plugin.distribution), plugin.version, _adds(plugin)] for plugin in plugins]
    index = introduction(FOLDER, "index") + table(["plugin", "comes with", "version", "adds"], rows)
    return [Page("All plugins", f"{FOLDER}/index.md", index), *pages.values()]


def is_one_benchmark(plugin: Plugin) -> bool:
    """Whether a plugin is about one benchmark, whose page then says what its README does."""
    return [kind for kind, names in plugin.added.items() for _ in names] == ["benchmark"]


def _link(plugin: Plugin, pages: Mapping[str, Page]) -> Markup:
    page = pages.get(plugin.name)
    return page_link(page, code(plugin.name)) if page else code(plugin.name)


def _adds(plugin: Plugin) -> str:
    counts = ((kind, len(names)) for kind, names in plugin.added.items())
    return ", ".join(f"{count:,} {kind}{'' if count == 1 else 's'}" for kind, count in counts)
