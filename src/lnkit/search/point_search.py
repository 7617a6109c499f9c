"""Search for the point, or the combination of points, whose distances agree with people best, and confirm it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lnkit.errors import UsageError
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import check, open_data
from lnkit.losses.definition import Loss, LossTerm
from lnkit.plugins.load import default_registry
from lnkit.progress import SilentProgress, activity
from lnkit.search.choice import EQUAL, LAYER_WEIGHTS, Combination, make_choice
from lnkit.search.confirmation import Confirmation, Judged, Part, confirm
from lnkit.search.measurement import Candidate, Measured, Pass, measure, plan_passes, weights_of
from lnkit.search.nodes import Node, Nodes, find_nodes
from lnkit.search.split import fold_of_clusters, split_clusters

if TYPE_CHECKING:
    from lnkit.benchmark import BenchmarkData
    from lnkit.plugins.registry import Registry
    from lnkit.progress import Progress

RESAMPLES = 200  # of the whole search; Efron and Tibshirani 1993: 200 are enough for a standard error
MOST_COMBINED = 10  # layers of a combination


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What to search, and how a choice is confirmed."""

    run: RunRequest  # benchmark, protocol, data, weights, device; its backbone, points and distance are not used
    backbones: tuple[str, ...]
    patterns: tuple[str, ...] = ()  # of nodes; empty: all
    distances: tuple[str, ...] = ()  # empty: that of the protocol
    combine: int = 1  # layers at most
    layer_weights: str = EQUAL
    share: float = 0.5  # of the references, or items, for development
    folds: int = 0  # of a nested cross-validation, instead of one split
    split_seed: int = 0
    resamples: int = RESAMPLES
    macs_below: float | None = None  # multiply-adds up to the point, at 224 x 224

    def __post_init__(self) -> None:
        """Raise UsageError for values that no search can have."""
        if not self.backbones:
            raise UsageError("Expected one or more backbones to search, got none: give --backbone.")
        if not 1 <= self.combine <= MOST_COMBINED:
            raise UsageError(f"Expected 1 to {MOST_COMBINED} layers to combine, got {self.combine}.")
        if self.layer_weights not in LAYER_WEIGHTS:
            raise UsageError(f"Expected {' or '.join(LAYER_WEIGHTS)} weights of layers, got {self.layer_weights!r}.")
        if not 0 < self.share < 1:
            raise UsageError(f"Expected a share between 0 and 1 for development, got {self.share:g}.")
        if self.folds == 1 or self.folds < 0:
            raise UsageError(f"Expected 2 or more folds, or 0 for one split, got {self.folds}.")


@dataclass(frozen=True)
class Plan:
    """What a search will measure."""

    request: SearchRequest
    data: BenchmarkData
    nodes: Mapping[str, Nodes]  # by backbone
    passes: tuple[Pass, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)  # reason -> number of nodes

    @property
    def candidates(self) -> int:
        """How many nodes with a distance may be chosen."""
        return sum(node.name in part.searched for part in self.passes for node in part.nodes)


@dataclass(frozen=True)
class SearchResult:
    """The choice with its evidence."""

    plan: Plan
    measured: Measured
    standards: tuple[int, ...]  # candidates at registered points, with the first distance
    development: np.ndarray  # (N,) bool; all, with folds
    confirmation: Confirmation
    scores: np.ndarray  # (2, C), of each candidate on development and confirmation items

    @property
    def loss(self) -> Loss:
        """The choice as a loss."""
        return loss_of(self.confirmation.chosen.combination, self.measured.candidates)


def loss_of(combination: Combination, candidates: Sequence[Candidate]) -> Loss:
    """Return a combination of candidates as a loss: one term for each backbone with a distance."""
    terms: dict[tuple[str, str], dict[str, float]] = {}
    for index, weight in combination.parts:
        candidate = candidates[index]
        terms.setdefault((candidate.backbone, candidate.distance), {})[candidate.node.name] = weight
    return Loss(tuple(LossTerm(backbone, points, distance) for (backbone, distance), points in terms.items()))


