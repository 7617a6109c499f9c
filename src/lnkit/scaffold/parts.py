"""The parts that a plugin can bring, and what each of them adds to the module that lnkit loads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from textwrap import indent


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a plugin can bring. Its files are in the folder of its name beside this module."""

    name: str  # "backbone"; also the module of the new package that holds it
    title: str  # "a backbone"
    registers: tuple[str, str]  # kind and name of what it registers, in which {name} stands for the plugin's
    imports: str  # what the package imports from that module
    hooks: Mapping[str, str]  # hook -> what the part does in it


PARTS = (
    Part(
        "backbone",
        "a backbone",
        ("backbone", "{name}"),
        "BACKBONE, POINTS",
        {
            "register_backbone": "register(BACKBONE)",
            "register_extraction_points": "register(BACKBONE.name, *POINTS)",
        },
    ),
    Part(
        "points",
        "extraction points",
        ("point", "squeezenet1_1:{name}"),
        "MORE_POINTS",
        {"register_extraction_points": "for backbone, points in MORE_POINTS.items():\n    register(backbone, *points)"},
    ),
    Part(
        "distance",
        "a distance",
        ("distance", "{name}"),
        "DISTANCE",
        {"register_distance": "register(DISTANCE)"},
    ),
    Part(
        "benchmark",
        "a benchmark",
        ("benchmark", "{name}"),
        "BENCHMARK",
        {"register_benchmark": "register(BENCHMARK)"},
    ),
)

HOOK = """

@lnkit.hookimpl
def {hook}(register):
{body}"""


def import_lines(parts: Collection[Part], module: str) -> str:
    """The package's imports of its own modules, sorted as a linter wants them."""
    return "\n".join(sorted(f"from {module}.{part.name} import {part.imports}" for part in parts))


def hook_functions(parts: Collection[Part]) -> str:
    """The package's hooks, each with what all of the parts do in it."""
    bodies: dict[str, list[str]] = {}
    for part in parts:
        for hook, body in part.hooks.items():
            bodies.setdefault(hook, []).append(indent(body, "    "))
    return "\n".join(HOOK.format(hook=hook, body="\n".join(lines)) for hook, lines in bodies.items())


def brings(parts: Collection[Part]) -> str:
    """``a backbone, a distance and a benchmark``."""
    *first, last = (part.title for part in parts)
    return f"{', '.join(first)} and {last}" if first else last
