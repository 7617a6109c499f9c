"""`perceptual_probes` as it runs: against the benchmarks that measure the same, for every kind of backbone."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from earlystopdata import make_folders, make_judgments
from PIL import Image
from realdata import RealData
from safetensors.torch import load_file
from scipy import stats
from torch import nn
from torchvision import models
from torchvision.transforms import functional

import lnkit
from lnkit import DataError, ExtractionPoint
from lnkit.cli import run
from lnkit.distances.comparer import ImageComparer
from lnkit.plugins.load import default_registry
from lnkit.results.rescore import rescore
from lnkit_probes import PROBES, sample

Capture = pytest.CaptureFixture[str]

BENCH = "perceptual_probes"
HOW: Mapping[str, Any] = {"device": "cpu", "engine": "eager"}
NATIVE = 12  # pixels
JOINED = {"both": ExtractionPoint("both", "1+3")}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin's own sample, as a user's folder."""
    root = tmp_path_factory.mktemp("probes")
    sample.write_sample(root)
    return root


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 12, 3, 2), nn.ReLU()]
    return nn.Sequential(*layers).eval()


def scores_of(*args: Any, **options: Any) -> dict[str, float]:
    (finished,) = lnkit.evaluate(*args, **{**HOW, **options})
    return {name: score.value for name, score in finished.record.scores.items()}


@pytest.fixture(scope="module")
def probed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    results = tmp_path_factory.mktemp("results")
    return scores_of(network(), JOINED, BENCH, data=data, results=results, eval_size=NATIVE)


@pytest.mark.parametrize("distance", ["spatial", "mean_pool", "style"])
def test_perceptual_scores_are_those_of_bapps(data: Path, probed: Mapping[str, float], distance: str) -> None:
    overrides = {"distance": distance, "parts": "2afc"}
    found = scores_of(network(), JOINED, "bapps", data=data, overrides=overrides)
    assert probed[f"ps_{distance}"] == pytest.approx(100 * found["2afc"], abs=1e-9)


def test_families_layers_and_the_own_size_are_those_of_bapps(data: Path, probed: Mapping[str, float]) -> None:
    points = {f"layer{node}": node for node in ("1", "3")}
    whole = scores_of(network(), JOINED, "bapps", data=data, overrides={"parts": "2afc"})
    for family in ("sample_noise", "sample_blur"):
        assert probed[f"ps/{family}"] == pytest.approx(100 * whole[f"2afc/{family}"], abs=1e-9)
    for node, finished in zip(("1", "3"), lnkit.evaluate(network(), points, "bapps", data=data, **HOW), strict=True):
        assert probed[f"ps_layer/{node}"] == pytest.approx(100 * finished.record.scores["2afc"].value, abs=1e-9)
    larger = scores_of(network(), JOINED, "bapps", data=data, overrides={"parts": "2afc", "resolution": str(NATIVE)})
    assert probed["ps_native"] == pytest.approx(100 * larger["2afc"], abs=1e-9)
    assert probed["ps_native"] != probed["ps"], "the sizes make a difference here"


def test_tid2013_is_that_of_the_benchmark_for_it(data: Path, probed: Mapping[str, float]) -> None:
    pytest.importorskip("lnkit_judgments")
    found = scores_of(network(), JOINED, "tid2013", data=data / "tid2013")
    assert probed["tid2013_spearman"] == pytest.approx(found["srcc"], abs=1e-6)
    assert probed["tid2013_kendall"] == pytest.approx(found["krcc"], abs=1e-6)


def test_a_score_is_the_same_whatever_runs_along(data: Path, probed: Mapping[str, float], tmp_path: Path) -> None:
    points = {"first": ExtractionPoint("first", "0"), **JOINED, "last": ExtractionPoint("last", "3")}
    _, both, _ = lnkit.evaluate(
        network(), points, BENCH, data=data, results=tmp_path, eval_size=NATIVE, batch_size=5, **HOW
    )
    found = {name: score.value for name, score in both.record.scores.items()}
    assert found == pytest.approx(dict(probed), rel=1e-5)


