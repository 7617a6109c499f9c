"""Caveats: sentences on doubtful figures of the published tables, attached to their rows.

Each rests on a finding of ``lnkit published audit``, which computes the evidence from the tables themselves; that on
the training mode comes from reading the reference code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True, slots=True)
class Caveat:
    """A sentence on some rows of one table."""

    id: str  # of the audit finding behind it
    table: str
    applies: Callable[[Mapping[str, str]], bool]  # to a row
    sentence: str


RUNNING_SUM = (
    "Table X is consistent with a running sum over the 56 loss networks in the order of a file listing, so its order "
    "may be that of the listing; do not rank by it"
)

TRAINING_MODE = (
    "the reference code leaves the loss network in training mode while it trains another network with it (Tables X and "
    "XI): the nine backbones with batch norm use the statistics of each batch, and EfficientNets drop blocks at "
    "random, so a difference from other backbones may come from that"
)
TRAINED = ("delineation", "autoencoder")  # benchmarks of which that is true


@dataclass(frozen=True, slots=True)
class Statement:
    """A perceptual score in the text of Kumar2022 that its Table 1 has too."""

    network: str
    setting: str  # as in the table
    score: float
    section: str


AGREEING = (
    Statement("resnet6", "default", 69.1, "5"),
    Statement("resnet50", "train steps", 69.7, "6"),
    Statement("vit_l_4", "train steps", 68.4, "6"),
    Statement("resnet200", "train steps", 69.5, "8.1"),
)
CONTRADICTING = (
    Statement("resnet6", "width", 69.6, "6"),
    Statement("resnet200", "width", 67.6, "6"),
    Statement("resnet200", "train steps", 69.7, "6"),
    Statement("vit_b_8", "train steps", 68.4, "6"),
    Statement("resnet50", "default", 68.0, "8.5"),
)


def _contradicted_by(statement: Statement, row: Mapping[str, str]) -> bool:
    same = (row["network"], row["setting"], row["distance"]) == (statement.network, statement.setting, "spatial")
    return same and float(row["perceptual_score"]) != statement.score


_MAIN, _SIZES = "table_main_v2.csv", "scorecard_resolution.csv"  # of JLD

_OTHER_VERSION = "differs by .04 to .24 from the authors' main table, which has another version of the metric"


def _iqa(source: str, metrics: Sequence[str], note: str = "", split: str = "") -> Callable[[Mapping[str, str]], bool]:
    """Choose rows of the table of metrics by the start of the source, the metric, and parts of the note and split."""

    def applies(row: Mapping[str, str]) -> bool:
        named = row["source"].startswith(source) and row["metric"] in metrics
        return named and note in row["note"] and split in row["split"]

    return applies


CAVEATS: tuple[Caveat, ...] = (
    Caveat("running-sum", "performance_scores", lambda row: row["benchmark"] == "delineation", RUNNING_SUM),
    Caveat("training-mode", "performance_scores", lambda row: row["benchmark"] in TRAINED, TRAINING_MODE),
    Caveat(
        "running-sum",
        "average_rankings",
        lambda row: True,
        "column delineation, and through it column all, rest on Table X, which is consistent with a running sum",
    ),
    Caveat(
        "training-mode",
        "average_rankings",
        lambda row: True,
        "columns delineation, autoencoder and all compare backbones without batch norm with others, whose loss the "
        "reference code computes in training mode",
    ),
    Caveat(
        "best-point-mismatch",
        "best_points",
        lambda row: row["backbone"] == "squeezenet1_1",
        "delineation_all says late, but Table X has its best values at semi_early",
    ),
    Caveat(
        "running-sum",
        "best_points",
        lambda row: row["backbone"] != "squeezenet1_1",
        "column delineation_all rests on Table X, which is consistent with a running sum",
    ),
    Caveat(
        "attributes",
        "attributes",
        lambda row: row["family"] == "EfficientNet",
        "conv_1x1 is 0, but the expansions and projections of this network are 1x1 convolutions; depth counts a "
        "projection and the expansion after it as two, although there is no non-linearity between them",
    ),
    Caveat(
        "attributes",
        "attributes",
        lambda row: row["backbone"] == "efficientnet_b7",
        "imagenet_top1 is the value that torchvision states for EfficientNet-B1; for this network it states 84.122",
    ),
    Caveat(
        "attributes",
        "attributes",
        lambda row: row["backbone"] == "resnet18",
        "conv_1x1 is 0, but its downsampling is done by 1x1 convolutions",
    ),
    Caveat(
        "attributes",
        "attributes",
        lambda row: row["backbone"] == "inception_v3",
        "depth is 49, but the longest path of the network has 48",
    ),
    Caveat(
        "table-1-and-text",
        "early_stopping_scores",
        lambda row: row["printed_difference"] != "",
        "Table 1 prints the difference from the default; the score is the sum of the two, each rounded to a tenth, and "
        "may be off by a tenth",
    ),
    *(
        Caveat(
            "table-1-and-text",
            "early_stopping_scores",
            partial(_contradicted_by, statement),
            f"the text (section {statement.section}) says {statement.score}",
        )
        for statement in CONTRADICTING
    ),
    Caveat(
        "metrics-sources",
        "iqa_tables",
        _iqa("reference quoted by piq", ("MS-GMSDc",)),
        "the value is that of PSNR, evidently by mistake: the same project's README has 0.89",
    ),
    Caveat(
        "metrics-sources",
        "iqa_tables",
        _iqa("JLD", ("deepdc",), _MAIN),
        "the authors' resolution study has .70 for DeepDC on TID2013 at native size and .81 at 256 pixels, so images "
        "were probably reduced here",
    ),
    Caveat(
        "metrics-sources",
        "iqa_tables",
        _iqa("JLD", ("VIF", "PieAPP"), f"{_SIZES}; resolution native"),
        _OTHER_VERSION,
    ),
    Caveat(
        "metrics-sources",
        "iqa_tables",
        _iqa("JLD", ("VSI", "FSIM"), f"{_SIZES}; resolution native", "3000"),
        _OTHER_VERSION,
    ),
    Caveat(
        "metrics-windows",
        "iqa_tables",
        _iqa("ZS-IQA", ("psnr", "fsim", "msssim", "dists")),
        "the note names windows, but the value is that of whole images: pyiqa's is the same to four digits wherever it "
        "has one",
    ),
    Caveat(
        "metrics-pixel",
        "iqa_tables",
        _iqa("JLD", ("PSNR",), f"{_SIZES}; resolution native"),
        "PSNR has no parameters, and all other sources agree on another value: these images were read in another way",
    ),
    Caveat(
        "metrics-sources",
        "iqa_tables",
        _iqa("piq README", ("SSIM", "DISTS")),
        "differs from benchmark.csv of the same project by up to .17 on TID2013, so images were probably reduced here",
    ),
    Caveat(
        "metrics-copies",
        "iqa_tables",
        _iqa("ST-LPIPS", ("LPIPS retrained: alex_vanilla", "LPIPS retrained: vgg_vanilla"), split="deblur"),
        "the values of two networks agree to nine digits, so one of them may be a copy",
    ),
    Caveat(
        "psychophysics-matching",
        "psychophysics_models",
        lambda row: row["family"] == "ColorVideoVDP",
        "matching_rmse is printed as .3423, but the curve beside it gives .2604",
    ),
)


def is_confound(caveat: str) -> bool:
    """Return whether a caveat says only that a comparison has a second cause, and not that values are suspect."""
    return caveat == TRAINING_MODE


def caveat_of(table: str, row: Mapping[str, str]) -> str:
    """Join the caveats on a row of a table; "" for most rows."""
    return "; ".join(caveat.sentence for caveat in CAVEATS if caveat.table == table and caveat.applies(row))
