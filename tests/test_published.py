"""The published tables in the package: as they were printed, typed, each row with its source and its caveat."""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest
from realdata import RealData

from lnkit.analysis.published import frames as published
from lnkit.analysis.published.caveats import CAVEATS
from lnkit.analysis.published.tables import TABLES, read_rows
from lnkit.errors import UnknownNameError


@pytest.mark.parametrize("name", [name for name in TABLES if not name.startswith("computed")])
def test_figures_are_those_of_the_source(name: str, real_data: RealData) -> None:
    original = list(csv.DictReader(real_data(f"../published/{name}.csv").read_text().splitlines()))
    ours = read_rows(name)
    assert len(ours) == len(original)
    for row, printed in zip(ours, original, strict=True):
        assert {column: row[column] for column in printed if column != "source"} == {
            column: value for column, value in printed.items() if column != "source"
        }
        assert row["source"].endswith(printed.get("source", ""))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_typed_and_says_where_it_is_from(name: str) -> None:
    frame, facts = published.table(name), TABLES[name]
    assert list(frame.columns)[-2:] == ["source", "caveat"]
    assert not frame.duplicated(list(facts.key)).any()
    assert all(frame[column].dtype == "float64" for column in facts.numbers)
    assert all(str(frame[column].dtype) == "Int64" for column in facts.whole_numbers)
    assert all(frame[column].dtype == bool for column in facts.flags)
    assert frame.source.str.startswith(facts.source).all()


def test_known_figures() -> None:
    scores = published.performance_scores().set_index(["score", "backbone", "point"])
    assert scores.loc[("2afc", "vgg11", "early"), "value"] == 0.635
    assert scores.loc[("2afc", "vgg11", "early"), "source"] == "Pihlgren et al. 2023, Table V"
    assert published.attributes().set_index("backbone").loc["resnext50_32x4d", "branches"]
    assert published.early_stopping_scores().resolution.isna().sum() == 3  # AlexNet, VGG and AlexNet trained on BAPPS


def test_caveats_travel_with_the_doubtful_rows() -> None:
    scores = published.performance_scores()
    doubtful = scores[scores.caveat != ""]
    assert doubtful.benchmark.value_counts().to_dict() == {"delineation": 3 * 56, "autoencoder": 2 * 56}
    summed = scores[scores.caveat.str.contains("running sum")]
    assert set(summed.benchmark) == {"delineation"}
    assert len(summed) == 3 * 56
    assert doubtful.caveat.str.contains("training mode").all()
    rankings = published.average_rankings().caveat
    assert rankings.str.contains("running sum").all()
    assert rankings.str.contains("training mode").all()
    points = published.best_points().set_index("backbone").caveat
    assert "semi_early" in points["squeezenet1_1"]
    assert "semi_early" not in points["vgg11"]
    one_by_one = published.attributes().set_index("backbone").caveat
    assert set(one_by_one[one_by_one.str.contains("1x1")].index) == {"efficientnet_b0", "efficientnet_b7", "resnet18"}


def test_scores_that_kumar2022_does_not_print_say_so() -> None:
    scores = published.early_stopping_scores().set_index(["network", "setting", "distance"])
    sums = scores[scores.caveat.str.contains("Table 1 prints the difference")]
    assert len(sums) == 22
    assert set(sums.index.get_level_values("setting")) == {
        "width",
        "depth",
        "weight decay",
        "central crop",
        "train steps",
    }
    differences = scores.printed_difference.dropna()  # Table 1, row by row
    assert differences.tolist() == [
        *(0.4, 0.3, 0.0, 0.5),
        *(0.4, 0.7, 0.7, 1.5),
        *(0.2, 1.3, 1.2, 1.9),
        *(1.1, 1.0, 1.3, 0.9, 1.1),
        *(0.4, 0.4, -0.1, -1.1, 0.5),
    ]
    assert "the text (section 6) says 69.6" in scores.caveat["resnet6", "width", "spatial"]
    assert "the text (section 6) says 68.4" in scores.caveat["vit_b_8", "train steps", "spatial"]
    assert scores.caveat["vit_b_8", "default", "spatial"] == ""


def test_every_caveat_applies_to_something() -> None:
    for caveat in CAVEATS:
        assert any(caveat.applies(row) for row in read_rows(caveat.table)), caveat


def test_an_unknown_table_names_the_near_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'best_points'"):
        published.table("best_point")


def test_reading_rows_needs_no_pandas() -> None:
    code = "import sys, lnkit.analysis.published.frames as p; p.read_rows('attributes'); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'lnkit.analysis.published.tables'" in done.stdout
    assert not [name for name in ("'pandas'", "'numpy'", "'torch'") if name in done.stdout]
