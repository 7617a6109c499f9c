"""Writes the computed attributes that the package ships beside the published ones.

``python -m tools.attributes_table`` computes them anew for the backbones and points of the published study.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lnkit.analysis.published import frames as published
from lnkit.data.atomic import atomic_write
from lnkit.networks.attributes import measure_attributes
from lnkit.plugins.load import default_registry
from lnkit.plugins.registry import Registry

POINTS = ("early", "semi_early", "mid", "late")  # of the study
FOLDER = Path(published.__file__).parent / "data"

Row = Mapping[str, object]


def backbone_rows(registry: Registry) -> Iterator[tuple[Row, list[Row]]]:
    """For each backbone of Table I its row, and the rows of its points."""
    for known in published.read_rows("attributes"):
        name = known["backbone"]
        points = registry.points_at(name)
        measured = measure_attributes(registry.backbone(name), [points[point] for point in POINTS])
        whole = {"backbone": name, "family": known["family"], **measured.backbone}
        yield whole, [{"backbone": name, "point": point, **measured.points[point]} for point in POINTS]


def write_tables(folder: Path = FOLDER) -> None:
    """Write both tables into ``folder``."""
    rows = list(backbone_rows(default_registry()))
    _write(folder / "computed_attributes.csv", [whole for whole, _ in rows])
    _write(folder / "computed_point_attributes.csv", [row for _, points in rows for row in points])


def _write(file: Path, rows: Sequence[Row]) -> None:
    with atomic_write(file) as draft, draft.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    write_tables()
