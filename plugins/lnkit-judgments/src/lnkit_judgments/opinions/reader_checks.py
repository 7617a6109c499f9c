"""Published values by which `lnkit data verify` checks how datasets of mean opinions are read.

Each is the absolute SRCC of the mean squared difference, or of PSNR, over all RGB values at native size.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lnkit.benchmark import ReaderCheck

if TYPE_CHECKING:
    from lnkit.datasets.opinions import OpinionSet

JLD = "result files of JLD, arXiv 2610.05967"
PIQ = "results of piq, as published with its code"
PYIQA = "results of pyiqa, as published with its code"


def jld_test(folder: Path) -> OpinionSet:
    """Read the opinions of KADID-10k on which JLD was tested: 65 of its 81 references."""
    from lnkit.datasets.kadid10k import JLD_DEVELOPMENT, read_kadid10k  # noqa: PLC0415 - not for listing

    opinions = read_kadid10k(folder)
    return opinions.of_references({opinion.reference_name for opinion in opinions.opinions} - JLD_DEVELOPMENT)


CHECKS = {
    "tid2013": (ReaderCheck("all images", 0.686911, 6, 3000, "lnkit.datasets.tid2013:read_tid2013", JLD),),
    "kadid10k": (
        ReaderCheck("all images", 0.6757, 4, 10_125, "lnkit.datasets.kadid10k:read_kadid10k", PIQ),
        ReaderCheck("65 test references", 0.673067, 6, 8125, "lnkit_judgments.opinions.reader_checks:jld_test", JLD),
    ),
}
