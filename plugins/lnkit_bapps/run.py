"""The run of `bapps`: measure distances in shards, score them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.benchmark import Arrays, RunContext
from lnkit.datasets.two_afc import JudgedFamily
from lnkit.evaluation import open_shards
from lnkit_bapps.protocol import BappsProtocol
from lnkit_bapps.scores import Distances, score_all


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    families: Sequence[JudgedFamily] = data.content
    items = slice(0, context.protocol.per_family or None)
    tables = {network: Distances() for network in context.networks}
    with open_shards(context, sum(len(family.judgments[items]) for family in families), "pairs") as shards:
        for family in families:
            judgments = family.judgments[items].astype(np.float64)  # means of float32 would lose digits
            votes = None if family.votes is None else family.votes[items]
            images = [column[items] for column in family.images]
            distances = shards.compare(f"{family.part}-{family.name}", *images)
            for index, table in enumerate(tables.values()):
                table.add(family.part, family.name, judgments, distances[..., index], votes)
    return {network: score_all(table, context.protocol, context.seed) for network, table in tables.items()}


def rescore(arrays: Arrays, protocol: BappsProtocol, seed: int) -> Outcome:
    """Score the distances of an earlier run."""
    return score_all(Distances.from_arrays(arrays), protocol, seed)
