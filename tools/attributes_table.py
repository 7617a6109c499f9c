"""Compute the attributes of the backbones and points of the published study, and write the tables that lnkit ships.

Run it from the root of the repository: ``python tools/attributes_table.py``.
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
    """Yield the row of each backbone of Table I, and the rows of its points."""
    for published_row in published.read_rows("attributes"):
        name = published_row["backbone"]
        points = registry.points_at(name)
        attributes = measure_attributes(registry.backbone(name), [points[point] for point in POINTS])
        row = {"backbone": name, "family": published_row["family"], **attributes.backbone}
        yield row, [{"backbone": name, "point": point, **attributes.points[point]} for point in POINTS]


def write_tables(folder: Path = FOLDER) -> None:
    """Write both tables to ``folder``."""
    rows = list(backbone_rows(default_registry()))
    _write(folder / "computed_attributes.csv", [row for row, _ in rows])
    _write(folder / "computed_point_attributes.csv", [point for _, points in rows for point in points])


def _write(file: Path, rows: Sequence[Row]) -> None:
    with atomic_write(file) as tmp, tmp.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    write_tables()
