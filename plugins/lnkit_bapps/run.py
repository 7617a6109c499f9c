"""The run of `bapps`: open the data, measure distances in shards, score them."""

from __future__ import annotations

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.benchmark import Arrays, RunContext, RunFacts
from lnkit.data.fetch.choose_folder import data_folder
from lnkit.datasets.two_afc import BappsData, open_bapps
from lnkit.evaluation.shards import open_shards
from lnkit_bapps import DATASET
from lnkit_bapps.protocol import BappsProtocol
from lnkit_bapps.sample import sample_folder
from lnkit_bapps.scores import Distances, score_all


def open_data(facts: RunFacts) -> BenchmarkData:
    """Find, fetch if needed, and pack what the protocol asks for."""
    protocol = facts.protocol
    data = open_bapps(
        data_folder(facts, DATASET, sample_folder),
        facts.cache,
        resolution=protocol.resolution,
        resize_filter=protocol.resize_filter,
        progress=facts.progress,
        parts=tuple(protocol.parts.split("+")),
    )
    return BenchmarkData(data, data.fingerprints, data.notes, image_size=protocol.resolution)


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    tables = _measure(context, data.content)
    return {network: score_all(tables[network], context.protocol, context.seed) for network in context.networks}


def _measure(context: RunContext, data: BappsData) -> dict[LossNetworkId, Distances]:
    """Measure the distances of all families, for each loss network."""
    items = slice(0, context.protocol.per_family or None)
    total = sum(len(f.p0[items]) for f in data.two_afc) + sum(len(f.p0[items]) for f in data.jnd)
    tables = {network: Distances() for network in context.networks}
    with open_shards(context, total, "pairs") as shards:
        for triplets in data.two_afc:
            judge = triplets.judge[items].astype(np.float64)  # means of float32 would lose digits
            images = triplets.ref[items], triplets.p0[items], triplets.p1[items]
            distances = shards.compare(f"2afc-{triplets.name}", *images)
            for index, table in enumerate(tables.values()):
                table.two_afc[triplets.name] = (judge, distances[:, 0, index], distances[:, 1, index])
        for pairs in data.jnd:
            same = pairs.same[items].astype(np.float64)
            distances = shards.compare(f"jnd-{pairs.name}", pairs.p0[items], pairs.p1[items])
            for index, table in enumerate(tables.values()):
                table.jnd[pairs.name] = (same, distances[:, 0, index])
    return tables


def rescore(arrays: Arrays, protocol: BappsProtocol, seed: int) -> Outcome:
    """Score the distances of an earlier run."""
    return score_all(Distances.from_arrays(arrays), protocol, seed)
