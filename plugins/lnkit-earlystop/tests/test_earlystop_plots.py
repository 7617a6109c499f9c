"""Pictures of runs: what their specifications hold, against the rows they are made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lnkit_earlystop.history import best_row
from lnkit_earlystop.plots import curves, draw_run, scatter
from lnkit_earlystop.sweeps.figure import against_hyperparameter
from lnkit_earlystop.sweeps.summary import mean_checkpoints, optimum, summarize

RNG = np.random.default_rng(0)
ROWS = [
    {"step": i, "epoch": i / 2, "top1": float(top1), "ps_spatial": float(ps), "ps_style": float(ps) - 1}
    for i, (top1, ps) in enumerate(RNG.uniform(0, 100, (40, 2)), start=1)
]


def data(spec: dict[str, Any], mark: str) -> list[list[dict[str, Any]]]:
    """The rows behind every mark of a kind."""
    found = []
    for view in [spec, *spec.get("vconcat", [])]:
        for layer in view.get("layer", []):
            kind = layer["mark"]["type"] if isinstance(layer["mark"], dict) else layer["mark"]
            if kind == mark:
                found.append(spec["datasets"][layer.get("data", view.get("data", spec.get("data")))["name"]])
    return found


def test_the_front_is_what_nothing_beats() -> None:
    expected = {
        row["step"]
        for row in ROWS
        if not any(o["top1"] > row["top1"] and o["ps_spatial"] > row["ps_spatial"] for o in ROWS)
    }
    (front,) = data(scatter({"run": ROWS}, "title").to_dict(), "line")
    assert {row["step"] for row in front} == expected


def test_every_checkpoint_is_drawn() -> None:
    (points,) = data(scatter({"a": ROWS[:20], "b": ROWS[20:]}, "title").to_dict(), "point")
    assert [(row["run"], row["step"]) for row in points] == [("a" if i <= 20 else "b", i) for i in range(1, 41)]


def test_curves_show_what_was_scored() -> None:
    spec = curves(ROWS, "title").to_dict()
    scores, accuracy = data(spec, "line")
    assert {row["distance"] for row in scores} == {"spatial", "style"}
    assert len(accuracy) == 40
    unscored = curves([{"step": 1, "epoch": 1, "top1": 1.0}, {"step": 2, "epoch": 2, "top1": 2.0}], "title").to_dict()
    assert len(data(unscored, "line")) == 1


def test_pictures_are_written(tmp_path: Path) -> None:
    assert draw_run(ROWS[:1], "one", tmp_path) == []
    files = draw_run(ROWS, "<b>many</b>", tmp_path)
    assert [file.name for file in files] == ["curves.png", "accuracy_ps.png"]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


def test_the_earliest_of_equals_is_the_best() -> None:
    rows = [{"step": 1, "ps_spatial": 60.0}, {"step": 2, "ps_spatial": 61.0}, {"step": 3, "ps_spatial": 61.0}]
    assert best_row(rows) == rows[1]
    assert best_row([{"step": 1}]) is None
    assert optimum([{"value": "a", "best_ps": None}, {"value": "b", "best_ps": 3.0}]) == {"value": "b", "best_ps": 3.0}


def made_up_runs(trainings: int) -> dict[str, list[list[dict[str, float]]]]:
    draw = np.random.default_rng(2)
    return {
        value: [
            [
                {"step": step, "epoch": step / 2, "top1": draw.uniform(0, 50), "ps_spatial": draw.uniform(60, 70)}
                for step in (1, 2, 3)
            ]
            for _ in range(trainings)
        ]
        for value in ("0.5", "1")
    }


def test_a_sweep_of_several_seeds_has_means_and_standard_errors() -> None:
    runs = made_up_runs(5)
    for row, trainings in zip(summarize(runs), runs.values(), strict=True):
        best = [max(rows, key=lambda one: one["ps_spatial"]) for rows in trainings]
        for name, values in (
            ("best_ps", [one["ps_spatial"] for one in best]),
            ("its_top1", [one["top1"] for one in best]),
            ("last_ps", [rows[-1]["ps_spatial"] for rows in trainings]),
            ("last_top1", [rows[-1]["top1"] for rows in trainings]),
            ("best_top1", [max(one["top1"] for one in rows) for rows in trainings]),
        ):
            assert row[name] == pytest.approx(np.mean(values))
            assert row[f"{name}_se"] == pytest.approx(stats.sem(values))
        assert row["trainings"] == 5
    for value, rows in mean_checkpoints(runs).items():
        assert [row["step"] for row in rows] == [1, 2, 3]
        for i, row in enumerate(rows):
            values = [training[i]["ps_spatial"] for training in runs[value]]
            assert (row["ps_spatial"], row["ps_spatial_se"]) == pytest.approx((np.mean(values), stats.sem(values)))


def test_a_single_training_has_no_standard_error() -> None:
    runs = made_up_runs(1)
    (row, _) = summarize(runs)
    assert not [name for name in row if name.endswith("_se")]
    assert row["last_ps"] == runs["0.5"][0][-1]["ps_spatial"]
    assert mean_checkpoints(runs)["0.5"] == runs["0.5"][0]


def test_a_training_that_ended_early_counts_where_it_has_checkpoints() -> None:
    runs = made_up_runs(2)
    del runs["0.5"][1][1:]
    rows = mean_checkpoints(runs)["0.5"]
    assert ["ps_spatial_se" in row for row in rows] == [True, False, False]
    assert rows[2]["ps_spatial"] == runs["0.5"][0][2]["ps_spatial"]


def test_the_scatter_of_several_seeds_has_error_bars() -> None:
    means = mean_checkpoints(made_up_runs(5))
    spec = scatter(means, "title").to_dict()
    assert not [layer for layer in spec["layer"] if layer["mark"]["type"] == "rule" and "shape" in layer["encoding"]]
    across, upright = data(spec, "rule")
    for bars, name in ((across, "top1"), (upright, "ps_spatial")):
        assert len(bars) == 6
        for bar in bars:
            assert bar["high"] - bar["low"] == pytest.approx(2 * bar[f"{name}_se"])
            assert bar["high"] + bar["low"] == pytest.approx(2 * bar[name])
    assert data(scatter(mean_checkpoints(made_up_runs(1)), "title").to_dict(), "rule") == []


def test_score_and_accuracy_are_drawn_against_the_hyperparameter() -> None:
    table = summarize(made_up_runs(3))
    spec = against_hyperparameter(table, "width factor", "title").to_dict()
    for marks, names in zip(data(spec, "line"), (("best_ps", "last_ps"), ("its_top1", "last_top1")), strict=True):
        expected = {(row["value"], row[name]) for row in table for name in names}
        assert {(mark["value"], mark["y"]) for mark in marks} == expected
    bars = [bar for panel in data(spec, "rule") for bar in panel]
    errors = [row[f"{name}_se"] for name in ("best_ps", "last_ps", "its_top1", "last_top1") for row in table]
    assert sorted(bar["high"] - bar["low"] for bar in bars) == pytest.approx(sorted(2 * error for error in errors))
    assert "Means of 3 trainings" in str(spec["title"])


def test_without_scores_only_the_accuracy_is_drawn() -> None:
    runs = {"a": [[{"step": 1, "epoch": 1, "top1": 5.0}]], "b": [[{"step": 1, "epoch": 1, "top1": 7.0}]]}
    (marks,) = data(against_hyperparameter(summarize(runs), "skip", "title").to_dict(), "line")
    assert {(mark["value"], mark["y"]) for mark in marks} == {("a", 5.0), ("b", 7.0)}