def test_a_killed_run_goes_on_where_it_stopped(
    data: Path, probed: Mapping[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, compared = ImageComparer.compare, []

    def counted(self: ImageComparer, *images: Any, advance: Callable[[int], None] | None = None) -> Any:
        compared.append(len(images))
        if len(compared) == 4:
            signal.raise_signal(signal.SIGINT)  # as a person's Ctrl-C does
        return compare(self, *images, advance=advance)

    monkeypatch.setattr(ImageComparer, "compare", counted)
    spec = lnkit.BackboneSpec("own", "own", lambda _pretrained: network(), "as built", eval_size=NATIVE)
    with pytest.raises(KeyboardInterrupt):
        lnkit.evaluate(spec, JOINED, BENCH, data=data, results=tmp_path, **HOW)
    assert len(compared) == 4
    found = scores_of(spec, JOINED, BENCH, data=data, results=tmp_path)
    assert len(compared) == 4 + 2, "one family at its own size, and TID2013"
    assert found == dict(probed)


def test_kept_arrays_give_the_scores_again(data: Path, tmp_path: Path) -> None:
    (finished,) = lnkit.evaluate("pixel", "image", BENCH, data=data, results=tmp_path, **HOW)
    again = rescore(finished.record, np.load(finished.folder / "distances.npz"), default_registry())
    assert again == {name: score.value for name, score in finished.record.scores.items()}
    assert "ps_native" not in finished.record.scores
    assert any("eval_size" in note for note in finished.record.notes)


def test_tokens_and_class_tokens_are_probed(data: Path) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 6, 16, 16)
            self.block = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            rows = self.patches(images).flatten(2).transpose(1, 2)
            out: torch.Tensor = self.block(torch.cat([rows.mean(1, keepdim=True), rows], dim=1))
            return out

    torch.manual_seed(0)
    points = {
        "tokens": ExtractionPoint("tokens", "block", layout="NLC", prefix_tokens=1),
        "class": ExtractionPoint("class", "block", layout="CLS"),
    }
    for finished in lnkit.evaluate(Tokens(), points, BENCH, data=data, **HOW):
        assert {"ps", "entropy", "accuracy", "tid2013_spearman"} <= finished.record.scores.keys()


def test_parts_that_are_not_there_are_named(tmp_path: Path) -> None:
    make_judgments(tmp_path / "data")
    (finished,) = lnkit.evaluate("pixel", "image", BENCH, data=tmp_path / "data", results=tmp_path, **HOW)
    notes = " ".join(finished.record.notes)
    for words in ("partial: missing of the official 2AFC families", "absent: low-pass accuracy", "absent: TID2013"):
        assert words in notes
    assert not {"accuracy", "tid2013_spearman"} & finished.record.scores.keys()


def test_groups_of_families_need_all_of_theirs(tmp_path: Path) -> None:
    root = make_judgments(tmp_path / "data", rows=4)
    val = root / "2afc" / "val"
    for family in ("traditional", "cnn", "superres"):
        shutil.copytree(val / "noise", val / family)
    shutil.rmtree(val / "noise")
    found = scores_of("pixel", "image", BENCH, data=root, results=tmp_path)
    assert found["ps_distortion"] == pytest.approx((found["ps/traditional"] + found["ps/cnn"]) / 2)
    assert "ps_real" not in found


def test_labelled_images_are_told_apart_where_they_can_be(tmp_path: Path) -> None:
    root = make_judgments(tmp_path / "data", rows=4)
    make_folders(root / "labelled", side=64)
    found = scores_of("pixel", "image", BENCH, data=root, results=tmp_path)
    assert found["accuracy"] == 1, "each class has a color of its own"
    assert found["lowpass/8"] == 1, "which a low pass leaves"


def test_damaged_parts_are_named(tmp_path: Path) -> None:
    root = make_judgments(tmp_path / "data", rows=2)
    (root / "tid2013").mkdir()
    with pytest.raises(DataError, match=r"has none of mos_with_names\.txt"):
        lnkit.evaluate("pixel", "image", BENCH, data=root, results=tmp_path, **HOW)
    shutil.rmtree(root / "tid2013")
    (root / "labelled").mkdir()
    with pytest.raises(DataError, match="train"):
        lnkit.evaluate("pixel", "image", BENCH, data=root, results=tmp_path, **HOW)


def test_wrong_usage_is_said(tmp_path: Path, capsys: Capture) -> None:
    words = ["eval", "--backbone", "pixel", "--bench", BENCH]
    assert run([*words, "--data", str(tmp_path)]) == 1
    assert "has no 2afc data of the split 'val'" in capsys.readouterr().err
    assert run([*words, "--sample", "--set", "lowpass_sides=8,16"]) == 2
    assert "whole numbers joined with +" in capsys.readouterr().err


def test_the_sample_is_the_same_bytes_again(data: Path, tmp_path: Path) -> None:
    sample.write_sample(tmp_path)
    files = sorted(path.relative_to(data) for path in data.rglob("*") if path.is_file())
    assert len(files) > 250
    for file in files:
        assert (tmp_path / file).read_bytes() == (data / file).read_bytes(), file
    judge = np.load(data / "2afc" / "val" / "sample_blur" / "judge" / "000000.npy")
    assert 0 <= judge.item() <= 1


def test_the_closer_patch_of_the_sample_is_closer(data: Path) -> None:
    folder = data / "2afc" / "val" / "sample_noise"
    for row in range(sample.ROWS):
        ref, p0, p1 = (
            np.asarray(Image.open(folder / column / f"{row:06d}.png"), np.float64) for column in ("ref", "p0", "p1")
        )
        nearer = np.square(p1 - ref).sum() < np.square(p0 - ref).sum()
        assert (np.load(folder / "judge" / f"{row:06d}.npy").item() > 0.5) == nearer


def test_every_score_that_is_declared_was_seen(probed: Mapping[str, float]) -> None:
    plain = {score.name for score in PROBES.scores if "<" not in score.name}
    assert {"lowpass/8", "lowpass_slope/8", "entropy/1", "ps_layer/3"} <= probed.keys()
    assert plain - probed.keys() == {"ps_distortion", "ps_real"}, "which need BAPPS"


def test_the_official_folder_is_that_of_bapps() -> None:
    """Both benchmarks fetch one dataset; bapps knows a second source of it."""
    assert PROBES.datasets == default_registry().benchmark("bapps").datasets[:1]


def entropy_by_hand(real_data: RealData) -> float:
    """Kumar2022 8.5 by plain torchvision and scipy: one softmax over H x W x C, divided by log(H W C)."""
    plain = models.squeezenet1_1()
    plain.load_state_dict(load_file(real_data("weights/squeezenet1_1.safetensors")))
    files = sorted((real_data("human_2afc") / "2afc/val/materials/ref").glob("*.png"))[:20]
    images = torch.stack([functional.to_tensor(Image.open(file).convert("RGB")) for file in files])
    normalized = functional.normalize(images, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.no_grad():
        features = plain.eval().features[:13](normalized).double().numpy()  # the point late
    return float(np.mean([stats.entropy(np.exp(one).ravel()) / np.log(one.size) for one in features]))


def test_real_judgments(real_data: RealData, tmp_path: Path) -> None:
    """SqueezeNet with ImageNet weights, on what people said about rendered materials."""
    options: dict[str, Any] = {
        "data": real_data("human_2afc"),
        "weights": str(real_data("weights/squeezenet1_1.safetensors")),
        "results": tmp_path,
    }
    limits = {"per_family": "100", "resamples": "0", "entropy_images": "20"}
    (probed,) = lnkit.evaluate("squeezenet1_1", "late", BENCH, overrides=limits, variant="quick", **HOW, **options)
    del limits["entropy_images"]
    (scored,) = lnkit.evaluate("squeezenet1_1", "late", "bapps", overrides=limits, **HOW, **options)
    assert probed.record.scores["ps"].value == pytest.approx(100 * scored.record.scores["2afc"].value)
    assert probed.record.scores["margin_spearman"].value > 0.3
    assert probed.record.scores["entropy"].value == pytest.approx(entropy_by_hand(real_data), rel=1e-4)


def test_only_what_is_asked_for_is_measured(data: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"data": data, "results": tmp_path}
    plain = scores_of("pixel", "image", BENCH, overrides={"probes": "ps"}, **options)
    assert {name.partition("/")[0] for name in plain} == {"ps", "ps_spatial", "ps_mean_pool", "ps_style"}
    found = scores_of("pixel", "image", BENCH, overrides={"probes": "entropy+margins"}, **options)
    added = {name.partition("/")[0] for name in found.keys() - plain.keys()}
    assert added == {"entropy", "margin_spearman", "margin_kendall"}
    (record,) = (
        one.record for one in lnkit.evaluate("pixel", "image", BENCH, overrides={"probes": "ps"}, **options, **HOW)
    )
    assert not any("absent" in note for note in record.notes)
