"""The registered distances."""

from __future__ import annotations

from lnkit.plugins.registry import Registry
from sitepages.markup import code, table


def distance_table(registry: Registry) -> str:
    """Return a table of all distances with source and plugin."""
    rows = [
        [code(distance.name), distance.description, distance.citation, registry.provider("distance", name).name]
        for name, distance in registry.distances.items()
    ]
    return table(["distance", "description", "source", "plugin"], rows)
