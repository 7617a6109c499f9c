"""The published tables as DataFrames, each row with its source and, if it is doubtful, a caveat.

The figures are those of Pihlgren2023 (Pihlgren et al. 2023, arXiv 2302.04032), Kumar2022 (Kumar et al. 2022, TMLR),
Cai2025 (Cai et al. 2025, arXiv 2502.20256) and, in ``iqa_tables``, of the sources that its rows name; as printed or,
where a row says so, computed from them. pandas is imported only when a table is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit.analysis.published.tables import TABLES, read_rows, table_facts

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
    "iqa_tables",
    "performance_scores",
    "psychophysics_models",
    "read_rows",
    "table",
]


def table(name: str) -> pd.DataFrame:
    """Read a published table by its name.

    Args:
        name: one of :data:`TABLES`.

    Returns:
        The rows of the table. Numbers are float64, whole numbers Int64 (missing ones ``<NA>``), flags bool, all others
        text; the last columns are ``source`` and ``caveat``.

    Raises:
        UnknownNameError: there is no such table.

    Example:
        >>> rows = table("psychophysics_models").query("not is_baseline")
        >>> print(len(rows), rows.matching_rmse.min())
        43 0.2595
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    facts = table_facts(name)
    frame = pd.DataFrame(read_rows(name))
    numbers = {name: pd.to_numeric(frame[name], errors="raise") for name in (*facts.numbers, *facts.whole_numbers)}
    frame = frame.assign(**numbers, **{name: frame[name] == "1" for name in facts.flags})
    return frame.astype(dict.fromkeys(facts.numbers, "float64") | dict.fromkeys(facts.whole_numbers, "Int64"))


def performance_scores() -> pd.DataFrame:
    """Read Tables V to XI of Pihlgren2023: benchmark, score, backbone, point, value; 1,064 rows.

    2AFC, JND mAP, SSIM and accuracies are fractions, PSNR is in dB, the scores of delineation are in percent.
    """
    return table("performance_scores")


def average_rankings() -> pd.DataFrame:
    """Read Table III of Pihlgren2023: the mean rank of each backbone by its best point, per benchmark and ``all``."""
    return table("average_rankings")


def best_points() -> pd.DataFrame:
    """Read Table IV of Pihlgren2023: the best point of each backbone, one column per score."""
    return table("best_points")


def attributes() -> pd.DataFrame:
    """Read Table I of Pihlgren2023: ImageNet top-1 in percent, depth, millions of multiply-adds at 224 x 224, flags."""
    return table("attributes")


def extraction_points() -> pd.DataFrame:
    """Read Table II of Pihlgren2023: the four points of each backbone as module paths of torchvision."""
    return table("extraction_points")


def early_stopping_scores() -> pd.DataFrame:
    """Read results of Kumar2022: perceptual scores and ImageNet top-1, in percent, of networks for 64 x 64 pixels.

    Of the settings of its Table 1, ``printed_difference`` is what the table prints, the difference from the default;
    the score is the sum of the two.
    """
    return table("early_stopping_scores")


def computed_attributes() -> pd.DataFrame:
    """Read the attributes that lnkit computes for the backbones of Table I; macs are multiply-adds at 224 x 224."""
    return table("computed_attributes")


def computed_point_attributes() -> pd.DataFrame:
    """Read the attributes that lnkit computes for the 56 loss networks: cost and depth up to the point, features."""
    return table("computed_point_attributes")


def iqa_tables() -> pd.DataFrame:
    """Read published values of metrics on data of human judgments: TID2008, TID2013, KADID-10k, CSIQ, LIVE, PIPAL, ...

    Values are those of the source, with its sign (``sign_convention``): many sources print absolute values. ``split``
    says which images, ``note`` the file, the image size and the fit before ``plcc``. Rows compare only where all of
    these agree. ``computed`` marks rows that were computed from the authors' scores of single images and are printed
    nowhere.
    """
    return table("iqa_tables")


def psychophysics_models() -> pd.DataFrame:
    """Read the nine psychophysical tests of Cai2025: 43 image encoders, ``No Encoder`` (pixels) and ColorVideoVDP.

    Eight are Spearman correlations; ``matching_rmse`` is in log10 contrast, and lower is better. Columns ending in
    ``_recomputed`` come from the curves of the result pages, and are not printed there.
    """
    return table("psychophysics_models")
