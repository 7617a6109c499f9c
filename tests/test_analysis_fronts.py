"""Pareto fronts against what they are by definition, and the published ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lnkit.analysis import gather
from lnkit.analysis.fronts import accuracy_front, pareto_front, score_fronts
from lnkit.errors import UsageError


def by_definition(x: np.ndarray, y: np.ndarray) -> list[bool]:
    """Whether nobody is at least as good in both and better in one; larger is better, missing is never on it."""
    points = np.stack([x, y], axis=1)
    beaten = [any((other >= one).all() and (other > one).any() for other in points) for one in points]
    return [not b and bool(np.isfinite(one).all()) for b, one in zip(beaten, points, strict=True)]


@pytest.mark.parametrize("x_higher", [True, False])
@pytest.mark.parametrize("y_higher", [True, False])
def test_a_front_is_what_nobody_beats(x_higher: bool, y_higher: bool) -> None:
    rng = np.random.default_rng(0)
    for size in (1, 2, 30):
        x, y = rng.integers(0, 6, (2, size)).astype(float)  # with many ties
        x[rng.random(size) < 0.1] = np.nan
        frame = pd.DataFrame(
            {"a": x, "b": y}, index=[f"row{i % 7}" for i in range(size)]
        )  # an index need not be unique
        marks = pareto_front(frame, "a", "b", x_higher, y_higher)
        assert marks.dtype == bool
        assert marks.index.equals(frame.index)
        assert marks.tolist() == by_definition(x if x_higher else -x, y if y_higher else -y)


def test_closed_forms() -> None:
    circle = pd.DataFrame({"x": np.cos(np.linspace(0, np.pi / 2, 9)), "y": np.sin(np.linspace(0, np.pi / 2, 9))})
    assert pareto_front(circle, "x", "y", x_higher_is_better=True).all()
    assert pareto_front(circle, "x", "y", x_higher_is_better=False).tolist() == [False] * 8 + [True]
    same = pd.DataFrame({"x": [1.0, 1.0, 1.0], "y": [2.0, 2.0, 1.0]})
    assert pareto_front(same, "x", "y").tolist() == [True, True, False]
    assert pareto_front(same.head(0), "x", "y").empty
    nothing = pd.DataFrame({"x": [np.nan], "y": [1.0]})
    assert pareto_front(nothing, "x", "y").tolist() == [False]


def test_each_score_has_its_front_against_a_cost_or_accuracy() -> None:
    found = gather(origin="published")
    for against in ("point_macs", "imagenet_top1"):
        table = score_fronts(found.frame(), found.attributes(), against)
        assert len(table) == 19 * 56
        for _, group in table.groupby("score"):
            sign = 1 if against == "imagenet_top1" else -1
            expected = by_definition(sign * group[against].to_numpy(), group.value.to_numpy())
            assert group.front.tolist() == expected


def test_attributes_that_make_no_front_are_refused() -> None:
    found = gather(origin="published")
    with pytest.raises(UsageError, match="Did you mean 'point_macs'"):
        score_fronts(found.frame(), found.attributes(), "point_mac")
    with pytest.raises(UsageError, match="no front against 'batch_norm'"):
        score_fronts(found.frame(), found.attributes(), "batch_norm")


def test_the_front_of_accuracy_and_perceptual_score_as_published() -> None:
    table = accuracy_front()
    assert len(table) == 45 + 14
    assert table.front.tolist() == by_definition(table.imagenet_top1.to_numpy(), table.perceptual_score.to_numpy())
    small = table[table.setting.str.contains("default") & (table.network == "resnet18")].iloc[0]
    assert (small.imagenet_top1, small.perceptual_score, small.setting) == (52.0, 68.5, "default, spatial")
    large = table[table.network == "alexnet:mid"].iloc[0]  # Table IV's best point, Table I's accuracy
    assert (large.imagenet_top1, round(large.perceptual_score, 1)) == (56.522, 69.1)
    assert large.front
    assert table.setting.notna().all()
