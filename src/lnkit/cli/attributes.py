"""`lnkit attributes`: attributes of backbones, computed from the networks, beside the published values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from lnkit.analysis.attributes import BACKBONE_ATTRIBUTES, POINT_ATTRIBUTES
from lnkit.analysis.published.tables import FLAGS, read_rows
from lnkit.cli._output import emit_json, json_option, note, print_table
from lnkit.cli._registry import open_registry

BACKBONE, POINT = tuple(BACKBONE_ATTRIBUTES), tuple(POINT_ATTRIBUTES)
TOLERANCE = 0.1  # of the computed macs; those of Pihlgren2023 Table I count other operations and differ by up to 5.2 %

Values = Mapping[str, float | None]


@click.command("attributes")
@click.argument("backbones", nargs=-1, metavar="[BACKBONE...]")
@click.option("--points", "per_point", is_flag=True, help="One row for each extraction point.")
@json_option
def attributes(backbones: tuple[str, ...], per_point: bool, as_json: bool) -> None:
    """Compute the attributes of backbones: depth, macs, structure.

    They are measured in a forward pass of one image of 224 x 224 pixels, without weights. Macs are multiply-adds, depth
    is the number of matrix multiplications separated by a non-linearity on the longest path, and accuracy is the value
    stated by the authors of the weights. Where the published Table I has another value, both are shown. Without names,
    the command shows the backbones of that table.
    """
    values = _measured(backbones) if backbones else _shipped()
    if as_json:
        emit_json({name: {**whole, "points": points} for name, (whole, points) in values.items()})
    elif per_point:
        rows = [
            [f"{name}:{point}", *(_cell(column, costs[column]) for column in POINT)]
            for name, (_, points) in values.items()
            for point, costs in points.items()
        ]
        print_table(["loss network", *(column.replace("_", " ") for column in POINT)], rows)
    else:
        _show(values)


def _show(values: Mapping[str, tuple[Values, Mapping[str, Values]]]) -> None:
    published = {row["backbone"]: _as_computed(row) for row in read_rows("attributes")}
    rows = [[name, *_both(whole, published.get(name, {}))] for name, (whole, _) in values.items()]
    print_table(["backbone", *(column.replace("_", " ") for column in BACKBONE)], rows)
    if any("[" in cell for row in rows for cell in row):
        note("[in brackets]: another value in Table I of Pihlgren et al. 2023; `lnkit published audit` explains it.")


def _measured(names: Sequence[str]) -> dict[str, tuple[Values, Mapping[str, Values]]]:
    from lnkit.cli._progress import show_loading  # noqa: PLC0415 - only where something is computed
    from lnkit.progress import activity  # noqa: PLC0415

    registry = open_registry()
    specs = {name: registry.backbone(name) for name in names}
    show_loading()
    from lnkit.networks.attributes import measure_attributes  # noqa: PLC0415 - torch, after the names were checked

    measured = {}
    for name, spec in specs.items():
        with activity(f"computing the attributes of {name}"):
            attributes = measure_attributes(spec, tuple(registry.points_at(name).values()))
        measured[name] = (attributes.backbone, attributes.points)
    return measured


def _shipped() -> dict[str, tuple[Values, Mapping[str, Values]]]:
    """Return the attributes of the backbones of Pihlgren2023, computed when the package was built."""
    backbones = read_rows("computed_attributes")
    points: dict[str, dict[str, Values]] = {row["backbone"]: {} for row in backbones}
    for row in read_rows("computed_point_attributes"):
        points[row["backbone"]][row["point"]] = _numbers(row, POINT)
    return {row["backbone"]: (_numbers(row, BACKBONE), points[row["backbone"]]) for row in backbones}


def _numbers(row: Mapping[str, str], columns: Sequence[str]) -> dict[str, float | None]:
    return {name: (float(row[name]) if "." in row[name] else int(row[name])) if row[name] else None for name in columns}


def _as_computed(row: Mapping[str, str]) -> dict[str, float | None]:
    return {
        "imagenet_top1": float(row["imagenet_top1"]),
        "depth": int(row["depth"]),
        "macs": int(row["mflops_224"]) * 1_000_000,
        **{name: int(row[name]) for name in FLAGS},
    }


def _both(computed: Values, published: Values) -> list[str]:
    return [
        _cell(name, computed[name])
        + (f" [{_cell(name, published[name])}]" if _disagree(name, computed, published) else "")
        for name in BACKBONE
    ]


def _disagree(name: str, computed: Values, published: Values) -> bool:
    ours, theirs = computed[name], published.get(name)
    if ours is None or theirs is None:
        return False
    return abs(ours - theirs) > TOLERANCE * ours if name == "macs" else ours != theirs


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in FLAGS:
        return "yes" if value else "no"
    if name.endswith("macs") and not name.startswith("fraction"):
        return f"{value / 1e6:,.0f} M"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
