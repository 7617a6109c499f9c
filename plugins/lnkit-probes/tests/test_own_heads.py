"""Accuracy by the backbone's own head: where it was trained on exactly the classes of the images, and nowhere else."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from realdata import RealData
from torch import nn

import lnkit
from lnkit import ExtractionPoint
from lnkit.plugins.load import default_registry
from lnkit.specs import IMAGENET_CLASSES, class_digest
from lnkit_probes import sample

BENCH = "perceptual_probes"
HOW: Mapping[str, Any] = {"device": "cpu", "engine": "eager"}
FIRST = {"first": ExtractionPoint("first", "1")}


@pytest.fixture(scope="module")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("probes")
    sample.write_sample(root)
    return root


def head_network(_pretrained: bool = True) -> nn.Module:
    torch.manual_seed(3)
    layers = [nn.Conv2d(3, 8, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)]
    return nn.Sequential(*layers).eval()


def backbone_with_head(classes: str) -> lnkit.BackboneSpec:
    return lnkit.BackboneSpec("own", "own", head_network, "mine", std=(0.1, 0.2, 0.3), classes=classes)


CLASSIFY: Mapping[str, Any] = {"lowpass_sides": "9", "probes": "lowpass"}


def test_the_own_head_classifies_the_classes_it_was_trained_on(sample_data: Path) -> None:
    """As plain torch does with files read by Pillow, all of them or with an odd square of the shifted spectrum."""
    files = sorted((sample_data / "labelled/val").glob("*/*.png"))
    names = sorted({file.parent.name for file in files})
    pixels = np.stack([np.asarray(Image.open(file), np.float64) / 255 for file in files])
    spectrum = np.fft.fftshift(np.fft.fft2(pixels, axes=(1, 2)), axes=(1, 2))
    square = np.zeros_like(spectrum)
    square[:, 28:37, 28:37] = spectrum[:, 28:37, 28:37]
    low = np.fft.ifft2(np.fft.ifftshift(square, axes=(1, 2)), axes=(1, 2)).real.clip(0, 1)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.1, 0.2, 0.3])

    def accuracy(images: Any) -> float:
        logits = head_network()(torch.from_numpy(((images - mean) / std).transpose(0, 3, 1, 2)).float())
        return float(np.mean([names[k] == file.parent.name for k, file in zip(logits.argmax(1), files, strict=True)]))

    own = backbone_with_head(class_digest(names))
    (finished,) = lnkit.evaluate(own, FIRST, BENCH, data=sample_data, overrides=CLASSIFY, **HOW)
    scores = finished.record.scores
    assert scores["accuracy"].value == accuracy(pixels)
    assert scores["lowpass/9"].value == pytest.approx(accuracy(low) / accuracy(pixels))
    assert scores["accuracy"].aggregation == "mean of images, own head"


@pytest.mark.parametrize("case", ["other classes", "other order", "random weights", "as the user wants"])
def test_class_means_classify_where_no_head_fits(case: str, sample_data: Path) -> None:
    names = sorted(path.name for path in (sample_data / "labelled/val").iterdir())
    classes = {"other classes": [*names, "one more"], "other order": names[::-1]}.get(case, names)
    overrides = CLASSIFY | ({"classifier": "class_means"} if case == "as the user wants" else {})
    weights = "random" if case == "random weights" else "pretrained"
    own = backbone_with_head(class_digest(classes))
    (finished,) = lnkit.evaluate(own, FIRST, BENCH, data=sample_data, overrides=overrides, weights=weights, **HOW)
    assert finished.record.scores["accuracy"].aggregation == "mean of images, nearest class mean"


def test_a_checkpoint_knows_its_classes_from_the_description_of_its_run(real_data: RealData, tmp_path: Path) -> None:
    checkpoints = pytest.importorskip("lnkit_earlystop.checkpoints")
    head_classes, file = checkpoints.head_classes, Path(checkpoints.__file__).parent / "shipped" / "tiny60.safetensors"
    names = zipfile.ZipFile(real_data("tiny_imagenet_60.zip")).namelist()
    trained_on = sorted({name.partition("train/")[2].partition("/")[0] for name in names if "train/n" in name})
    assert len(trained_on) == 60
    header = checkpoints.read_header(file)
    assert head_classes(file, header) == class_digest(trained_on)
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    moved = shutil.copy(file, run / "checkpoints" / "step-1.safetensors")
    assert head_classes(moved, header) == "", "no description"
    description = json.loads(file.with_suffix(".json").read_text())
    (run / "training.json").write_text(json.dumps(description))
    assert head_classes(moved, header) == class_digest(trained_on)
    assert head_classes(moved, replace(header, data="of another training")) == ""
    (run / "training.json").write_text("{")
    assert head_classes(moved, header) == "", "damaged"


def test_torchvisions_heads_are_in_the_order_of_imagenets_ids() -> None:
    """By timm's list of the ids with their names: torchvision publishes the names of its outputs only."""
    info = pytest.importorskip("timm.data").ImageNetInfo()
    weights = pytest.importorskip("torchvision.models").get_model_weights("squeezenet1_1").IMAGENET1K_V1
    ids = info.label_names()
    assert ids == sorted(ids)
    assert class_digest(ids) == IMAGENET_CLASSES == default_registry().backbone("squeezenet1_1").classes
    pairs = zip(weights.meta["categories"], map(info.label_name_to_description, ids), strict=True)
    same = sum(name.lower() in description.lower() for name, description in pairs)
    assert same > 950, "of 1,000: a few are spelled differently"
