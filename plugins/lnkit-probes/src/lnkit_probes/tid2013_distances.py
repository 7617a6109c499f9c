"""Distances of TID2013's distorted images from their references."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lnkit import LossNetworkId
from lnkit_probes.keeping import Advance, keep, task
from lnkit_probes.measurements import Found
from lnkit_probes.tid2013 import Opinions

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext

Array = NDArray[Any]

COMPANY = 5  # distorted images that go through the network with one copy of their reference, instead of one each
COMPANIES = 48  # of them between two savings


def compare_opinions(context: RunContext, data: Opinions, found: Mapping[LossNetworkId, Found]) -> None:
    """Measure the protocol's distance of every distorted image, at its own size."""
    distances = np.empty((len(data.distorted), len(context.networks)))
    companies = companies_of(data.owners)
    comparer = cache(lambda: context.services.comparer(context.protocol.distance_config(), len(companies)))

    def compare(rows: NDArray[np.int64], _tell: Advance) -> dict[str, Array]:
        columns = [data.distorted[column] for column in rows.T]
        return {"distance": comparer().compare(data.references[data.owners[rows[:, 0]]], *columns)}

    with task(context, "comparing images of TID2013", len(distances), "images") as advance:
        for start in range(0, len(companies), COMPANIES):
            rows = companies[start : start + COMPANIES]
            part = keep(context, f"tid2013-{start:04d}", len(np.unique(rows)), advance, partial(compare, rows))
            distances[rows] = part["distance"]
    for index, one in enumerate(found.values()):
        one.tid2013 = (data.owners, data.opinions, distances[:, index])


def companies_of(owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows (N, COMPANY) of images that share a reference; a company that is not full has its last row several times."""
    groups = [np.flatnonzero(owners == owner) for owner in np.unique(owners)]
    parts = [rows[start : start + COMPANY] for rows in groups for start in range(0, len(rows), COMPANY)]
    return np.stack([np.append(part, np.repeat(part[-1], COMPANY - len(part))) for part in parts])
