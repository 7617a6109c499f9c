"""lnkit-stlpips: its networks, features and distances against the authors' own code on the same weights."""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from helpers import write_judged_family
from realdata import RealData
from skimage import data, io
from torch import Tensor, nn

import lnkit
from lnkit.cli import run
from lnkit.distances.comparer import ImageComparer
from lnkit.distances.factory import make_distances
from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry
from lnkit.specs import DistanceConfig

networks = pytest.importorskip("lnkit_stlpips.networks")
pytest.importorskip("stlpips_pytorch")

EACH = pytest.mark.parametrize("network", networks.NETWORKS, ids=lambda network: network.name)
THEIR_NAMES = {"stlpips_alex": "alex", "stlpips_vgg": "vgg"}
# What the package's own code gives on the three images of its neighbor lpips: (ref, p0), (ref, p1).
EXAMPLE = {"stlpips_alex": (0.7777555, 0.1320215), "stlpips_vgg": (0.6516971, 0.1361120)}
CLOSE = 1e-5


@pytest.fixture(scope="module")
def metrics() -> Iterator[dict[str, nn.Module]]:
    """The authors' metrics by lnkit's names. Their code imports two debugging aids that it never calls."""
    with pytest.MonkeyPatch.context() as patch:
        for name, attribute in (("IPython", "embed"), ("torchsummary", "summary")):
            stand_in = ModuleType(name)
            setattr(stand_in, attribute, None)
            patch.setitem(sys.modules, name, stand_in)
        package = importlib.import_module("stlpips_pytorch.stlpips")
        yield {
            name: package.LPIPS(net=theirs, variant="shift_tolerant", verbose=False).eval()
            for name, theirs in THEIR_NAMES.items()
        }


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Two patches of a photograph and two distortions of each, (4, 3, 64, 64) in [0, 1]; no side is special."""
    photograph = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float() / 255
    patches = torch.stack([photograph[:, 0:64, 200:264], photograph[:, 300:364, 300:364]])
    noise = torch.rand(patches.shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([patches, (patches.roll(2, 3) + 0.1 * noise).clamp(0, 1)])


def theirs(metric: nn.Module, a: Tensor, b: Tensor) -> Tensor:
    with torch.no_grad():
        return metric(2 * a - 1, 2 * b - 1).flatten()


@EACH
@pytest.mark.parametrize("size", [(64, 64), (47, 61)])
def test_features_and_distances_equal_the_authors(
    network: networks.Network, size: tuple[int, int], metrics: dict[str, nn.Module], images: Tensor
) -> None:
    metric: Any = metrics[network.name]
    a, b = images[:, :, : size[0], : size[1]].chunk(2)
    loss_network = lnkit.load_loss_network(network.name, "lpips")
    with torch.no_grad():
        found = loss_network(a)
        expected = metric.net(metric.scaling_layer(2 * a - 1))
    for mine, their in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(mine, their, rtol=1e-4, atol=1e-4)
    loss = lnkit.DeepPerceptualLoss(loss_network, distance="stlpips")
    assert theirs(metric, a, b).min() > 0.01, "a comparison of zeros would prove nothing"
    assert float(loss(a, b)) == pytest.approx(float(theirs(metric, a, b).mean()), abs=CLOSE)


@EACH
def test_every_single_point_has_its_own_weights(
    network: networks.Network, metrics: dict[str, nn.Module], images: Tensor
) -> None:
    """The authors' metric is the sum of its layers, of which it tells each."""
    metric: Any = metrics[network.name]
    a, b = images.chunk(2)
    with torch.no_grad():
        layers = metric(2 * a - 1, 2 * b - 1, retPerLayer=True)[1]
        layers[0] = metric.lins[0]((unit(metric, a) - unit(metric, b)).square()).mean((2, 3))  # they add to it in place
    for index, point in enumerate([*network.nodes, *network.points]):
        layer = layers[index if index < 5 else network.nodes.index(network.points[point])]
        found = lnkit.DeepPerceptualLoss(network.name, point, distance="stlpips")(a, b)
        assert float(found) == pytest.approx(float(layer.mean()), abs=CLOSE), point


def unit(metric: Any, images: Tensor) -> Tensor:
    return nn.functional.normalize(metric.net.slice1(metric.scaling_layer(2 * images - 1)), dim=1)


@EACH
def test_the_figures_of_the_example(
    network: networks.Network, real_data: RealData, metrics: dict[str, nn.Module]
) -> None:
    ref, p0, p1 = (io.imread(real_data("lpips_example") / f"{name}.png")[None] for name in ("ref", "p0", "p1"))
    loss_network = lnkit.load_loss_network(network.name, "lpips")
    points = tuple(point.name for point in loss_network.points)
    distance, lookup = DistanceConfig("stlpips"), default_registry().distance
    comparer = ImageComparer(loss_network, [points], distance, batch_size=1, lookup=lookup)
    found = comparer.compare(ref, p0, p1)[0, :, 0]
    a, b, c = (torch.from_numpy(image).permute(0, 3, 1, 2) / 255 for image in (ref, p0, p1))
    own = [float(theirs(metrics[network.name], a, other)) for other in (b, c)]
    assert own == pytest.approx(EXAMPLE[network.name], abs=1e-6)
    assert found == pytest.approx(own, abs=CLOSE)


