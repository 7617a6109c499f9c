"""Attributes of loss networks: cost, depth and building blocks, from own records or the published study.

pandas is imported only for :func:`attributes_frame`, so that `lnkit recommend` starts without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lnkit.analysis.published.tables import read_rows
from lnkit.analysis.score_rows import OWN, ScoreRow
from lnkit.results.records import RunRecord

if TYPE_CHECKING:
    import pandas as pd

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

FROM_RECORD, COMPUTED, UNKNOWN = "own record", "computed table", "unknown"  # the source of a row's attributes

Attributes = Mapping[str, float | None]  # by the names of ATTRIBUTES

_WEIGHTS = re.compile("@[0-9a-f]{8}(?=:|$)")  # added to a backbone's name where several weights were measured


def plain_name(name: str) -> str:
    """Return the name of a backbone or loss network without the hash of its weights: ``vgg16@1a2b3c4d:late``."""
    return _WEIGHTS.sub("", name)


def attributes_frame(rows: Sequence[ScoreRow], records: Sequence[RunRecord] = ()) -> pd.DataFrame:
    """Collect the attributes of every loss network in ``rows``.

    Args:
        rows: own and published scores.
        records: of the own scores; those with attributes come before the published study.

    Returns:
        Indexed by loss network, with the columns of :data:`ATTRIBUTES` as float64 (flags are 0 and 1, unknown values
        are missing) and ``attributes_from``: "own record", "computed table" (of the published study) or "unknown".
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    known = attributes_by_network(rows, records)
    with_attributes = {record.id for record in records if record.attributes}
    own = {row.loss_network for row in rows if row.origin == OWN and with_attributes.intersection(row.source.split())}
    names = list(dict.fromkeys(row.loss_network for row in rows))
    origins = [FROM_RECORD if name in own else COMPUTED if name in known else UNKNOWN for name in names]
    frame = pd.DataFrame(
        [known.get(name, {}) for name in names], index=pd.Index(names, name="loss_network"), columns=list(ATTRIBUTES)
    )
    return frame.astype("float64").assign(attributes_from=origins)


def attributes_by_network(rows: Sequence[ScoreRow], records: Sequence[RunRecord] = ()) -> dict[str, Attributes]:
    """Collect the attributes of loss networks by name: of the study, and of own records.

    A loss network without known attributes is missing. If a record has none but the study has that loss network, the
    study's are taken: other weights change nothing but the accuracy.
    """
    study = attributes_of_study()
    names = {source: row.loss_network for row in rows if row.origin == OWN for source in row.source.split()}
    recorded = {record.id: record.attributes for record in records if record.attributes}
    own = {name: study[plain] for name in names.values() if (plain := plain_name(name)) in study}
    own = {name: {**known, "imagenet_top1": None} if plain_name(name) != name else known for name, known in own.items()}
    return study | own | {names[run]: attributes for run, attributes in recorded.items() if run in names}


def attributes_of_study() -> dict[str, Attributes]:
    """Return the attributes of the 56 loss networks of Pihlgren2023, as computed by lnkit."""
    backbones = {row["backbone"]: row for row in read_rows("computed_attributes")}
    return {
        f"{row['backbone']}:{row['point']}": {
            name: float(text)
            for name, text in {**backbones[row["backbone"]], **row}.items()
            if text and name not in ("backbone", "family", "point", "source", "caveat")
        }
        for row in read_rows("computed_point_attributes")
    }
