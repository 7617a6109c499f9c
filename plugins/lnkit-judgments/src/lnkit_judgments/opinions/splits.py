"""Parts of the datasets that tables are computed on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lnkit import DataError
from lnkit.datasets.opinions import Opinion, OpinionSet
from lnkit_judgments.opinions.protocol import OpinionsProtocol

# References of KADID-10k by which JLD's authors developed their metric; they test it on the other 65.
JLD_DEVELOPMENT = frozenset(
    f"i{n:02d}" for n in (2, 3, 6, 13, 19, 22, 35, 40, 43, 48, 50, 57, 60, 61, 71, 78)
)  # fmt: skip


def chosen_part(dataset: OpinionSet, protocol: OpinionsProtocol) -> OpinionSet:
    """Return the part of a dataset that a protocol scores.

    The parts of PIPAL have folders of their own, and are chosen when they are read.

    Raises:
        DataError: The part has no image.
    """
    if belongs := _PARTS.get(protocol.split):
        dataset = replace(dataset, opinions=tuple(filter(belongs, dataset.opinions)))
    if not dataset.opinions:
        raise DataError(
            f"{dataset.folder} has no image of the split {protocol.split}. Give --set split=all, or the whole set."
        )
    return dataset.first_references(protocol.references)


_PARTS: Mapping[str, Callable[[Opinion], bool]] = {  # of KADID-10k, and of LIVE-MD
    "jld_test": lambda opinion: opinion.reference_name not in JLD_DEVELOPMENT,
    "jld_development": lambda opinion: opinion.reference_name in JLD_DEVELOPMENT,
    "part1": lambda opinion: opinion.name.startswith("part1/"),
    "part2": lambda opinion: opinion.name.startswith("part2/"),
}
