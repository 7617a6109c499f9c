"""The published tables as DataFrames, each row with its source and, where it is doubtful, a caveat.

``performance_scores()`` and so on; see :data:`lnkit.analysis.published.tables.TABLES`. The
figures are those of Pihlgren et al. 2023 (arXiv 2302.04032) and Kumar et al. 2022 (TMLR), as printed. Importing this
costs nothing: pandas is imported when a table is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit.analysis.published.tables import TABLES, TableFacts, read_rows, table_facts

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "TABLES",
    "attributes",
    "average_rankings",
    "best_points",
    "computed_attributes",
    "computed_point_attributes",
    "early_stopping_scores",
    "extraction_points",
    "performance_scores",
    "read_rows",
    "table",
]


def table(name: str) -> pd.DataFrame:
    """A published table.

    Returns:
        One row per row of the table. Numbers are float64, whole numbers Int64 (missing ones ``<NA>``), flags bool, the
        rest text; the last columns are ``source`` and ``caveat``.

    Raises:
        UnknownNameError: there is no such table.
    """
    import pandas as pd  # noqa: PLC0415 - so that importing the package costs nothing

    facts = table_facts(name)
    return pd.DataFrame(read_rows(name)).pipe(_typed, facts)


def _typed(frame: pd.DataFrame, facts: TableFacts) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    numbers = {name: pd.to_numeric(frame[name], errors="raise") for name in (*facts.numbers, *facts.whole_numbers)}
    flags = {name: frame[name] == "1" for name in facts.flags}
    frame = frame.assign(**numbers, **flags)
    return frame.astype(dict.fromkeys(facts.numbers, "float64") | dict.fromkeys(facts.whole_numbers, "Int64"))


def performance_scores() -> pd.DataFrame:
    """Tables V to XI: benchmark, score, backbone, point, value; 1,064 rows.

    2AFC, JND mAP, SSIM and accuracies are fractions, PSNR is in dB, the measures of delineation are in percent.
    """
    return table("performance_scores")


def average_rankings() -> pd.DataFrame:
    """Table III: mean rank of each backbone by its best point, 1 to 14, one column per benchmark and ``all``."""
    return table("average_rankings")


def best_points() -> pd.DataFrame:
    """Table IV: the best point of each backbone, one column per score."""
    return table("best_points")


def attributes() -> pd.DataFrame:
    """Table I: ImageNet top-1 in percent, depth, millions of multiply-adds of a 224 x 224 forward pass, and flags."""
    return table("attributes")


def extraction_points() -> pd.DataFrame:
    """Table II: the four points of each backbone as module paths of torchvision, with the words of the paper."""
    return table("extraction_points")


def early_stopping_scores() -> pd.DataFrame:
    """Kumar et al. 2022: perceptual scores and ImageNet top-1, in percent, of networks at small resolution."""
    return table("early_stopping_scores")


def computed_attributes() -> pd.DataFrame:
    """What lnkit computes for the backbones of Table I; macs are multiply-adds of a 224 x 224 forward pass."""
    return table("computed_attributes")


def computed_point_attributes() -> pd.DataFrame:
    """What lnkit computes for the 56 loss networks: cost and depth up to the point, channels and features there."""
    return table("computed_point_attributes")
