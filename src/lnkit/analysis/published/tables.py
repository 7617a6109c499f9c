"""The published tables as files of the package: their facts, and their rows as text. Plain Python."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lnkit.analysis.published.caveats import caveat_of
from lnkit.errors import UnknownNameError, did_you_mean, near_names

# "A Systematic Performance Analysis of Deep Perceptual Loss Networks", arXiv 2302.04032
PIHLGREN2023 = "Pihlgren et al. 2023"
# "Do better ImageNet classifiers assess perceptual similarity better?", TMLR
KUMAR2022 = "Kumar et al. 2022"
# "Do computer vision foundation models learn the low-level characteristics of the human visual system?", CVPR 2025
CAI2025 = "Cai et al. 2025"

DATA = Path(__file__).parent / "data"  # importing importlib.resources takes longer than reading all tables

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table: its title, its source, and the types of its columns. Columns that are not named are text.

    Attributes:
        title: of the table.
        source: ``"Pihlgren et al. 2023, Table III"``; the study alone if every row has its own table, and "" if the
            rows are from several sources.
        numbers: columns of numbers.
        whole_numbers: columns of whole numbers.
        flags: columns that are 0 or 1.
        key: the columns that identify a row.
        computed: whether a row was computed from other figures by whoever collected the table, and not printed by its
            source; such a table gets the column ``computed``, 0 or 1.
    """

    title: str
    source: str
    numbers: tuple[str, ...] = ()
    whole_numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    key: tuple[str, ...] = field(default=("backbone",))
    computed: Callable[[Row], bool] | None = None


def _computed_here(row: Row) -> bool:
    return "computed here" in row["note"].lower()


FLAGS = ("skip_connections", "branches", "conv_1x1", "batch_norm")

DETECTION = (
    "csf_gabor_achromatic",
    "csf_noise_achromatic",
    "csf_gabor_red_green",
    "csf_gabor_yellow_violet",
    "csf_luminance",
    "csf_area",
)
MASKING = ("masking_phase_coherent", "masking_phase_incoherent")

TABLES: Mapping[str, TableFacts] = {
    "performance_scores": TableFacts(
        "Scores of 14 backbones at 4 points on 4 benchmarks",
        PIHLGREN2023,
        ("value",),
        key=("score", "backbone", "point"),
    ),
    "average_rankings": TableFacts(
        "Mean rank of each backbone by its best point",
        f"{PIHLGREN2023}, Table III",
        ("bapps", "superres", "delineation", "autoencoder", "all"),
    ),
    "best_points": TableFacts("Best point of each backbone", f"{PIHLGREN2023}, Table IV"),
    "attributes": TableFacts(
        "Attributes of the backbones", f"{PIHLGREN2023}, Table I", ("imagenet_top1",), ("depth", "mflops_224"), FLAGS
    ),
    "extraction_points": TableFacts("The extraction points as modules of torchvision", f"{PIHLGREN2023}, Table II"),
    "early_stopping_scores": TableFacts(
        "Perceptual scores of networks trained at 64 x 64 pixels",
        KUMAR2022,
        ("imagenet_top1", "perceptual_score", "printed_difference"),
        ("resolution",),
        key=("network", "setting", "distance"),
    ),
    "computed_attributes": TableFacts(
        "Attributes of the same backbones, computed from the networks",
        "computed by lnkit",
        ("imagenet_top1",),
        ("parameters", "depth", "macs"),
        FLAGS,
    ),
    "computed_point_attributes": TableFacts(
        "Attributes of the same loss networks, computed from the networks",
        "computed by lnkit",
        ("fraction_parameters", "fraction_depth", "fraction_macs"),
        ("point_parameters", "point_depth", "point_macs", "point_channels", "point_features"),
        key=("backbone", "point"),
    ),
    "iqa_tables": TableFacts(
        "Metrics on TID, KADID-10k, CSIQ, LIVE, PIPAL, NIGHTS and BAPPS",
        "",
        ("value",),
        ("year",),
        ("computed",),
        key=("source", "metric", "trained_on", "dataset", "split", "score", "note"),
        computed=_computed_here,
    ),
    "psychophysics_models": TableFacts(
        "Nine psychophysical tests of 43 image encoders and two baselines",
        CAI2025,
        (
            *DETECTION,
            *MASKING,
            "matching_rmse",
            "matching_rmse_by_frequency_recomputed",
            "matching_rmse_pooled_recomputed",
        ),
        ("matching_clamped_of_72",),
        ("is_baseline",),
        key=("family", "architecture", "training_data"),
    ),
}


def table_facts(name: str) -> TableFacts:
    """Return the facts about a table.

    Args:
        name: of the table.

    Raises:
        UnknownNameError: there is no such table.
    """
    if name not in TABLES:
        hint = did_you_mean(near_names(name, TABLES))
        raise UnknownNameError(f"There is no published table {name!r}.{hint} There are: {', '.join(TABLES)}.")
    return TABLES[name]


def read_rows(name: str) -> list[Row]:
    """Read the rows of a table as text, "" for missing values.

    Args:
        name: of the table, one of :data:`TABLES`.

    Returns:
        The rows in the order of the source. Every row has the table's own columns, a ``source`` ("Pihlgren et al. 2023,
        Table V") and a ``caveat`` on doubtful figures, "" for most.

    Raises:
        UnknownNameError: there is no such table.

    Example:
        >>> rows = read_rows("iqa_tables")
        >>> row = next(row for row in rows if row["source"] == "pyiqa" and row["metric"] == "psnr")
        >>> row["dataset"], row["score"], row["value"], row["computed"]
        ('CSIQ', 'plcc', '0.7857', '0')
    """
    facts = table_facts(name)
    text = (DATA / f"{name}.csv").read_text(encoding="utf-8")
    return [_complete(name, facts, row) for row in csv.DictReader(text.splitlines())]


def _complete(name: str, facts: TableFacts, row: Row) -> Row:
    source = ", ".join(filter(None, (facts.source, row.pop("source", ""))))
    computed = {"computed": str(int(facts.computed(row)))} if facts.computed else {}
    caveat = caveat_of(name, row | {"source": source})
    return row | computed | {"source": source, "caveat": caveat}
