"""The data of `tid2013` and `kadid10k`: distorted images, their references and opinions of them."""

from __future__ import annotations

from lnkit import BenchmarkData
from lnkit.benchmark import RunFacts
from lnkit.data import data_folder
from lnkit.datasets import kadid10k, tid2013
from lnkit.datasets.image_files import content_sha256
from lnkit.datasets.opinions import OpinionSet, Scale
from lnkit.datasets.text_tables import text_sha256
from lnkit_judgments.opinions import KADID10K_DATASET
from lnkit_judgments.opinions.sample import NOTE, kadid10k_sample, tid2013_sample

TID2013_SOURCE = (
    "TID2013 is published as a .rar archive, which lnkit does not unpack. Get tid2013.rar (about 900 MB) from "
    "http://www.ponomarenko.info/tid2013.htm, unpack it, and name the folder that holds mos_with_names.txt, "
    "reference_images and distorted_images with --data DIR; or run on the embedded sample with --sample."
)


def open_tid2013(facts: RunFacts) -> BenchmarkData:
    """Read TID2013; images are decoded when they are compared."""
    root = data_folder(facts, TID2013_SOURCE, tid2013_sample)
    return _open(facts, "tid2013", tid2013.read_tid2013(root), tid2013.TID2013)


def open_kadid10k(facts: RunFacts) -> BenchmarkData:
    """Read KADID-10k, and download it if needed; images are decoded when they are compared."""
    root = data_folder(facts, KADID10K_DATASET, kadid10k_sample)
    return _open(facts, "kadid10k", kadid10k.read_kadid10k(root), kadid10k.KADID10K)


def _open(facts: RunFacts, name: str, dataset: OpinionSet, scale: Scale) -> BenchmarkData:
    """Choose the references of the protocol; ``scale`` is that of the published data."""
    chosen = dataset.first_references(facts.protocol.references)
    files = {o.name: o.image for o in chosen.opinions} | {o.reference_name: o.reference for o in chosen.opinions}
    fingerprints = {
        "images": content_sha256(name, files, dataset.folder, facts.cache, facts.progress),
        "opinions": text_sha256(f"{o.name} {o.score!r}" for o in chosen.opinions),
    }
    notes = (NOTE,) if facts.sample else dataset.notes(scale)
    return BenchmarkData(chosen, fingerprints, notes, facts.protocol.resolution or 384)
