"""Which rows of the published tables of metrics compare with which records: data, each with its reason. Plain Python.

A value on such a data set depends on the images scored, the label file, the size at which images are compared, and, for
Pearson's correlation, the fit before it. Sizes move values more than most metrics differ: LPIPS-Alex has an SRCC of
.748 on TID2013 at native size and of .824 at 256 pixels (resolution study of JLD).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lnkit.analysis.published.tables import CAI2025

IQA, PSYCHOPHYSICS = "iqa_tables", "psychophysics_models"  # tables

NATIVE = "native size"
SHORT_256, SHORT_384, SHORT_512 = "256 px", "384 px", "512 px"
AT_224, AT_64 = "224 px", "64 px"
WINDOWS = "windows of 224 px"
CUT_14 = "cropped to multiples of 14"
UNSETTLED = "size not stated"
AS_SHOWN = "the stimuli of the study"


@dataclass(frozen=True, slots=True)
class RowRule:
    """What is known of some rows of the table of metrics. Of several rules that fit a row, the first one holds."""

    source: str  # start of the column source
    study: str  # name of the source in prints; one table of one source
    size: str  # at which images were compared
    fit: str = ""  # before plcc: "none", "logistic5"
    reason: str = ""  # why the size is this one, or is not settled
    note: str = ""  # part of the column note; "" fits all
    metrics: tuple[str, ...] = ()  # in the column metric; none fits all
    datasets: tuple[str, ...] = ()
    never: bool = False  # compares with nothing


_JLD_OWN = ("JLD lens term alone (jld)", "JLD-fast (jld_v2)", "JLD full (jld_v2p)", "jld_lin")
_DREAMSIM = "DreamSim resizes to 224 x 224"
_STUDY = "scorecard_resolution.csv"
_WHOLE = "the values equal those of pyiqa for whole images to four digits"
_REDUCED = (
    "images were probably reduced first: DISTS and SSIM differ from the same project's benchmark.csv by up to .17"
)
_QUOTED = "quoted by piq from papers, each with sizes of its own"

ROW_RULES = (
    RowRule("JLD", "JLD", NATIVE, metrics=("iem",), datasets=("KADID-10k", "PIPAL"), never=True,
            reason="measured on a part of the images: 2032 of KADID-10k, 250 of PIPAL"),
    RowRule("JLD", "JLD sizes", SHORT_256, note="resolution 256"),
    RowRule("JLD", "JLD sizes", SHORT_384, note="resolution 384"),
    RowRule("JLD", "JLD sizes", SHORT_512, note="resolution 512"),
    RowRule("JLD", "JLD sizes", CUT_14, note=_STUDY, metrics=("JLD", "JLD reference")),
    RowRule("JLD", "JLD sizes", NATIVE, note=_STUDY),
    RowRule("JLD", "JLD", CUT_14, metrics=_JLD_OWN),
    RowRule("JLD", "JLD", SHORT_256, metrics=("dists",)),
    RowRule("JLD", "JLD", AT_224, metrics=("dreamsim",), reason=_DREAMSIM),
    RowRule("JLD", "JLD", UNSETTLED, metrics=("deepdc", "deepwsd"),
            reason="DeepDC's value is near that of the authors' resolution study at 256 px, not at native size"),
    RowRule("JLD", "JLD", NATIVE),
    RowRule("FoMo", "FoMo", AT_224, "logistic5", metrics=("FoMo DreamSim",), reason=_DREAMSIM),
    RowRule("FoMo", "FoMo", NATIVE, "logistic5"),
    RowRule("pyiqa", "pyiqa", NATIVE, "none"),
    RowRule("piq README", "piq README", UNSETTLED, reason=_REDUCED),
    RowRule("piq", "piq", NATIVE),
    RowRule("SmilingWolf", "SmilingWolf", NATIVE, "none"),
    RowRule("ZS-IQA", "ZS-IQA", NATIVE, "none", metrics=("psnr", "fsim", "msssim", "dists"), reason=_WHOLE),
    RowRule("ZS-IQA", "ZS-IQA", WINDOWS, "none"),
    RowRule("DeepWSD", "DeepWSD", UNSETTLED, reason="the authors' files of scores state no size"),
    RowRule("DreamSim", "DreamSim", AT_224),
    RowRule("R-CLIP", "R-CLIP", UNSETTLED, reason="each network has the input size of its own"),
    RowRule("ST-LPIPS", "ST-LPIPS", AT_64),
    RowRule("published/early", "Kumar et al. 2022", UNSETTLED, reason="pooled or a mean over families: not stated"),
    RowRule("", "quoted by piq", UNSETTLED, reason=_QUOTED),
)  # fmt: skip

# "sign as it falls out of distance vs label column": what turns it so that a higher value agrees with people
RAW_SIGN = "sign as it falls out of distance vs label column"
RAW_SIGNS = {"CSIQ": 1, "LIVE": 1, "TID2013": -1, "KADID-10k": -1}  # labels of the first two rise with distortion
ABSOLUTE = "absolute value"

# Gaps between libraries that compute the same metric in the same way; of .02 and more, size or input range differ
# (LPIPS-Alex on TID2013: .7445 by pyiqa, .7478 by JLD).
LIBRARIES = 0.003
# The published distances are float32 angles: recomputed in float64 they agree to this, and csf_area to .03.
FLOAT32 = 0.01
TOLERANCES = {"csf_area": 0.03}


class Protocol(NamedTuple):
    """The rows that a variant of a benchmark's protocol compares with."""

    sizes: tuple[str, ...] = ()  # rows of these sizes
    studies: tuple[str, ...] = ()  # and these tables as they are, each metric at the size that its authors chose


