"""The published tables as files of the package: their facts, and their rows as text. Plain Python."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lnkit.analysis.published.caveats import caveat_of
from lnkit.errors import UnknownNameError, did_you_mean, near_names

# "A Systematic Performance Analysis of Deep Perceptual Loss Networks", arXiv 2302.04032
PIHLGREN2023 = "Pihlgren et al. 2023"
# "Do better ImageNet classifiers assess perceptual similarity better?", TMLR
KUMAR2022 = "Kumar et al. 2022"

DATA = Path(__file__).parent / "data"  # importing importlib.resources takes longer than reading all tables

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table: its title, its source, and the types of its columns. Columns that are not named are text."""

    title: str
    source: str  # "Pihlgren et al. 2023, Table III"; the study alone if every row has its own table
    numbers: tuple[str, ...] = ()
    whole_numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()  # 0 or 1
    key: tuple[str, ...] = field(default=("backbone",))  # the columns that identify a row


FLAGS = ("skip_connections", "branches", "conv_1x1", "batch_norm")

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
}


def table_facts(name: str) -> TableFacts:
    """Return the facts about a table.

    Raises:
        UnknownNameError: there is no such table.
    """
    if name not in TABLES:
        hint = did_you_mean(near_names(name, TABLES))
        raise UnknownNameError(f"There is no published table {name!r}.{hint} There are: {', '.join(TABLES)}.")
    return TABLES[name]


def read_rows(name: str) -> list[Row]:
    """Read the rows of a table as text, "" for missing values.

    Every row has the table's own columns, a ``source`` ("Pihlgren et al. 2023, Table V") and a ``caveat`` on doubtful
    figures, "" for most.

    Raises:
        UnknownNameError: there is no such table.
    """
    facts = table_facts(name)
    text = (DATA / f"{name}.csv").read_text(encoding="utf-8")
    return [_complete(name, facts, row) for row in csv.DictReader(text.splitlines())]


def _complete(name: str, facts: TableFacts, row: Row) -> Row:
    own = row.pop("source", "")
    return row | {"source": f"{facts.source}, {own}" if own else facts.source, "caveat": caveat_of(name, row)}
