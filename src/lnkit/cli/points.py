"""`lnkit points`: where a backbone can be cut, with output shapes and costs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._output import emit_json, json_option, note, print_table
from lnkit.cli._registry import open_registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lnkit.networks.inspection import NodeFacts, PointFacts
    from lnkit.specs import BackboneSpec

COST = ("parameters", "macs")


@click.command("points")
@click.argument("backbone")
@click.option(
    "--size", type=click.IntRange(1, 16_384), default=64, show_default=True, help="Side of the square image in pixels."
)
@click.option("--all", "every", is_flag=True, help="List every node that can be a point, as a tree.")
@json_option
def points(backbone: str, size: int, every: bool, as_json: bool) -> None:
    """Show the extraction points of a backbone.

    For each: its node, its output for one image (channels x height x width), the stride in pixels, and the parameters
    and macs (multiply-adds) up to the point. A multiplication with its addition counts as one, as in the published
    tables. No weights are needed.
    """
    registry = open_registry()
    spec = registry.backbone(backbone)
    from lnkit.cli._progress import show_loading  # noqa: PLC0415 - after the name was checked
    from lnkit.progress import activity  # noqa: PLC0415

    show_loading()
    from lnkit.networks.inspection import inspect_nodes, inspect_points  # noqa: PLC0415 - torch

    with activity(f"measuring {backbone}"):
        facts = [] if every else inspect_points(spec, tuple(registry.points_at(backbone).values()), size)
        nodes = inspect_nodes(spec, size) if every else []
    if every:
        _show_nodes(spec, nodes, size, as_json)
        return
    if as_json:
        emit_json({"backbone": backbone, "size": size, "points": [_json_facts(point) for point in facts]})
        return
    if facts:
        _show_points(spec, facts, size)
    else:
        note(f"{backbone} has no named points; any node can be one.")
    note(f"`lnkit points {backbone} --all` lists every node.")


def _show_points(spec: BackboneSpec, facts: Sequence[PointFacts], size: int) -> None:
    columns = ["point", "node", "output", "stride", *COST, "description"]
    print_table(
        columns,
        [row for point in facts for row in _rows(point)],
        title=_title(spec, size),
        least=["description", "parameters"],
    )
    if any(point.problem == "too small" for point in facts):
        note(f"Images of {size} pixels are too small for some points; try --size {max(spec.min_size, size + 1)}.")


def _rows(facts: PointFacts) -> list[list[str]]:
    """Return one row for a point; for a set of nodes one row each, with the cost of the set in the first."""
    point = facts.point
    shapes = [_shape(output.shape) for output in facts.outputs] or [facts.problem] * len(point.nodes)
    strides = [str(output.stride or "-") for output in facts.outputs] or ["-"] * len(point.nodes)
    costs = ["-", "-"] if facts.problem else _costs(facts)
    rows = [[point.name, point.nodes[0], shapes[0], strides[0], *costs, point.description]]
    for node, shape, stride in zip(point.nodes[1:], shapes[1:], strides[1:], strict=True):
        rows.append(["  +", node, shape, stride, "", "", ""])
    return rows


def _show_nodes(spec: BackboneSpec, facts: Sequence[NodeFacts], size: int, as_json: bool) -> None:
    if as_json:
        emit_json({"backbone": spec.name, "size": size, "nodes": [asdict(node) for node in facts]})
        return
    rows = [
        ["  " * n.node.count(".") + n.node, n.kind, _shape(n.shape), str(n.stride or "-"), *_costs(n)] for n in facts
    ]
    print_table(["node", "kind", "output", "stride", *COST], rows, title=_title(spec, size))


def _title(spec: BackboneSpec, size: int) -> str:
    """Return ``vgg16 at 64 x 64``, with the rule for resizing images if there is one."""
    return f"{spec.name} at {size} x {size}" + (f" ({spec.input_rule})" if spec.input_rule else "")


def _json_facts(facts: PointFacts) -> dict[str, Any]:
    fields = asdict(facts)
    unknown: dict[str, Any] = dict.fromkeys(COST) if facts.problem else {}
    return {**fields.pop("point"), **fields, **unknown}


def _costs(facts: PointFacts | NodeFacts) -> list[str]:
    return [f"{facts.parameters:,}", f"{facts.macs / 1e6:,.1f} M"]


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
