"""The public names of lnkit's modules, for the pages of the reference."""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from typing import Any

from markupsafe import Markup

from sitepages.comments import plain_docstring
from sitepages.markup import table

ROOT = "lnkit"
MODULES = (  # of an object that several export, the first one explains it
    "lnkit.errors",
    "lnkit.specs",
    "lnkit.benchmark",
    "lnkit.protocols",
    "lnkit.progress",
    "lnkit.commands",
    "lnkit.escapes",
    "lnkit.evaluation",
    "lnkit.sweep",
    "lnkit.search",
    "lnkit.distances",
    "lnkit.networks",
    "lnkit.losses",
    "lnkit.training",
    "lnkit.metrics",
    "lnkit.stats",
    "lnkit.data",
    "lnkit.datasets.csiq",
    "lnkit.datasets.image_files",
    "lnkit.datasets.image_folder",
    "lnkit.datasets.kadid10k",
    "lnkit.datasets.labelled",
    "lnkit.datasets.numbered_images",
    "lnkit.datasets.opinions",
    "lnkit.datasets.photographs",
    "lnkit.datasets.pieapp",
    "lnkit.datasets.live",
    "lnkit.datasets.live_md",
    "lnkit.datasets.pipal",
    "lnkit.datasets.reader_check",
    "lnkit.datasets.text_tables",
    "lnkit.datasets.things",
    "lnkit.datasets.tid2013",
    "lnkit.datasets.triplet_table",
    "lnkit.datasets.two_afc",
    "lnkit.datasets.two_afc_layout",
    "lnkit.analysis",
    "lnkit.published",
    "lnkit.report",
    "lnkit.results",
    "lnkit.testing",
)


def export_table(module: str) -> str:
    """Return a table of the exports of ``module``, each with its summary and a link to its explanation."""
    rows = [[_link(module, name), _summary(value)] for name, value in exports(module).items()]
    return table(["name", "summary"], rows) if rows else ""


def export_reference(module: str) -> str:
    """Return the table, then the markers by which mkdocstrings explains each export that no earlier module explains."""
    names = [name for name, value in exports(module).items() if _module(name, value) == module]
    return "\n\n".join([export_table(module), *(f"::: {_path(module, name)}" for name in names)])


@cache
def exports(module: str) -> dict[str, Any]:
    """Return the exports by name, those of one file together; of a module without ``__all__``, its classes."""
    loaded = import_module(module)
    classes = [name for name, value in inspect.getmembers(loaded, inspect.isclass) if value.__module__ == module]
    values = {name: getattr(loaded, name) for name in getattr(loaded, "__all__", classes)}
    return dict(sorted(values.items(), key=lambda item: (getattr(item[1], "__module__", ""), item[0].casefold())))


def _module(name: str, value: Any) -> str:
    """Return the module whose page explains an object."""
    return next((module for module in MODULES if exports(module).get(name) is value), "")


def _path(module: str, name: str) -> str:
    """Return the shortest public path of an export."""
    value = exports(module)[name]
    if exports(ROOT).get(name) is value:
        return f"{ROOT}.{name}"
    return f"{_module(name, value) or module}.{name}"


def _link(module: str, name: str) -> Markup:
    """Return the name, linked to its explanation; the name carries the anchor of a path without an explanation."""
    path = _path(module, name)
    anchor = Markup("") if path == f"{module}.{name}" else Markup(' id="{}.{}"').format(module, name)
    return Markup('<span{}><autoref identifier="{}"><code>{}</code></autoref></span>').format(anchor, path, name)


def _summary(value: Any) -> str:
    """Return the first paragraph of a docstring; nothing for constants."""
    if not (inspect.isroutine(value) or inspect.isclass(value)):
        return ""
    first = plain_docstring(inspect.getdoc(value) or "").partition("\n\n")[0]
    return " ".join(first.replace("`", "").split())
