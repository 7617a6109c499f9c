"""Caveats: sentences on doubtful figures of the published tables, attached to their rows.

Each rests on a finding of ``lnkit published audit``, which computes the evidence from the tables themselves; that on
the training mode comes from reading the reference code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
)


def is_confound(caveat: str) -> bool:
    """Return whether a caveat says only that a comparison has a second cause, and not that values are suspect."""
    return caveat == TRAINING_MODE


def caveat_of(table: str, row: Mapping[str, str]) -> str:
    """Join the caveats on a row of a table; "" for most rows."""
    return "; ".join(caveat.sentence for caveat in CAVEATS if caveat.table == table and caveat.applies(row))
