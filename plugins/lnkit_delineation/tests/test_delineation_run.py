"""The benchmark whole, on its sample: scores, pictures, and what is kept on request."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lnkit import BenchmarkData, DeepPerceptualLoss, ExtractionPoint, LossNetwork, LossNetworkId, Outcome
from lnkit.cli import run
from lnkit.progress import SilentProgress
from lnkit.results.images import GAP, LINE
from lnkit.training_task import TrainingResult
from lnkit_delineation.data import DelineationData, Tiles
from lnkit_delineation.metrics import buffered, pixelwise
from lnkit_delineation.network import UNet, build_baseline
from lnkit_delineation.overlay import COLUMNS, FALSE, FOUND, HEIGHT, MISSED, draw_overlay, sheet_row
from lnkit_delineation.protocol import VARIANTS, DelineationProtocol
from lnkit_delineation.run import run as run_benchmark

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
    with Image.open(folder / "overlay.png") as sheet:
        assert sheet.height > LINE + GAP + 6 * (HEIGHT + GAP), "the word SAMPLE is below the rows"
    with Image.open(folder / "images" / "001.png") as prediction:
        assert prediction.size == (96, 96)
        assert prediction.mode == "L"
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
    shown = draw_overlay(image, marks, truth)
    assert [tuple(pixel) for pixel in shown[0].tolist()] == [FOUND, FALSE, MISSED, (65, 65, 65)]


def test_nothing_of_an_overlay_is_hidden() -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    truth, marks = np.zeros((2, 96, 96), bool)
    truth[-3:] = True  # a road along the lower edge
    overlaid = draw_overlay(image, marks, truth)
    _, shown = sheet_row("one", image, truth * np.uint8(255), marks * np.uint8(255), overlaid)
    picture, legend = shown[COLUMNS.index("overlay")], shown[COLUMNS.index("colors")]
    assert (picture[-3:] == MISSED).all()
    assert {FOUND, FALSE, MISSED} <= {tuple(pixel) for pixel in legend.reshape(-1, 3).tolist()}


def standing_in(folder: Path, protocol: DelineationProtocol, trained: TrainingResult) -> Any:
    """A context in which the training is done already."""
    loss = DeepPerceptualLoss(LossNetwork(build_baseline(), [ExtractionPoint("alone", "alone")]))
    return SimpleNamespace(
        networks=(LossNetworkId("bce", ("alone",)),),
        protocol=protocol,
        services=SimpleNamespace(feature_loss=lambda _config: loss, train=lambda _task, _settings: trained),
        folder=folder,
        sample=False,
        seed=0,
        progress=SilentProgress(),
        keep_images=False,
    )


def outcome_of(context: Any, tiles: Tiles) -> Outcome:
    return run_benchmark(context, BenchmarkData(DelineationData(tiles, tiles, tiles), {}))[context.networks[0]]


@pytest.mark.parametrize("best_is_left", [True, False])
def test_a_collapsed_training_is_recorded_and_its_best_network_tested(tmp_path: Path, best_is_left: bool) -> None:
    network = UNet().eval() if best_is_left else None
    trained = TrainingResult(network, 2, 0.5, 3, "the loss was nan at iteration 3", {}, ("went on with another torch",))
    tiles = Tiles(("a", "b"), np.zeros((2, 96, 96, 3), np.uint8), np.zeros((2, 96, 96), np.uint8), "ab")
    outcome = outcome_of(standing_in(tmp_path, VARIANTS["sample"], trained), tiles)
    assert outcome.collapsed == "the loss was nan at iteration 3"
    assert "went on with another torch" in outcome.notes
    assert bool(outcome.scores) == best_is_left
    assert ("overlay.png" in outcome.files) == best_is_left


CHANGES = (
    {},
    {"k_test": 1},
    {"threshold": 0.55},
    {"truth_threshold": 0.1},
    {"buffer": 0.0},
    {"test_mode": "train"},
)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_scores_are_what_the_protocol_says(tmp_path: Path, change: dict[str, Any]) -> None:
    """Each field that decides on marks, roads and nearness, against the measures of marks made here."""
    torch.manual_seed(2)
    network = UNet().eval()
    with torch.no_grad():
        network.up[-1][2].weight.fill_(40)  # so that marks differ from pixel to pixel, and from one application to two
    draw = np.random.default_rng(3)
    images = draw.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    maps = draw.integers(0, 256, (2, 32, 32), dtype=np.uint8) // (1 + draw.integers(0, 9, (2, 32, 32), dtype=np.uint8))
    usual = replace(VARIANTS["paper"], k_test=2, threshold=0.5, truth_threshold=0.7, buffer=2.0)
    protocol = replace(usual, **change)
    tiles = Tiles(("a", "b"), images, maps, "ab")
    trained = TrainingResult(network, 1, 0.5, 1, "", {})
    arrays = outcome_of(standing_in(tmp_path, protocol, trained), tiles).arrays
    expected, by_hand = [], copy.deepcopy(network).train(protocol.test_mode == "train")
    for image, truth in zip(images, maps, strict=True):
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
        marks = torch.zeros(1, 1, 32, 32)
        with torch.no_grad():
            for _ in range(protocol.k_test):
                marks = by_hand(pixels, marks)
        masks = marks[0, 0].numpy() >= protocol.threshold, truth / 255 >= protocol.truth_threshold
        expected.append((pixelwise(*masks)["quality"], buffered(*masks, protocol.buffer)["quality"]))
    found = np.stack([arrays["quality"], arrays["buffered_quality"]], axis=1)
    np.testing.assert_allclose(found, expected)
    if change:
        other = outcome_of(standing_in(tmp_path, usual, trained), tiles).arrays
        assert any((arrays[name] != other[name]).any() for name in arrays), "the field matters to these tiles"
