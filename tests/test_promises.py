"""Networks and distances that depend on chance or on their batch are refused, or the record says so."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model

import lnkit
from lnkit import BackboneSpec, DistanceSpec, ExtractionPoint, LossNetwork, PluginError, RunRequest, UsageError
from lnkit.evaluation import promises
from lnkit.evaluation.promises import check_promises
from lnkit.evaluation.request import resolve
from lnkit.evaluation.runner import run
from lnkit.networks import variation
from lnkit.networks.variation import variations
from lnkit.plugins.isolation import TESTED, Plugin
from lnkit.plugins.load import default_registry
from lnkit.plugins.registry import Registry

SAMPLE: dict[str, Any] = {"sample": True, "engine": "eager", "overrides": {"per_family": "3", "resamples": "0"}}
ROOT = Path(__file__).parents[1]


class Noise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * torch.randn_like(x)


class Counter(nn.Module):
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.calls


class SeededNoise(nn.Module):
    """The same numbers each time, and others for another batch."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand(x.shape, generator=torch.Generator().manual_seed(len(x)))


class BatchAttention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        return ((flat @ flat.T / flat.shape[1]).softmax(1) @ flat).view_as(x)


def network(part: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 5, 2), part, nn.ReLU(), nn.Identity())


def evaluate(network: nn.Module, results: Path, point: str = "2", **options: Any) -> lnkit.FinishedRun:
    (finished,) = lnkit.evaluate(network, point, results=results, **SAMPLE, **options)
    return finished


CHANCE = "gives something else each time for the same images"
BATCH = "gives something else for an image when others are in its batch"


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (Noise(), CHANCE),
        (Counter(), CHANCE),
        (SeededNoise(), BATCH),
        (BatchAttention(), BATCH),
        (nn.BatchNorm2d(16, track_running_stats=False), BATCH),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_network_that_varies_is_refused(part: nn.Module, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"Sequential, at the point '2', {reason}.*allow_varying=True"):
        evaluate(network(part), tmp_path)
    assert not list(tmp_path.glob("bapps*"))


@pytest.mark.parametrize("part", [nn.BatchNorm2d(16), nn.InstanceNorm2d(16), nn.GroupNorm(4, 16), nn.Dropout()])
def test_others_are_not(part: nn.Module, tmp_path: Path) -> None:
    strict, lenient = (evaluate(network(part), tmp_path, allow_varying=allow) for allow in (False, True))
    assert strict.record.key.extra == {}
    assert lenient.reused
    assert not any(note.startswith("varies") for note in strict.record.notes)


def test_a_point_before_the_noise_is_not_refused(tmp_path: Path) -> None:
    evaluate(network(Noise()), tmp_path, point="0")


def test_what_is_allowed_is_recorded_and_never_mixed_up(tmp_path: Path) -> None:
    varying = nn.BatchNorm2d(16, track_running_stats=False)
    runs = [evaluate(network(varying), tmp_path, batch_size=size, allow_varying=True) for size in (None, 1, 7)]
    said = ["batch", "batch of 1", "batch of 7"]
    assert [finished.record.key.extra["varies"] for finished in runs] == said
    assert len({finished.record.id for finished in runs}) == 3
    for finished, words in zip(runs, said, strict=True):
        assert all(f"|varies:{words}|" in score.signature for score in finished.record.scores.values())
        assert "varies: the features or distances of an image depend on the batch size" in finished.record.notes
    assert evaluate(network(varying), tmp_path, batch_size=7, allow_varying=True).reused
    with pytest.raises(UsageError, match=BATCH):
        evaluate(network(varying), tmp_path)


def test_chance_is_recorded_too(tmp_path: Path) -> None:
    record = evaluate(network(Noise()), tmp_path, allow_varying=True).record
    assert record.key.extra["varies"] == "chance"
    assert any("depend on chance" in note for note in record.notes)


# what plugins supply

OTHERS = Plugin("others", "others", "lnkit-others", "1.5")


def others_registry(part: nn.Module, distance: Callable[[Tensor, Tensor], Tensor] | None = None) -> Registry:
    """Return lnkit's registry with a backbone and a distance of another distribution."""
    spec = BackboneSpec("others", "Others", lambda _pretrained: network(part))
    registry = default_registry().with_backbone(spec, {"end": ExtractionPoint("end", "2")})
    distances = dict(registry.distances)
    providers = {**registry.providers, ("backbone", "others"): OTHERS}
    if distance:
        distances["other"] = DistanceSpec("other", lambda **_options: distance)
        providers["distance", "other"] = OTHERS
    return dataclasses.replace(registry, providers=providers, distances=distances)


def request(results: Path, backbone: str = "others", point: str = "end", **changes: Any) -> RunRequest:
    options = {**SAMPLE, "overrides": {**SAMPLE["overrides"], **changes.pop("overrides", {})}}
    return RunRequest(backbone, point, weights="random", results=results, **options, **changes)


