"""The trained network that comes with lnkit-earlystop: whole, small, and as good as its record says."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from realdata import RealData
from safetensors.torch import load_file

import lnkit
from lnkit.plugins.load import load_registry
from lnkit_earlystop.backbones import SHIPPED, shipped_backbones
from lnkit_earlystop.checkpoints import read_header

NAME = "resnet6_w0.5_64@tiny60"
MOST_BYTES = 4 * 10**6  # of weights that a wheel carries
WEIGHTS = SHIPPED / "tiny60.safetensors"


def test_it_is_a_backbone_with_pretrained_weights() -> None:
    assert [spec.name for spec in shipped_backbones()] == [NAME]
    registry = load_registry()
    assert registry.backbone(NAME).weights == "step 2,256, top-1 28.6 % of 60 classes"
    assert {"stage1", "stages"} <= registry.points_at(NAME).keys()
    assert WEIGHTS.stat().st_size < MOST_BYTES
    module = lnkit.load_backbone(NAME)
    state, kept = module.state_dict(), load_file(WEIGHTS)
    assert all(torch.equal(state[name], kept[name]) for name in kept)


def test_its_record_is_that_of_the_best_checkpoint() -> None:
    record, header = json.loads((SHIPPED / "tiny60.json").read_text()), read_header(WEIGHTS)
    rows = list(csv.DictReader((SHIPPED / "tiny60.csv").read_text().splitlines()))
    best = max(rows, key=lambda row: float(row["ps_spatial"]))
    assert int(best["step"]) == record["best"]["step"] == header.step
    assert float(best["ps_spatial"]) == record["best"]["ps_spatial"]
    assert (record["architecture"], record["data"], record["seed"]) == (header.architecture, header.data, header.seed)


def test_it_scores_as_recorded(real_data: RealData, tmp_path: Path) -> None:
    record = json.loads((SHIPPED / "tiny60.json").read_text())
    (finished,) = lnkit.evaluate(
        NAME,
        "stages",
        "bapps",
        data=real_data("human_2afc"),
        results=tmp_path,
        device="cpu",
        overrides={"resamples": "0"},
    )
    assert 100 * finished.record.scores["2afc"].value == pytest.approx(record["best"]["ps_spatial"], abs=0.01)