def plan_search(request: SearchRequest, registry: Registry | None = None, progress: Progress | None = None) -> Plan:
    """Find the nodes of all backbones, and plan the passes over the data.

    Args:
        request: what to search.
        registry: registered names; by default those of all installed plugins.
        progress: receives the progress; by default nothing does.

    Raises:
        UsageError: a name is unknown, the benchmark trains, or no node is left.
        LnkitError: data or weights are missing or damaged.
    """
    registry, progress = registry or default_registry(), progress or SilentProgress()
    benchmark = registry.benchmark(request.run.bench)
    if benchmark.trains or benchmark.rescore is None:
        raise UsageError(f"{benchmark.name} measures no distances of judged images, so nodes cannot be searched on it.")
    requests = [
        replace(request.run, backbone=name, weights=weights_of(request.run, name)) for name in request.backbones
    ]
    for one in requests:
        check(one, registry, progress)
    with activity(f"opening the data of {benchmark.name}"):
        data = open_data(requests[0], registry, progress)
    nodes: dict[str, Nodes] = {}
    passes: list[Pass] = []
    left_out: dict[str, int] = {}
    for one in requests:
        name = str(one.backbone)
        with activity(f"finding the nodes of {name}"):
            found = find_nodes(one, registry, request.patterns, data.image_size, progress)
        nodes[name] = found
        kept = [n for n in found.nodes if request.macs_below is None or n.macs < request.macs_below]
        _count(left_out, "too many macs", len(found.nodes) - len(kept))
        _count(left_out, "the same features as another node", sum(len(n.equal) for n in found.nodes))
        _count(left_out, "no feature map", len(found.unusable))
        others = [node for node in (*found.nodes, *found.others) if node not in kept and _is_point(node, one, registry)]
        passes += plan_passes(name, kept, others, _distances(request, registry, name), data.image_size)
    if not any(part.searched for part in passes):
        raise UsageError("No node is left to search: allow more macs, or name other nodes with --point.")
    return Plan(request, data, nodes, tuple(passes), left_out)


def _is_point(node: Node, request: RunRequest, registry: Registry) -> bool:
    return node.name in registry.points_at(str(request.backbone))


def _count(counts: dict[str, int], reason: str, number: int) -> None:
    if number:
        counts[reason] = counts.get(reason, 0) + number


def _distances(request: SearchRequest, registry: Registry, backbone: str) -> tuple[str, ...]:
    from lnkit.protocols import choose_protocol, usual_variant  # noqa: PLC0415

    if request.distances:
        for distance in request.distances:
            registry.distance(distance.partition("(")[0])
        return request.distances
    benchmark = registry.benchmark(request.run.bench)
    variant = request.run.variant or usual_variant(benchmark, request.run.sample)
    protocol = choose_protocol(benchmark, variant, request.run.overrides, registry.backbone(backbone))
    return (protocol.distance,)


def run_search(plan: Plan, registry: Registry | None = None, progress: Progress | None = None) -> SearchResult:
    """Measure all candidates, choose on one part of the items, and confirm on the other.

    Args:
        plan: of :func:`plan_search`.
        registry: as for :func:`plan_search`.
        progress: as for :func:`plan_search`.

    Raises:
        DataError: there are too few items.
        LnkitError: as for :func:`lnkit.evaluation.run`.

    Example:
        >>> import tempfile
        >>> from lnkit.evaluation import RunRequest
        >>> with tempfile.TemporaryDirectory() as results:
        ...     request = SearchRequest(RunRequest("", bench="bapps", sample=True, results=results), ("pixel",))
        ...     result = run_search(plan_search(request))
        >>> print(result.loss)
        pixel:image, squared
    """
    registry, progress = registry or default_registry(), progress or SilentProgress()
    request = plan.request
    measured = measure(plan.passes, request.run, registry, plan.data, progress)
    judgments, candidates = measured.judgments, measured.candidates
    parts = _parts(request, judgments.clusters, judgments.strata)
    first = {part.backbone: part.distance for part in reversed(plan.passes)}
    standards = tuple(i for i, c in enumerate(candidates) if c.registered and c.distance == first[c.backbone])
    rule = partial(
        make_choice, judgments, measured.distances, measured.searched, request.combine, request.layer_weights
    )
    with progress.task("repeating the search on samples", request.resamples, unit="samples") as advance:
        confirmed = confirm(
            Judged(judgments, measured.distances),
            rule,
            parts,
            standards,
            resamples=request.resamples,
            seed=request.split_seed,
            advance=advance,
        )
    every = len(parts) > 1
    development = np.ones(len(judgments.clusters), bool) if every else parts[0].development
    weights = np.stack([development, np.ones_like(development) if every else ~development]).astype(np.float64)
    scores = judgments.scores(judgments.qualities(measured.distances), weights)
    return SearchResult(plan, measured, standards, development, confirmed, scores)


def _parts(request: SearchRequest, clusters: np.ndarray, strata: np.ndarray) -> list[Part]:
    if request.folds:
        fold = fold_of_clusters(clusters, request.folds, request.split_seed)
        return [Part(fold != number, fold == number) for number in range(request.folds)]
    mask = split_clusters(clusters, strata, request.share, request.split_seed)
    return [Part(mask, ~mask)]
