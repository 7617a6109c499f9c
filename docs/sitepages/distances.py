"""The distances between features that are registered."""

from __future__ import annotations

from lnkit.plugins.registry import Registry
from sitepages.markup import code, table


def distance_table(registry: Registry) -> str:
    rows = [
        [code(distance.name), distance.description, distance.citation, registry.provider("distance", name).name]
        for name, distance in registry.distances.items()
    ]
    return table(["distance", "what it computes", "source", "plugin"], rows)
