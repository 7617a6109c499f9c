"""What MkDocs calls while it builds: puts in the pages and tables that are made from what is registered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page as SitePage

from lnkit.plugins.registry import Registry
from sitepages.backbones import backbone_pages
from sitepages.benchmarks import benchmark_pages
from sitepages.commands import command_reference
from sitepages.datasets import all_datasets
from sitepages.distances import distance_table
from sitepages.markup import Page
from sitepages.plugins import plugin_pages
from sitepages.project import ROOT, project_registry
from sitepages.sections import for_the_site, section

GENERATED = re.compile(r"<!-- generated: ([\w-]+) -->")
SECTION = re.compile(r"<!-- from (\S+): (.+) -->")

SECTIONS: dict[str, Callable[[Registry], list[Page]]] = {  # what stands in the navigation, and the pages for it
    "generated-backbones": backbone_pages,
    "generated-benchmarks": benchmark_pages,
    "generated-plugins": plugin_pages,
}
TABLES: dict[str, Callable[[], str]] = {
    "commands": command_reference,
    "datasets": lambda: all_datasets(project_registry()),
    "distances": lambda: distance_table(project_registry()),
}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated pages, and name them where the navigation asks for them."""
    registry = project_registry()
    generated = {name: make(registry) for name, make in SECTIONS.items()}
    for pages in generated.values():
        for page in pages:
            files.append(File.generated(config, page.uri, content=page.content))
    config.nav = [{title: _filled(value, generated) for title, value in entry.items()} for entry in config.nav or []]
    return files


def on_page_markdown(markdown: str, *, page: SitePage, config: MkDocsConfig, files: Files) -> str:
    """Put tables and parts of the project's own files where a page asks for them."""
    markdown = GENERATED.sub(lambda found: TABLES[found[1]](), markdown)
    return SECTION.sub(lambda found: _section(found[1], found[2]), markdown)


def _filled(value: Any, generated: Mapping[str, Sequence[Page]]) -> Any:
    """What stands in the navigation: the generated pages in the place of their name."""
    pages = generated.get(value) if isinstance(value, str) else None
    return [{page.nav_title: page.uri} for page in pages] if pages else value


def _section(file: str, heading: str) -> str:
    try:
        return for_the_site(section((ROOT / file).read_text(encoding="utf-8"), heading))
    except (OSError, LookupError) as error:
        raise PluginError(f"{file}: {error}") from error
