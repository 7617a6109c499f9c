"""Pareto fronts: networks that no other network beats in both of two properties."""

from __future__ import annotations

import pandas as pd

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.published.frames import early_stopping_scores, performance_scores, table as published_table
from lnkit.analysis.published.tables import FLAGS
from lnkit.analysis.rankings import SCORE, best_points
from lnkit.errors import UsageError, did_you_mean, near_names

AXES = tuple(name for name in ATTRIBUTES if name not in FLAGS)  # 0 and 1 make no front
WANTED = ("imagenet_top1",)  # higher is better; of all others, lower


def pareto_front(
    frame: pd.DataFrame, x: str, y: str, x_higher_is_better: bool = False, y_higher_is_better: bool = True
) -> pd.Series:
    """Mark the rows that no other row beats, by being better in one column and at least as good in the other.

    Equal rows are on the front together. A row with a missing value is not on it.

    Args:
        frame: any table.
        x: a column of numbers.
        y: another column of numbers.
        x_higher_is_better: the direction of ``x``.
        y_higher_is_better: the direction of ``y``.

    Returns:
        bool, with the index of ``frame``.
    """
    points = pd.DataFrame(
        {"x": frame[x] if x_higher_is_better else -frame[x], "y": frame[y] if y_higher_is_better else -frame[y]}
    )
    points = points.set_axis(range(len(points))).astype("float64").dropna()
    best = points.groupby("x").y.max().sort_index(ascending=False)  # the best y of each x, from the best x on
    beaten = best <= best.cummax().shift(fill_value=-float("inf"))  # by a row with a better x
    on_front = (points.y == points.x.map(best)) & ~points.x.map(beaten).astype(bool)
    return on_front.reindex(range(len(frame)), fill_value=False).set_axis(frame.index).rename("front")


def score_fronts(frame: pd.DataFrame, attributes: pd.DataFrame, against: str) -> pd.DataFrame:
    """Find the front of every score against an attribute, within each setting.

    Args:
        frame: of score rows.
        attributes: see :func:`lnkit.analysis.attributes.attributes_frame`.
        against: one of :data:`AXES`; high ImageNet accuracy is better, for all others (macs, parameters, ...) low.

    Returns:
        setting, benchmark, score, loss_network, value, ``against``, front, caveat; all loss networks, first those
        on the front, in the order of the attribute.

    Raises:
        UsageError: ``against`` is not one of :data:`AXES`.
    """
    if against not in AXES:
        raise UsageError(
            f"There is no front against {against!r}.{did_you_mean(near_names(against, AXES))} "
            f"There are: {', '.join(AXES)}."
        )
    known = frame.assign(**{against: attributes[against].reindex(frame.loss_network).to_numpy()})
    parts = [_front(group, against) for _, group in known.groupby(SCORE, sort=False)]
    columns = [*SCORE, "loss_network", "value", against, "front", "caveat"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else known.assign(front=False)[columns]


def _front(group: pd.DataFrame, against: str) -> pd.DataFrame:
    marks = pareto_front(group, against, "value", against in WANTED, bool(group.higher_is_better.iloc[0]))
    return group.assign(front=marks).sort_values(["front", against], ascending=[False, True], kind="stable")


def accuracy_front() -> pd.DataFrame:
    """Find the front of ImageNet accuracy and perceptual score among published networks, as Kumar2022 plots them.

    The networks of Kumar2022 were trained at 64 x 64 pixels. The 14 backbones of Pihlgren2023 are added by their best
    points, with 100 times the 2AFC score of Table V and torchvision's accuracy. Accuracies at 64 and at 224 pixels are
    not comparable, nor are the distances; ``setting`` says which row is which.

    Returns:
        network, setting, imagenet_top1 and perceptual_score (percent), front, source. Rows without a published
        accuracy are never on the front.
    """
    small = early_stopping_scores()
    setting = small.setting.str.cat(small.distance.replace("", pd.NA), sep=", ", na_rep="").str.removesuffix(", ")
    theirs = small.assign(setting=setting)[["network", "setting", "imagenet_top1", "perceptual_score", "source"]]
    both = pd.concat([theirs, _study_networks()], ignore_index=True)
    return both.assign(front=pareto_front(both, "imagenet_top1", "perceptual_score", x_higher_is_better=True))


def _study_networks() -> pd.DataFrame:
    scores = performance_scores()
    scores = scores[scores.score == "2afc"].assign(setting="published", higher_is_better=True)
    best = best_points(scores).merge(
        published_table("computed_attributes")[["backbone", "imagenet_top1"]], on="backbone"
    )
    return pd.DataFrame(
        {
            "network": best.backbone + ":" + best.point,
            "setting": "224 pixels, best point, spatial",
            "imagenet_top1": best.imagenet_top1,
            "perceptual_score": 100 * best.value,
            "source": scores.source.iloc[0] + "; accuracy as torchvision states it",
        }
    )
