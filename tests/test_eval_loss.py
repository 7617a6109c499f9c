"""Losses of several terms in `lnkit eval` and in `lnkit.evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import lnkit
from lnkit.cli import cli
from lnkit.errors import LnkitError, UsageError
from lnkit.losses.expression import parse_loss
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord

MIXED = "squeezenet1_1:early*0.5+mid, spatial + 3*pixel:image, l1 + 0.25*squeezenet1_1:mid, gram"


def evaluate(loss: str, results: Path, **options: object) -> RunRecord:
    (finished,) = lnkit.evaluate(
        parse_loss(loss), bench="bapps", sample=True, results=results, engine="eager", **{"weights": "random"} | options
    )
    return finished.record


def distances(record: RunRecord, results: Path) -> dict[str, np.ndarray]:
    """The distances of the triplets and pairs of a run."""
    arrays = ResultsFolder(results).arrays(record)
    return {name: values for name, values in arrays.items() if name.endswith(("/d", "/d0", "/d1"))}


def command(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["eval", "--sample", "--engine", "eager", *arguments], standalone_mode=False)
    return int(result.exception is not None), f"{result.output}{result.exception or ''}"


def test_a_loss_is_the_weighted_sum_of_its_terms(tmp_path: Path) -> None:
    """Each term alone gives the distances of one loss network, as they were before there were losses."""
    whole = distances(evaluate(MIXED, tmp_path), tmp_path)
    alone = {
        0.5: evaluate("squeezenet1_1:early, spatial", tmp_path),
        1.0: evaluate("squeezenet1_1:mid, spatial", tmp_path),
        3.0: evaluate("pixel:image, l1", tmp_path),
        0.25: evaluate("squeezenet1_1:mid, gram", tmp_path),
    }
    parts = [(weight, distances(record, tmp_path)) for weight, record in alone.items()]
    assert whole
    for name, values in whole.items():
        expected = sum(weight * arrays[name].astype(np.float64) for weight, arrays in parts)
        np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_the_simplest_loss_is_a_loss_network(tmp_path: Path) -> None:
    (network,) = lnkit.evaluate(
        "squeezenet1_1", "early+mid", "bapps", sample=True, results=tmp_path, engine="eager", weights="random"
    )
    (loss,) = lnkit.evaluate(
        parse_loss("squeezenet1_1:early+mid"), sample=True, results=tmp_path, engine="eager", weights="random"
    )
    assert loss.reused
    assert loss.record.id == network.record.id


def test_a_distance_of_its_own_is_no_deviation(tmp_path: Path) -> None:
    own = evaluate("squeezenet1_1:early, l1", tmp_path)
    assert own.loss_network == "squeezenet1_1:early, l1"
    assert not own.deviations
    assert evaluate("squeezenet1_1:early, spatial", tmp_path).loss_network == "squeezenet1_1:early"
    assert own.weights_name == evaluate("2*squeezenet1_1:early, l1 + pixel:image", tmp_path).weights_name


def test_its_text_stands_in_record_and_signature_and_it_is_found_again(tmp_path: Path) -> None:
    record = evaluate(f" {MIXED} ".replace(" + ", "  +"), tmp_path)
    assert record.loss_network == MIXED
    assert record.scores["2afc"].signature.startswith(f"2afc|{MIXED}|random@")
    assert record.key.plugins["backbone squeezenet1_1"].startswith("lnkit ")
    (again,) = lnkit.evaluate(parse_loss(MIXED), sample=True, results=tmp_path, engine="eager", weights="random")
    assert again.reused
    assert not record.deviations


def test_a_term_without_a_distance_has_that_of_the_protocol(tmp_path: Path) -> None:
    record = evaluate("0.5*squeezenet1_1:early", tmp_path, overrides={"distance": "l1", "normalization": "lpips"})
    assert record.loss_network == "0.5*squeezenet1_1:early, l1"
    (network,) = lnkit.evaluate(
        "squeezenet1_1",
        "early",
        sample=True,
        results=tmp_path,
        engine="eager",
        weights="random",
        overrides={"distance": "l1", "normalization": "lpips"},
    )
    halves, wholes = distances(record, tmp_path), distances(network.record, tmp_path)
    for name in wholes:
        np.testing.assert_allclose(halves[name], 0.5 * wholes[name], rtol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7])
def test_scores_do_not_depend_on_the_batch(batch_size: int, tmp_path: Path) -> None:
    first = distances(evaluate(MIXED, tmp_path / "whole"), tmp_path / "whole")
    second = distances(evaluate(MIXED, tmp_path / "split", batch_size=batch_size), tmp_path / "split")
    for name, values in first.items():
        np.testing.assert_allclose(second[name], values, rtol=1e-6)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


def build() -> nn.Module:
    torch.manual_seed(3)
    return Small()


def test_an_own_network_in_a_loss(tmp_path: Path) -> None:
    own = f"{__name__}:build"
    record = evaluate(f"{own}:conv, l1 + 2*pixel:image, l1", tmp_path, weights="pretrained")
    assert record.key.plugins["backbone"].startswith("user code ")
    (again,) = lnkit.evaluate(
        parse_loss(f"{own}:conv, l1 + 2*pixel:image, l1"), sample=True, results=tmp_path, engine="eager"
    )
    assert again.reused


def test_a_file_belongs_to_the_only_backbone_with_weights(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    other = lnkit.load_backbone("squeezenet1_1", weights="random", seed=5)
    save_file(other.state_dict(), tmp_path / "w.safetensors")
    by_file = evaluate(MIXED, tmp_path, weights=str(tmp_path / "w.safetensors"))
    by_name = evaluate(MIXED, tmp_path, weights={"squeezenet1_1": str(tmp_path / "w.safetensors")})
    by_seed = evaluate(MIXED, tmp_path, seed=5)
    assert by_file.key.weights_sha256 == by_name.key.weights_sha256 == by_seed.key.weights_sha256
    assert by_file.weights == "file"
    with pytest.raises(UsageError, match="several backbones: say whose weights these are, as in --weights alexnet="):
        evaluate("2*alexnet:early + vgg16:early", tmp_path, weights="w.safetensors")
    with pytest.raises(UsageError, match="Weights are given for 'vgg16'; the loss has: squeezenet1_1, pixel"):
        evaluate(MIXED, tmp_path, weights={"vgg16": "w.safetensors"})
    with pytest.raises(LnkitError, match="There is no weights file missing"):
        evaluate(MIXED, tmp_path, weights="missing.safetensors")


def test_a_benchmark_that_trains_with_a_loss(tmp_path: Path) -> None:
    reduced = (
        "iterations=2 validate_every=2 train_images=4 valid_images=2 size=80 resize=80 residual_blocks=0 "
        "test_per_set=1 factors=4 batch_size=1 test_images=crop"
    )
    fields = dict(word.split("=") for word in reduced.split())
    (finished,) = lnkit.evaluate(
        parse_loss("pixel:image, l1 + 0.1*squeezenet1_1:early, charbonnier(eps=1e-3)"),
        bench="superres",
        sample=True,
        weights="random",
        overrides=fields,
        results=tmp_path,
    )
    assert finished.record.loss_network == "pixel:image, l1 + 0.1*squeezenet1_1:early, charbonnier(eps=0.001)"
    with pytest.raises(UsageError, match="A loss stays in evaluation mode"):
        lnkit.evaluate(
            parse_loss("2*pixel:image"),
            bench="superres",
            sample=True,
            overrides={"loss_mode": "train"},
            results=tmp_path,
        )


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "loss.toml").write_text(
        '[[term]]\nbackbone = "pixel"\npoints = ["image"]\ndistance = "l1"\nweight = 2\n', encoding="utf-8"
    )
    results = ("--results", str(tmp_path / "results"))
    failed, text = command("--loss", str(tmp_path / "loss.toml"), "--loss", "pixel:image, l1", "--json", *results)
    assert not failed, text
    records = json.loads(text)
    assert [list(record["key"]["points"]) for record in records] == [["loss"], ["loss"]]
    assert records[0]["key"]["backbone"] == "2*pixel:image, l1"
    assert records[0]["scores"]["2afc"]["value"] == records[1]["scores"]["2afc"]["value"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "got neither"),
        (("--loss", "pixel:image", "--backbone", "pixel"), "got both"),
        (("--loss", "2*pixel:image", "--point", "image"), "names its points itself"),
        (("--loss", "pixel"), "as a term of a loss, got 'pixel'"),
        (("--loss", "2*pixel:image, grams"), "No distance is called 'grams'. Did you mean 'gram'"),
        (("--loss", "2*pixle:image"), "No backbone is called 'pixle'. Did you mean 'pixel'"),
        (("--loss", "2*vgg19:conv3_5"), "'vgg19' has no extraction point 'conv3_5'"),
        (("--loss", "none.toml"), "none.toml is missing"),
        (("--loss", "2*pixel:image", "--weights", "a=b", "--weights", "c"), "expected BACKBONE=FILE, got 'c'"),
        (("--backbone", "pixel", "--weights", "pixel=b"), "takes one set of weights"),
    ],
)
def test_wrong_usage_is_a_sentence(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    failed, text = command(*arguments, "--results", str(tmp_path))
    assert failed
    assert sentence in text
