"""The outcome of a benchmark that trains, collected step by step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

from lnkit import Outcome, Score
from lnkit.training.outcome_builder import OutcomeBuilder
from lnkit.training_task import TrainingResult


def test_trainings_values_and_images_become_one_outcome(tmp_path: Path) -> None:
    builder, network = OutcomeBuilder(tmp_path / "run"), nn.Identity()
    log = tmp_path / "log.csv"
    result = TrainingResult(network, 1200, 0.5, 2000, "", {"x4/log.csv": log}, ("went on with another torch",))
    assert builder.add_training(result, "x4") is network
    for value in (1.0, 2.0):
        builder.add_values("x4/", {"psnr": value})
    pixels = np.zeros((4, 5, 3), np.uint8)
    builder.add_image("images/1.png", pixels)
    builder.add_sheet("sheet.png", ["a"], [("row", [pixels])], height=8)
    scored = Outcome({"psnr": Score(1.5, 2)}, {"x4/psnr": np.array(builder.arrays["x4/psnr"])})
    outcome = builder.build(scored)
    assert (outcome.scores, outcome.collapsed) == (scored.scores, "")
    assert outcome.arrays["x4/psnr"].tolist() == [1.0, 2.0]
    assert outcome.notes == (
        "x4: the network after iteration 1,200 was the best in validation",
        "went on with another torch",
    )
    assert set(outcome.files) == {"x4/log.csv", "images/1.png", "sheet.png"}
    with Image.open(outcome.files["images/1.png"]) as image:
        assert image.size == (5, 4)


def test_collapses_are_joined_and_explained(tmp_path: Path) -> None:
    builder = OutcomeBuilder(tmp_path)
    for name, network in (("x4", None), ("x8", nn.Identity())):
        builder.add_training(TrainingResult(network, 2, 0.5, 3, "the loss was nan at iteration 3", {}), name)
    builder.add_sheet("sheet.png", ["a"], [], height=8)
    outcome = builder.build(Outcome({}))
    assert outcome.collapsed == "x4: the loss was nan at iteration 3; x8: the loss was nan at iteration 3"
    assert outcome.notes == (
        "x4: no scores: the training collapsed before the first validation",
        "x8: the network after iteration 2 was the best in validation",
    )
    assert not outcome.files
