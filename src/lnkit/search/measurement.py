"""Measure every candidate of a search: all nodes of a backbone in one pass for each distance, if memory allows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lnkit.datasets.two_afc import JudgedFamily
from lnkit.errors import DataError
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import FinishedRun, run
from lnkit.results.folder import ResultsFolder, results_dir
from lnkit.search.judgments import Array, Groups, Judgments, read_judgments
from lnkit.search.nodes import Node

if TYPE_CHECKING:
    from lnkit.benchmark import BenchmarkData
    from lnkit.plugins.registry import Registry
    from lnkit.progress import Progress

MOST_BYTES = 2 * 2**30  # of the features of a pass, all at once; ours
BATCH_PIXELS = 32 * 64 * 64  # that are compared at a time, as lnkit.distances.comparer does on a CPU
IMAGES = 3  # of an item: a reference and two others
SAME = 1e-9  # between a score of the benchmark and the same one computed here; they are sums of the same numbers


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node with a distance."""

    backbone: str
    node: Node
    distance: str
    registered: bool  # whether the node is a registered point
    searched: bool  # whether it may be chosen; otherwise it is only compared with

    def __str__(self) -> str:
        return f"{self.backbone}:{self.node.name}, {self.distance}"


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over the data: some nodes of a backbone, with one distance."""

    backbone: str
    nodes: tuple[Node, ...]
    distance: str
    searched: frozenset[str]  # names of the nodes that may be chosen


@dataclass(frozen=True)
class Measured:
    """All candidates with their distances, the cheapest first."""

    candidates: tuple[Candidate, ...]
    judgments: Judgments
    distances: Array  # (C, N, K)
    runs: tuple[FinishedRun, ...]  # of each candidate

    @property
    def searched(self) -> NDArray[np.bool_]:
        """Return which candidates may be chosen (C,)."""
        return np.array([candidate.searched for candidate in self.candidates])


def plan_passes(
    backbone: str, nodes: Sequence[Node], others: Sequence[Node], distances: Sequence[str], size: int
) -> list[Pass]:
    """Return the passes over the data that measure the nodes with the distances.

    Args:
        backbone: its name.
        nodes: of it, which may be chosen.
        others: to compare with, by the first distance.
        distances: by name.
        size: side in pixels of the images.
    """
    searched = frozenset(node.name for node in nodes)
    return [
        Pass(backbone, tuple(group), distance, searched)
        for number, distance in enumerate(distances)
        for group in _groups([*nodes, *(others if number == 0 else ())], size)
    ]


def _groups(nodes: Sequence[Node], size: int) -> list[list[Node]]:
    """Split nodes into groups whose features fit into the memory together."""
    images = IMAGES * max(1, BATCH_PIXELS // size**2)
    groups: list[list[Node]] = [[]]
    for node in nodes:
        if groups[-1] and images * sum(n.bytes for n in (*groups[-1], node)) > MOST_BYTES:
            groups.append([])
        groups[-1].append(node)
    return [group for group in groups if group]


def measure(
    passes: Sequence[Pass], request: RunRequest, registry: Registry, data: BenchmarkData, progress: Progress
) -> Measured:
    """Carry out the passes; what an earlier command finished is not repeated.

    Args:
        passes: of all backbones.
        request: everything but the backbone, the points and the distance.
        registry: knows all names.
        data: the opened data, from which it is known which items share a reference.
        progress: receives the progress.

    Raises:
        DataError: a stored run does not fit the others.
        LnkitError: as for :func:`lnkit.evaluation.run`.
    """
    found: list[tuple[Candidate, FinishedRun]] = []
    for part in passes:
        names = ",".join(node.name for node in part.nodes)
        own = replace(
            request,
            backbone=part.backbone,
            points=names,
            weights=weights_of(request, part.backbone),
            overrides={**request.overrides, "distance": part.distance},
        )
        registered = registry.points_at(part.backbone)
        for node, finished in zip(part.nodes, run(own, registry, progress), strict=True):
            known, chosen = node.name in registered, node.name in part.searched
            found.append((Candidate(part.backbone, node, part.distance, known, chosen), finished))
    found.sort(key=lambda pair: pair[0].node.macs)
    candidates, runs = zip(*found, strict=True)
    folder = ResultsFolder(results_dir(request.results))
    arrays = [folder.arrays(finished.record) for finished in runs]
    judgments, distances = read_judgments(arrays, request.bench, _references(data))
    measured = Measured(candidates, judgments, distances, runs)
    _require_same_scores(measured)
    return measured


def weights_of(request: RunRequest, backbone: str) -> str:
    """Return the weights of one of the backbones of a request."""
    weights = request.weights
    chosen = weights.get(backbone, "pretrained") if isinstance(weights, Mapping) else weights
    return chosen  # type: ignore[return-value]  # a path counts as text in a request


def _references(data: BenchmarkData) -> dict[str, Groups]:
    """Return which items of a family have the same reference image, by the names under which arrays are stored."""
    families = data.content if isinstance(data.content, Sequence) else ()
    known: dict[str, Groups] = {}
    numbers: dict[bytes, int] = {}
    for family in families:
        if isinstance(family, JudgedFamily) and family.part == "2afc":
            images = family.images[0]
            digests = [hashlib.sha256(np.asarray(images[row]).tobytes()).digest() for row in range(len(family))]
            known[f"{family}/"] = np.array([numbers.setdefault(digest, len(numbers)) for digest in digests])
    return known


def _require_same_scores(measured: Measured) -> None:
    """Refuse arrays from which this search does not get the score that the benchmark got."""
    judgments = measured.judgments
    weights = np.ones((1, len(judgments.clusters)))
    own: NDArray[np.float64] = judgments.scores(judgments.qualities(measured.distances), weights)[0]
    for candidate, finished, value in zip(measured.candidates, measured.runs, own, strict=True):
        stored = finished.record.scores.get(judgments.score)
        if stored is not None and abs(stored.value - value) > SAME:
            raise DataError(
                f"The {judgments.score} of {candidate} is {stored.value:.6g} in its record, and {value:.6g} from the "
                "distances stored beside it, so the benchmark counts in another way than a search: "
                f"see {finished.folder}."
            )
