"""The data of the benchmarks on opinions: distorted images, their references and opinions of them."""

from __future__ import annotations

from lnkit import BenchmarkData, DataError
from lnkit.benchmark import RunFacts
from lnkit.data import data_folder
from lnkit.datasets import csiq, kadid10k, live, live_md, pipal, tid2013
from lnkit.datasets.image_files import content_sha256
from lnkit.datasets.opinions import OpinionSet, Scale
from lnkit.datasets.text_tables import text_sha256
from lnkit_judgments.opinions import sets
from lnkit_judgments.opinions.protocol import OpinionsProtocol
from lnkit_judgments.opinions.sample import NOTE, sample_of


def open_tid2013(facts: RunFacts) -> BenchmarkData:
    """Read TID2013, and download it if needed; images are decoded when they are compared, here and below."""
    root = data_folder(facts, sets.TID2013_DATASET, sample_of("tid2013"))
    return _open(facts, "tid2013", tid2013.read_tid2013(root), tid2013.TID2013, 384)


def open_tid2008(facts: RunFacts) -> BenchmarkData:
    """Read TID2008, and download it if needed."""
    root = data_folder(facts, sets.TID2008_DATASET, sample_of("tid2008"))
    return _open(facts, "tid2008", tid2013.read_tid2008(root), tid2013.TID2008, 384)


def open_kadid10k(facts: RunFacts) -> BenchmarkData:
    """Read KADID-10k, and download it if needed."""
    root = data_folder(facts, sets.KADID10K_DATASET, sample_of("kadid10k"), others=(sets.KADID10K_MIRROR,))
    return _open(facts, "kadid10k", kadid10k.read_kadid10k(root), kadid10k.KADID10K, 384)


def open_csiq(facts: RunFacts) -> BenchmarkData:
    """Read CSIQ, and download it if needed."""
    root = data_folder(facts, sets.CSIQ_DATASET, sample_of("csiq"), others=(sets.CSIQ_MIRROR,))
    return _open(facts, "csiq", csiq.read_csiq(root), csiq.CSIQ, 512)


def open_live(facts: RunFacts) -> BenchmarkData:
    """Read LIVE with the labels of the protocol, and download it if needed."""
    root = data_folder(facts, sets.LIVE_DATASET, sample_of("live"))
    labels = getattr(facts.protocol, "labels", "realigned")
    scale = live.LIVE if labels == "realigned" else live.ORIGINAL
    return _open(facts, "live", live.read_live(root, labels), scale, 512)


def open_live_md(facts: RunFacts) -> BenchmarkData:
    """Read LIVE-MD, and download it if needed."""
    root = data_folder(facts, sets.LIVE_MD_DATASET, sample_of("live_md"))
    return _open(facts, "live_md", live_md.read_live_md(root), live_md.LIVE_MD, 720)


def open_pipal(facts: RunFacts) -> BenchmarkData:
    """Read the part of PIPAL that the protocol names, and download all if needed."""
    root = data_folder(facts, sets.PIPAL_DATASET, sample_of("pipal"))
    val = getattr(facts.protocol, "split", "train") == "val"
    dataset = pipal.read_pipal(root, "val" if val else "train")
    return _open(facts, "pipal", dataset, pipal.PIPAL_VAL if val else pipal.PIPAL_TRAIN, 288)


def choose(dataset: OpinionSet, protocol: OpinionsProtocol) -> OpinionSet:
    """Return the opinions that a protocol scores: those of a part of the set, and of its first references.

    Raises:
        DataError: There is none.
    """
    split, references = getattr(protocol, "split", "all"), {o.reference_name for o in dataset.opinions}
    if split == "jld_development":
        dataset = dataset.of_references(references & kadid10k.JLD_DEVELOPMENT)
    elif split == "jld_test":
        dataset = dataset.of_references(references - kadid10k.JLD_DEVELOPMENT)
    elif split in live_md.PARTS:
        dataset = dataset.of_distortions({live_md.PARTS[split]})
    if not dataset.opinions:
        raise DataError(f"{dataset.folder} has no image of the split {split}. Give --set split=all, or other data.")
    return dataset.first_references(protocol.references)


def _open(facts: RunFacts, name: str, dataset: OpinionSet, scale: Scale, side: int) -> BenchmarkData:
    """Choose the opinions of the protocol.

    Args:
        facts: Of the run.
        name: Of the benchmark.
        dataset: All opinions.
        scale: Of the published opinions.
        side: The shorter side of an image, in pixels.
    """
    chosen = choose(dataset, facts.protocol)
    files = {o.name: o.image for o in chosen.opinions} | {o.reference_name: o.reference for o in chosen.opinions}
    fingerprints = {
        "images": content_sha256(name, files, dataset.folder, facts.cache, facts.progress),
        "opinions": text_sha256(f"{o.name} {o.score!r}" for o in chosen.opinions),
    }
    notes = (NOTE,) if facts.sample else dataset.notes(scale)
    return BenchmarkData(chosen, fingerprints, notes, facts.protocol.resolution or side)
