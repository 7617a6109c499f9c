"""MkDocs hooks: add the pages and tables that are made from the registry and from the code."""

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
from sitepages.citation import benchmark_citations, bibtex
from sitepages.commands import command_reference
from sitepages.copy_buttons import with_copies
from sitepages.datasets import all_datasets, photograph_table
from sitepages.differences import difference_tables
from sitepages.distances import distance_table
from sitepages.exports import export_reference, export_table
from sitepages.markup import Page
from sitepages.plugins import plugin_pages
from sitepages.project import ROOT, project_registry
from sitepages.sections import for_the_site, section
from sitepages.sources import with_links

GENERATED = re.compile(r"<!-- generated: ([\w-]+) -->")
EXPORTS = re.compile(r"<!-- (exports|export table): ([\w.]+) -->")
SECTION = re.compile(r"<!-- from (\S+): (.+) -->")

SECTIONS: dict[str, Callable[[Registry], list[Page]]] = {  # entry of the navigation -> its pages
    "generated-backbones": backbone_pages,
    "generated-benchmarks": benchmark_pages,
    "generated-plugins": plugin_pages,
}
TABLES: dict[str, Callable[[], str]] = {
    "commands": command_reference,
    "benchmark-citations": lambda: benchmark_citations(project_registry()),
    "bibtex": bibtex,
    "datasets": lambda: all_datasets(project_registry()),
    "differences": lambda: difference_tables(project_registry()),
    "photographs": photograph_table,
    "distances": lambda: distance_table(project_registry()),
}
EXPORT_PAGES: dict[str, Callable[[str], str]] = {"exports": export_reference, "export table": export_table}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated pages to the files and to the navigation."""
    try:
        registry = project_registry()
        generated = {name: make(registry) for name, make in SECTIONS.items()}
    except LookupError as error:  # a README or one of its sections is missing
        raise PluginError(str(error)) from error
    for pages in generated.values():
        for page in pages:
            files.append(File.generated(config, page.uri, content=page.content))
    config.nav = [{title: _filled(value, generated) for title, value in entry.items()} for entry in config.nav or []]
    return files


def on_page_markdown(markdown: str, *, page: SitePage, config: MkDocsConfig, files: Files) -> str:
    """Replace the markers of a page by tables, the exports of a module, or sections of the project's own files."""
    markdown = GENERATED.sub(lambda marker: TABLES[marker[1]](), markdown)
    markdown = EXPORTS.sub(lambda marker: EXPORT_PAGES[marker[1]](marker[2]), markdown)
    return SECTION.sub(lambda marker: _section(marker[1], marker[2]), markdown)


def on_page_content(html: str, *, page: SitePage, config: MkDocsConfig, files: Files) -> str:
    """Let the buttons of a page copy commands only, and link the short names of sources in its tables."""
    return with_links(with_copies(html), page.url)


def _filled(value: Any, generated: Mapping[str, Sequence[Page]]) -> Any:
    """Return an entry of the navigation with the name of a generated section replaced by its pages."""
    pages = generated.get(value) if isinstance(value, str) else None
    return [{page.nav_title: page.uri} for page in pages] if pages else value


def _section(file: str, heading: str) -> str:
    try:
        return for_the_site(section((ROOT / file).read_text(encoding="utf-8"), heading))
    except (OSError, LookupError) as error:
        raise PluginError(f"{file}: {error}") from error
