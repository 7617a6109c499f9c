"""Parts of the datasets that tables are computed on."""

from __future__ import annotations

from dataclasses import replace

from lnkit import DataError
from lnkit.datasets.opinions import OpinionSet
from lnkit_judgments.opinions.protocol import OpinionsProtocol

# References of KADID-10k by which JLD's authors developed their metric; they test it on the other 65.
JLD_DEVELOPMENT = frozenset(
    f"i{n:02d}" for n in (2, 3, 6, 13, 19, 22, 35, 40, 43, 48, 50, 57, 60, 61, 71, 78)
)  # fmt: skip


def chosen_part(dataset: OpinionSet, protocol: OpinionsProtocol) -> OpinionSet:
    """Return the part of a dataset that a protocol scores, for splits that are made of whole references.

    Raises:
        DataError: The part has no image.
    """
    if protocol.split.startswith("jld_"):
        development = protocol.split == "jld_development"
        kept = tuple(o for o in dataset.opinions if (o.reference_name in JLD_DEVELOPMENT) == development)
        if not kept:
            raise DataError(
                f"{dataset.folder} has no image of the split {protocol.split}. Expected references other than those "
                "there; give --set split=all, or other data."
            )
        dataset = replace(dataset, opinions=kept)
    return dataset.first_references(protocol.references)
