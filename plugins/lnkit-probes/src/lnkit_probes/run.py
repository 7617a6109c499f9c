"""The run of `perceptual_probes`: everything is measured once for all loss networks, then each is scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit_probes.activations import Activations
from lnkit_probes.measurements import Found
from lnkit_probes.scores import score_all
from lnkit_probes.tid2013_distances import compare_opinions
from lnkit_probes.triplets import compare, compare_native

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext
    from lnkit_probes.data import Content


def run(context: RunContext, data: BenchmarkData) -> Mapping[LossNetworkId, Outcome]:
    """Measure what the protocol wants and the data have."""
    content: Content = data.content
    found = {network: _nothing_yet(context, content) for network in context.networks}
    compare(context, content.families, found)
    if context.protocol.wants("native"):
        compare_native(context, content.families, found)
    activations = Activations(context)
    if context.protocol.wants("entropy"):
        activations.entropies(content.families, found)
    if content.labelled:
        activations.classify(content.labelled, found)
    if content.tid2013:
        compare_opinions(context, content.tid2013, found)
    return {network: score_all(one, context.protocol, context.seed) for network, one in found.items()}


def _nothing_yet(context: RunContext, content: Content) -> Found:
    items = slice(0, context.protocol.per_family or None)
    # in float64, since means of float32 would lose digits
    judge = {family.name: family.judge[items].astype(np.float64) for family in content.families}
    return Found(judge, eval_size=context.backbone.eval_size or 0)
