"""The benchmark whole, on its sample: scores, pictures, and what is kept on request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lnkit.cli import run
from lnkit_delineation.overview import FALSE, FOUND, MISSED, overlay

Capture = pytest.CaptureFixture[str]
EVAL = ["eval", "--bench", "delineation", "--sample", "--set", "epochs=4", "--device", "cpu"]


def evaluated(capsys: Capture, *arguments: str) -> dict[str, Any]:
    assert run([*EVAL, *arguments, "--json"]) == 0, capsys.readouterr().err
    (record,) = json.loads(capsys.readouterr().out)
    return dict(record)


@pytest.mark.slow
def test_a_run_has_scores_pictures_and_its_network(capsys: Capture) -> None:
    record = evaluated(capsys, "--backbone", "bce", "--images")
    assert set(record["scores"]) == {
        f"{prefix}{name}" for prefix in ("", "buffered_") for name in ("completeness", "correctness", "quality")
    }
    folder = Path(record["folder"])
    for name in record["files"]:
        assert (folder / name).is_file(), name
    assert {"overlay.png", "unet/network.safetensors", "unet/log.csv", "unet/curves.png"} <= set(record["files"])
    assert len([name for name in record["files"] if name.startswith("images/")]) == 2 * 6
    with Image.open(folder / "images" / "001.png") as prediction:
        assert prediction.size == (96, 96)
        marks = np.asarray(prediction)
    with np.load(folder / "values.npz") as values:
        quality = values["quality"]
    assert record["scores"]["quality"]["value"] == pytest.approx(quality.mean())
    with Image.open(folder / "images" / "001_overlay.png") as picture:
        colors = np.asarray(picture)
    found, false, missed = ((colors == color).all(-1).sum() for color in (FOUND, FALSE, MISSED))
    assert 100 * found / (found + false + missed) == pytest.approx(quality[0]), "the picture shows what was counted"
    assert found + false == pytest.approx((marks / 255 >= 0.3).sum(), abs=3), "8 bits round at the threshold"
    assert run(["results", "rescore", "bce:alone"]) == 0


@pytest.mark.slow
def test_a_feature_loss_of_several_points(capsys: Capture) -> None:
    arguments = ["--backbone", "squeezenet1_1", "--weights", "random", "--point", "early+mid", "--set", "epochs=1"]
    record = evaluated(capsys, *arguments)
    log = (Path(record["folder"]) / "unet" / "log.csv").read_text()
    assert "feature loss" in log
    assert "validation bce" in log


@pytest.mark.slow
def test_whole_tiles_in_windows(capsys: Capture) -> None:
    record = evaluated(capsys, "--backbone", "bce", "--set", "tiles=full", "--set", "test_tiles=2", "--images")
    with Image.open(Path(record["folder"]) / "images" / "001.png") as prediction:
        assert prediction.size == (160, 160)
    assert record["scores"]["quality"]["n"] == 2


def test_the_overlay_shows_what_was_found_false_and_missed() -> None:
    image = np.full((1, 4, 3), (200, 100, 0), np.uint8)
    marks, truth = np.array([[1, 1, 0, 0]], bool), np.array([[1, 0, 1, 0]], bool)
    shown = overlay(image, marks, truth)
    assert [tuple(pixel) for pixel in shown[0].tolist()] == [FOUND, FALSE, MISSED, (65, 65, 65)]
