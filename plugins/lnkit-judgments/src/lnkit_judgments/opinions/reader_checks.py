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


def pipal_val(folder: Path) -> OpinionSet:
    """Read the opinions of PIPAL's validation part."""
    from lnkit.datasets.pipal import read_pipal  # noqa: PLC0415 - not for listing

    return read_pipal(folder, "val")


def _check(part: str, expected: str, images: int, read: str, source: str) -> ReaderCheck:
    """Make a check of a value with all of its published digits: "0.6757"."""
    return ReaderCheck(part, float(expected), len(expected.partition(".")[2]), images, read, source)


_HERE = "lnkit_judgments.opinions.reader_checks"
CHECKS = {
    "tid2013": (_check("all images", "0.686911", 3000, "lnkit.datasets.tid2013:read_tid2013", JLD),),
    "tid2008": (_check("all images", "0.5245", 1700, "lnkit.datasets.tid2013:read_tid2008", PYIQA),),
    "kadid10k": (
        _check("all images", "0.6757", 10_125, "lnkit.datasets.kadid10k:read_kadid10k", PIQ),
        _check("JLD's 65 references", "0.673067", 8125, f"{_HERE}:jld_test", JLD),
    ),
    "csiq": (_check("all images", "0.808691", 866, "lnkit.datasets.csiq:read_csiq", JLD),),
    "live": (_check("realigned labels", "0.872971", 779, "lnkit.datasets.live:read_live", JLD),),
    "pipal": (
        _check("the training part", "0.406559", 23_200, "lnkit.datasets.pipal:read_pipal", JLD),
        _check("the validation part", "0.254758", 1000, f"{_HERE}:pipal_val", JLD),
    ),
}