@EACH
def test_the_command_line_uses_the_learned_distance(
    network: networks.Network, real_data: RealData, tmp_path: Path, metrics: dict[str, nn.Module]
) -> None:
    """A run of the benchmark on data made of the example alone keeps the authors' own distances."""
    images = [io.imread(real_data("lpips_example") / f"{name}.png") for name in ("ref", "p0", "p1")]
    root = write_judged_family(tmp_path / "data", "2afc", "example", np.stack(images)[None], [1.0])
    results = tmp_path / "results"
    command = ["eval", "--backbone", network.name, "--point", "lpips", "--bench", "bapps", "--data", root]
    assert run([*map(str, command), "--set", "parts=2afc", "--batch-size", "1", "--results", str(results)]) == 0
    (record,) = results.glob("*/result.json")
    assert "|stlpips,norm:lpips|input:backbone|" in json.loads(record.read_text())["scores"]["2afc"]["signature"]
    with np.load(next(record.parent.glob("*.npz"))) as arrays:
        kept = sorted(float(array[0]) for name, array in arrays.items() if "judge" not in name)
    assert kept == pytest.approx(sorted(EXAMPLE[network.name]), abs=CLOSE)


@EACH
def test_gradients_are_finite_where_images_agree_and_where_they_are_black(network: networks.Network) -> None:
    loss = lnkit.DeepPerceptualLoss(network.name, "lpips", distance="stlpips")
    black = torch.zeros(1, 3, 64, 64)
    output = black.clone().requires_grad_()
    loss(output, black).backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    other = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    loss(output, other).backward()
    assert output.grad.isfinite().all()
    assert output.grad.abs().max() > 0


def test_the_gradient_is_finite_where_all_channels_are_zero() -> None:
    (distance,) = make_distances(DistanceConfig("stlpips"), ["early"], default_registry().distance, "stlpips_alex")
    features = torch.rand(1, 64, 3, 3, generator=torch.Generator().manual_seed(0))
    features[:, :, 1, 1] = 0
    features.requires_grad_()
    distance(features, 1 - features.detach()).sum().backward()
    assert features.grad is not None
    assert 0 < features.grad.abs().max() < 1


@EACH
def test_random_weights_have_the_names_of_the_package_and_use_all_of_its_trunk(network: networks.Network) -> None:
    from lnkit_stlpips.weights import trunk_weights

    spec = default_registry().backbone(network.name)
    random, pretrained = build_backbone(spec, "random"), build_backbone(spec)
    assert random.module.state_dict().keys() == trunk_weights(network).keys()
    assert random.sha256 != pretrained.sha256
    blurs = [name for name in trunk_weights(network) if name.endswith(".filt")]
    assert len(blurs) >= 3
    for name in blurs:
        assert torch.equal(random.module.state_dict()[name], pretrained.module.state_dict()[name])


@EACH
def test_random_features_vary(network: networks.Network, images: Tensor) -> None:
    features = lnkit.load_loss_network(network.name, "lpips", weights="random")(images)
    assert all(float(feature.var(0).mean()) > 0 for feature in features.values())


@EACH
def test_the_weights_are_those_that_the_table_names(network: networks.Network) -> None:
    from lnkit_stlpips.weights import weights_file

    file = weights_file(network)
    assert network.weights == f"{file.stem}-{hashlib.sha256(file.read_bytes()).hexdigest()[:8]}"


@EACH
def test_min_size_is_the_smallest_side_that_reaches_the_last_point(network: networks.Network) -> None:
    loss_network = lnkit.load_loss_network(network.name, "lpips", weights="random")
    assert loss_network(torch.rand(1, 3, network.min_size, network.min_size))["net.slice5"].numel() > 0
    with pytest.raises(lnkit.ImageError, match="too small"):
        loss_network(torch.rand(1, 3, network.min_size - 1, network.min_size - 1))


def test_what_was_not_learned_is_a_sentence() -> None:
    with pytest.raises(lnkit.UsageError, match=r"learned for stlpips_alex and stlpips_vgg, not for squeezenet1_1"):
        lnkit.DeepPerceptualLoss("squeezenet1_1", "late", distance="stlpips", weights="random")
    with pytest.raises(lnkit.UsageError, match=r"not at 'net.slice4.11'"):
        lnkit.DeepPerceptualLoss("stlpips_alex", "net.slice4.11", distance="stlpips")


def test_a_file_with_more_than_tensors_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lnkit_stlpips import weights

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return exec, ("raise SystemExit('code from a weights file ran')",)

    torch.save({"net.slice1.0.weight": Evil()}, tmp_path / "evil.pth")
    monkeypatch.setattr(weights, "weights_file", lambda _network: tmp_path / "evil.pth")
    with pytest.raises(lnkit.WeightsError, match="stlpips_alex cannot be read"):
        lnkit.load_loss_network("stlpips_alex", "early")


def test_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from lnkit_stlpips import weights

    monkeypatch.setattr(weights, "find_spec", lambda _name: None)
    with pytest.raises(lnkit.WeightsError, match=r"pip install .*'stlpips-pytorch==0\.0\.2'"):
        lnkit.load_loss_network("stlpips_vgg", "early")


def test_listing_imports_no_torch_and_using_it_none_of_the_packages_code() -> None:
    listing = "import sys, lnkit_stlpips; print([name for name in ('torch', 'numpy') if name in sys.modules])"
    using = "import sys, lnkit; lnkit.load_loss_network('stlpips_alex'); print('stlpips_pytorch' in sys.modules)"
    for code, said in ((listing, "[]"), (using, "False")):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == said
