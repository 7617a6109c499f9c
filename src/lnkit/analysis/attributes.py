"""Attributes of loss networks beside their scores: what was computed from the networks, else what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lnkit.analysis.measurements import OWN, Measurement
from lnkit.published.tables import read_rows
from lnkit.results.records import RunRecord

BACKBONE_ATTRIBUTES: Mapping[str, str] = {
    "imagenet_top1": "ImageNet top-1 accuracy in percent",
    "parameters": "parameters of the backbone",
    "depth": "matrix multiplications separated by a non-linearity on the longest path",
    "flops": "multiply-adds of a 224 x 224 forward pass",
    "skip_connections": "has skip connections",
    "branches": "has parallel branches",
    "conv_1x1": "has 1x1 convolutions",
    "batch_norm": "has batch norm",
}
POINT_ATTRIBUTES: Mapping[str, str] = {
    "point_parameters": "parameters up to the point",
    "point_depth": "depth up to the point",
    "point_flops": "multiply-adds up to the point, at 224 x 224",
    "point_channels": "channels at the point",
    "point_features": "features at the point, at 224 x 224",
    "fraction_parameters": "parameters up to the point, of the whole",
    "fraction_depth": "depth up to the point, of the whole",
    "fraction_flops": "multiply-adds up to the point, of the whole",
}
ATTRIBUTES: Mapping[str, str] = {**BACKBONE_ATTRIBUTES, **POINT_ATTRIBUTES}

FROM_RECORD, COMPUTED, UNKNOWN = "own record", "computed table", "unknown"  # where the attributes of a row come from


def attributes_frame(measurements: Sequence[Measurement], records: Sequence[RunRecord] = ()) -> pd.DataFrame:
    """The attributes of every loss network in ``measurements``.

    Returns:
        Indexed by loss network, with the columns of :data:`ATTRIBUTES` as float64 (flags are 0 and 1, what is not
        known is missing) and ``attributes_from``: "own record", "computed table" (of the 56 published loss networks) or
        "unknown".
    """
    known = _of_published() | _of_records(measurements, records)
    names = dict.fromkeys(one.loss_network for one in measurements)
    rows = [known.get(name, {"attributes_from": UNKNOWN}) for name in names]
    frame = pd.DataFrame(rows, index=pd.Index(names, name="loss_network"), columns=[*ATTRIBUTES, "attributes_from"])
    return frame.astype(dict.fromkeys(ATTRIBUTES, "float64"))


def _of_records(
    measurements: Sequence[Measurement], records: Sequence[RunRecord]
) -> dict[str, dict[str, float | str | None]]:
    names = {source: one.loss_network for one in measurements if one.origin == OWN for source in one.source.split()}
    known = {record.id: record.attributes for record in records if record.attributes}
    return {names[run]: {**known[run], "attributes_from": FROM_RECORD} for run in known if run in names}


def _of_published() -> dict[str, dict[str, float | str | None]]:
    backbones = {row["backbone"]: row for row in read_rows("computed_attributes")}
    return {
        f"{row['backbone']}:{row['point']}": {
            name: _number({**backbones[row["backbone"]], **row}.get(name, "")) for name in ATTRIBUTES
        }
        | {"attributes_from": COMPUTED}
        for row in read_rows("computed_point_attributes")
        if row["backbone"] in backbones
    }


def _number(text: str) -> float | None:
    return float(text) if text else None
