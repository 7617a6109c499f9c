"""The parts that a new plugin can consist of, and the code that each adds to the plugin's module."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from textwrap import indent


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a new plugin; its templates are in ``templates/<name>``."""

    name: str  # "backbone"; also the name of its module
    title: str  # "a backbone"
    registers: tuple[str, str]  # kind and name of the item that it registers; {name} is the plugin's name
    imports: str  # names that the package imports from its module
    hooks: Mapping[str, str]  # hook -> the part's statements in it


PARTS = (
    Part(
        "backbone",
        "a backbone",
        ("backbone", "{name}"),
        "BACKBONE, POINTS",
        {"register_backbone": "register(BACKBONE)", "register_extraction_points": "register(BACKBONE.name, *POINTS)"},
    ),
    Part(
        "points",
        "extraction points",
        ("point", "squeezenet1_1:{name}"),
        "MORE_POINTS",
        {"register_extraction_points": "for backbone, points in MORE_POINTS.items():\n    register(backbone, *points)"},
    ),
    Part("distance", "a distance", ("distance", "{name}"), "DISTANCE", {"register_distance": "register(DISTANCE)"}),
    Part(
        "benchmark", "a benchmark", ("benchmark", "{name}"), "BENCHMARK", {"register_benchmark": "register(BENCHMARK)"}
    ),
)

HOOK = """

@lnkit.hookimpl
def {hook}(register):
{body}"""


def import_lines(parts: Collection[Part], module: str) -> str:
    """Return the package's imports of its own modules, sorted as ruff sorts them."""
    return "\n".join(sorted(f"from {module}.{part.name} import {part.imports}" for part in parts))


def hook_functions(parts: Collection[Part]) -> str:
    """Return the package's hooks, each with the statements of all parts."""
    bodies: dict[str, list[str]] = {}
    for part in parts:
        for hook, statements in part.hooks.items():
            bodies.setdefault(hook, []).append(indent(statements, "    "))
    return "\n".join(HOOK.format(hook=hook, body="\n".join(body)) for hook, body in bodies.items())


def summary(parts: Collection[Part]) -> str:
    """Return ``a backbone, a distance and a benchmark``."""
    *first, last = (part.title for part in parts)
    return f"{', '.join(first)} and {last}" if first else last
