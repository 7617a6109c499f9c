"""Attributes of loss networks beside their scores: what was computed from the networks, else what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lnkit.analysis.measurements import OWN, ScoreRow
from lnkit.analysis.recommend.costs import attributes_by_network
from lnkit.results.records import RunRecord

BACKBONE_ATTRIBUTES: Mapping[str, str] = {
    "imagenet_top1": "ImageNet top-1 accuracy in percent",
    "parameters": "parameters of the backbone",
    "depth": "matrix multiplications separated by a non-linearity on the longest path",
    "macs": "multiply-adds of a 224 x 224 forward pass",
    "skip_connections": "has skip connections",
    "branches": "has parallel branches",
    "conv_1x1": "has 1x1 convolutions",
    "batch_norm": "has batch norm",
}
POINT_ATTRIBUTES: Mapping[str, str] = {
    "point_parameters": "parameters up to the point",
    "point_depth": "depth up to the point",
    "point_macs": "multiply-adds up to the point, at 224 x 224",
    "point_channels": "channels at the point",
    "point_features": "features at the point, at 224 x 224",
    "fraction_parameters": "parameters up to the point, of the whole",
    "fraction_depth": "depth up to the point, of the whole",
    "fraction_macs": "multiply-adds up to the point, of the whole",
}
ATTRIBUTES: Mapping[str, str] = {**BACKBONE_ATTRIBUTES, **POINT_ATTRIBUTES}

FROM_RECORD, COMPUTED, UNKNOWN = "own record", "computed table", "unknown"  # where the attributes of a row come from


def attributes_frame(measurements: Sequence[ScoreRow], records: Sequence[RunRecord] = ()) -> pd.DataFrame:
    """The attributes of every loss network in ``measurements``.

    Returns:
        Indexed by loss network, with the columns of :data:`ATTRIBUTES` as float64 (flags are 0 and 1, what is not
        known is missing) and ``attributes_from``: "own record", "computed table" (of the published study) or "unknown".
    """
    known = attributes_by_network(measurements, records)
    kept = {record.id for record in records if record.attributes}
    own = {one.loss_network for one in measurements if one.origin == OWN and kept.intersection(one.source.split())}
    names = list(dict.fromkeys(one.loss_network for one in measurements))
    origins = [FROM_RECORD if name in own else COMPUTED if name in known else UNKNOWN for name in names]
    frame = pd.DataFrame(
        [known.get(name, {}) for name in names], index=pd.Index(names, name="loss_network"), columns=list(ATTRIBUTES)
    )
    return frame.astype("float64").assign(attributes_from=origins)