@dataclass(frozen=True, slots=True)
class MetricSet:
    """A benchmark whose scores the published tables of metrics have."""

    table: str
    dataset: str  # in the column dataset
    protocols: Mapping[str, Protocol]  # by variant
    splits: Mapping[Any, str] = field(default_factory=dict)  # what tells the split -> column split
    split_by: str = "images"  # what tells it: the number of "images" scored, the "score", or a field of the protocol
    labels: Mapping[Any, str] = field(default_factory=dict)  # field `labels` of the protocol -> column split


_OPINIONS = {
    "native": Protocol((NATIVE,)),
    "pyiqa": Protocol((NATIVE,)),
    "fomo": Protocol((NATIVE,), ("FoMo",)),
    "jld": Protocol((), ("JLD",)),
    "dists256": Protocol((SHORT_256,)),
}

_FAMILIES = ("traditional", "cnn", "superres", "deblur", "color", "frameinterp")

METRIC_SETS: Mapping[str, MetricSet] = {
    "tid2008": MetricSet(IQA, "TID2008", _OPINIONS, {1700: "all 1700"}),
    "tid2013": MetricSet(IQA, "TID2013", _OPINIONS, {3000: "all 3000"}),
    "kadid10k": MetricSet(IQA, "KADID-10k", _OPINIONS, {10_125: "all 10125", 8125: "JLD test: 65 references, 8125"}),
    "csiq": MetricSet(IQA, "CSIQ", _OPINIONS, {866: "all 866"}),
    # The label files of release 2, dmos_realigned.mat and dmos.mat, disagree: their ranks correlate with .957 only.
    "live": MetricSet(
        IQA,
        "LIVE",
        _OPINIONS,
        {779: "all 779"},
        labels={"realigned": "all 779", "original": "779, labels of dmos.mat"},
    ),
    "pipal": MetricSet(IQA, "PIPAL", _OPINIONS, {23_200: "train 23200", 1000: "val 1000"}),
    "nights": MetricSet(IQA, "NIGHTS", {"paper": Protocol((AT_224,))}, {"test": "test", "val": "val"}, "split"),
    "bapps": MetricSet(
        IQA,
        "BAPPS",
        {"paper": Protocol((AT_64,)), "reference": Protocol((AT_64,))},
        {"2afc": "val, mean of 6 families"} | {f"2afc/{family}": f"val/{family}" for family in _FAMILIES},
        "score",
    ),
    "psychophysics": MetricSet(PSYCHOPHYSICS, CAI2025, {"reference": Protocol((AS_SHOWN,))}),
}

OPINION_SETS = ("tid2008", "tid2013", "kadid10k", "csiq", "live", "live_md", "pipal", "pieapp")
SUITES: Mapping[str, tuple[str, ...]] = {"iqa": OPINION_SETS}  # what --bench may name besides benchmarks


def benchmarks_of(name: str) -> tuple[str, ...]:
    """Return the benchmarks that ``--bench NAME`` means: those of a suite, or the one that is named.

    Args:
        name: ``iqa``, ``iqa/csiq`` or ``csiq``.
    """
    suite, _, member = name.partition("/")
    if name in SUITES:
        return SUITES[name]
    return (member if suite in SUITES and member else name,)


class Kind(NamedTuple):
    """The kind of a correlation: its name in the tables, and the fit before it where it has one."""

    score: str
    fit: str = ""


KINDS = {
    "plcc": Kind("plcc", "none"),
    "plcc_logistic4": Kind("plcc", "logistic4"),
    "plcc_logistic5": Kind("plcc", "logistic5"),
}
