"""Pictures of runs: what their specifications hold, against the rows they are made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lnkit_earlystop.history import best_row
from lnkit_earlystop.plots import curves, draw_run, scatter
from lnkit_earlystop.sweeps.summary import optimum

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
