"""What loss networks cost and how they are built, as plain values: for advice, which does without pandas."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lnkit.analysis.measurements import OWN, ScoreRow
from lnkit.analysis.published.tables import read_rows
from lnkit.results.records import RunRecord

WEIGHTS = re.compile("@[0-9a-f]{8}(?=:)")  # in the name of a loss network, where several weights were measured

Attributes = Mapping[str, float | None]


def attributes_by_network(measurements: Sequence[ScoreRow], records: Sequence[RunRecord] = ()) -> dict[str, Attributes]:
    """The attributes of loss networks by name: those of the study, and those that own records keep.

    Names and units are those of :data:`lnkit.analysis.attributes.ATTRIBUTES`. A loss network of which nothing is known
    is not in it. Of one whose record keeps none, but which the study has too, the study's are taken: other weights
    change none of them but the accuracy.
    """
    study = attributes_of_study()
    names = {source: one.loss_network for one in measurements if one.origin == OWN for source in one.source.split()}
    known = {record.id: record.attributes for record in records if record.attributes}
    own = {name: study[plain] for name in names.values() if (plain := WEIGHTS.sub("", name)) in study}
    own = {name: {**one, "imagenet_top1": None} if WEIGHTS.search(name) else one for name, one in own.items()}
    return study | own | {names[run]: attributes for run, attributes in known.items() if run in names}


def attributes_of_study() -> dict[str, Attributes]:
    """The attributes of the 56 loss networks of Pihlgren et al. 2023, as lnkit computes them."""
    backbones = {row["backbone"]: row for row in read_rows("computed_attributes")}
    return {
        f"{row['backbone']}:{row['point']}": {
            name: float(text)
            for name, text in {**backbones[row["backbone"]], **row}.items()
            if text and name not in ("backbone", "family", "point", "source", "caveat")
        }
        for row in read_rows("computed_point_attributes")
    }
