"""The run of `perceptual_probes`: measure everything once for all loss networks, then score each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit_probes.activations import Activations
from lnkit_probes.distances import measure_native, measure_opinions, measure_triplets
from lnkit_probes.measurements import Measurements
from lnkit_probes.scores import score_all

if TYPE_CHECKING:
    from lnkit.benchmark import Arrays, RunContext
    from lnkit_probes.data import Content
    from lnkit_probes.protocol import ProbesProtocol


def run(context: RunContext, data: BenchmarkData) -> Mapping[LossNetworkId, Outcome]:
    """Measure what the protocol asks for and the data allow."""
    content: Content = data.content
    items = slice(0, context.protocol.per_family or None)
    # in float64, since means of float32 would lose digits
    judge = {family.name: family.judgments[items].astype(np.float64) for family in content.families}
    size = context.backbone.eval_size or 0
    tables = {network: Measurements(dict(judge), eval_size=size) for network in context.networks}
    measure_triplets(context, content.families, tables)
    if context.protocol.wants("native"):
        measure_native(context, content.families, tables)
    activations = Activations(context)
    if context.protocol.wants("entropy"):
        activations.measure_entropies(content.families, tables)
    if content.labelled:
        activations.classify(content.labelled, tables)
    if content.tid2013:
        measure_opinions(context, content.tid2013, tables)
    return {network: score_all(table, context.protocol, context.seed) for network, table in tables.items()}


def rescore(arrays: Arrays, protocol: ProbesProtocol, seed: int) -> Outcome:
    """Score the measurements of an earlier run."""
    return score_all(Measurements.from_arrays(arrays), protocol, seed)
