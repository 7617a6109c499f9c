"""The data of `tid2013` and `kadid10k`: distorted images, their references and opinions of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lnkit import BenchmarkData, DataError
from lnkit.benchmark import RunFacts
from lnkit.data import data_folder
from lnkit.datasets import tid2013
from lnkit.datasets.image_files import content_sha256
from lnkit.datasets.opinions import Opinion, OpinionSet
from lnkit.datasets.text_tables import text_sha256
from lnkit_judgments.opinions import KADID10K_DATASET, kadid10k
from lnkit_judgments.opinions.protocol import OpinionsProtocol
from lnkit_judgments.opinions.sample import NOTE, kadid10k_sample, tid2013_sample

# References of KADID-10k by which JLD's authors developed their metric; they test it on the other 65.
JLD_DEVELOPMENT = frozenset(
    f"i{n:02d}" for n in (2, 3, 6, 13, 19, 22, 35, 40, 43, 48, 50, 57, 60, 61, 71, 78)
)  # fmt: skip
TID2013_SOURCE = (
    "TID2013 is published as a .rar archive, which lnkit does not unpack. Get tid2013.rar (about 900 MB) from "
    "http://www.ponomarenko.info/tid2013.htm, unpack it, and name the folder that holds mos_with_names.txt, "
    "reference_images and distorted_images with --data DIR; or run on the embedded sample with --sample."
)


def open_tid2013(facts: RunFacts) -> BenchmarkData:
    """Read TID2013; images are decoded when they are compared."""
    root = data_folder(facts, TID2013_SOURCE, tid2013_sample)
    return _open(facts, "tid2013", tid2013.read_tid2013(root), tid2013.OFFICIAL)


def open_kadid10k(facts: RunFacts) -> BenchmarkData:
    """Read KADID-10k, and download it if needed; images are decoded when they are compared."""
    root = data_folder(facts, KADID10K_DATASET, kadid10k_sample)
    return _open(facts, "kadid10k", kadid10k.read_kadid10k(root), kadid10k.OFFICIAL)


def choose(dataset: OpinionSet, protocol: OpinionsProtocol) -> OpinionSet:
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


def _open(facts: RunFacts, name: str, dataset: OpinionSet, official: int) -> BenchmarkData:
    """Choose the references of the protocol; ``official`` is the number of distorted images of the published data."""
    chosen = choose(dataset, facts.protocol)
    files = {o.name: o.image for o in chosen.opinions} | {o.reference_name: o.reference for o in chosen.opinions}
    fingerprints = {
        "images": content_sha256(name, files, dataset.folder, facts.cache, facts.progress),
        "opinions": text_sha256(f"{o.name} {o.score!r}" for o in chosen.opinions),
    }
    count = len(dataset.opinions)
    partial = (f"partial: {count:,} distorted images, and the official set has {official:,}",) * (count != official)
    return BenchmarkData(chosen, fingerprints, (NOTE,) if facts.sample else partial, facts.protocol.resolution or 384)