def test_a_plugins_network_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=f"others, at the point 'end', {CHANCE}.*lnkit-others 1.5 supplies it"):
        run(request(tmp_path), others_registry(Noise()))


def squares(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().mean((1, 2, 3))


DISTANCES: Mapping[str, tuple[Callable[[Tensor, Tensor], Tensor], str]] = {
    "chance": (lambda a, b: squares(a, b) * (1 + torch.rand(1)), CHANCE),
    "batch": (lambda a, b: squares(a, b) / squares(a, b).sum(), BATCH),
}


@pytest.mark.parametrize("kind", DISTANCES)
@pytest.mark.parametrize("backbone", ["others", "squeezenet1_1"])
def test_a_plugins_distance_is_refused_with_its_name(kind: str, backbone: str, tmp_path: Path) -> None:
    distance, reason = DISTANCES[kind]
    point = "end" if backbone == "others" else "early"
    wanted = request(tmp_path, backbone, point, overrides={"distance": "other"})
    with pytest.raises(PluginError, match=f"The distance 'other' {reason}"):
        run(wanted, others_registry(nn.Identity(), distance))
    allowed = dataclasses.replace(wanted, allow_varying=True)
    (finished,) = run(allowed, others_registry(nn.Identity(), distance))
    assert finished.record.key.extra["varies"] == kind


def test_the_version_of_a_distance_is_in_the_key(tmp_path: Path) -> None:
    wanted = request(tmp_path, overrides={"distance": "other"})
    (finished,) = run(wanted, others_registry(nn.Identity(), squares))
    assert finished.record.key.plugins["distance other"] == "lnkit-others 1.5"
    assert finished.record.key.extra == {}
    (other,) = run(request(tmp_path), others_registry(nn.Identity(), squares))
    assert set(other.record.key.plugins) == {"backbone", "benchmark"}


def test_networks_of_the_repository_are_not_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("checked")

    monkeypatch.setattr(promises, "cut_network", refuse)
    run(request(tmp_path, "pixel", "image"))
    with pytest.raises(AssertionError, match="checked"):
        run(request(tmp_path), others_registry(nn.Identity()))


def test_the_repository_supplies_the_distributions_that_are_not_checked() -> None:
    projects = [ROOT / "pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    assert {tomllib.loads(path.read_text())["project"]["name"] for path in projects} == {"lnkit", *TESTED}


def test_training_mode_may_vary(tmp_path: Path) -> None:
    registry = others_registry(Noise())
    trained = RunRequest("others", "end", bench="superres", weights="random", overrides={"loss_mode": "train"})
    assert check_promises({}, resolve(trained, registry), None, 64) == ({}, None)  # type: ignore[arg-type]


# what counts as the same


def varying_layers(name: str, size: int) -> dict[str, str]:
    torch.manual_seed(0)
    backbone = get_model(name, weights=None).eval()
    parts = backbone.named_modules()
    nodes = [path for path, part in parts if isinstance(part, nn.Conv2d) and "AuxLogits" not in path]  # of training
    points = [ExtractionPoint(node.replace(".", "_"), node) for node in nodes]
    cut = LossNetwork(backbone, points, check=False)
    images = torch.rand(variation.IMAGES, 3, size, size)
    with torch.no_grad():
        return variations(lambda rows: cut.features(images[rows]), cut.features(images))


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18"])
def test_rounding_is_no_variation(name: str) -> None:
    assert varying_layers(name, 64) == {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["densenet121", "mobilenet_v3_small", "inception_v3", "resnet152"])
@pytest.mark.filterwarnings("ignore:The default weight initialization")
def test_rounding_of_deep_networks_is_no_variation(name: str) -> None:
    assert varying_layers(name, 96) == {}


def test_the_smallest_variation_that_counts() -> None:
    values = torch.rand(variation.IMAGES, 4) + 1

    def shifted(by: float) -> dict[str, str]:
        largest = float(values.max())
        return variations(lambda rows: {"x": values[rows] + by * largest * (rows.stop == 1)}, {"x": values})

    assert shifted(variation.TOLERANCE / 2) == {}
    assert shifted(variation.TOLERANCE * 2) == {"x": "batch"}


def test_values_that_are_not_numbers_are_the_same() -> None:
    values = torch.full((variation.IMAGES, 4), float("nan"))
    assert variations(lambda rows: {"x": values[rows]}, {"x": values}) == {}


def test_a_network_that_needs_a_batch_depends_on_it() -> None:
    def compute(rows: slice) -> dict[str, Tensor]:
        if rows.stop == 1:
            raise ValueError("Expected more than 1 value per channel")
        return {"x": torch.ones(variation.IMAGES, 2)}

    assert variations(compute, compute(slice(variation.IMAGES))) == {"x": "batch"}
