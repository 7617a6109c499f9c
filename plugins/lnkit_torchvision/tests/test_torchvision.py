"""What is particular about the 14 backbones of the study: its points, the Inception family, LPIPS, real weights."""

from __future__ import annotations

import pytest
import torch
from realdata import RealData
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights

from lnkit import BackboneSpec, ExtractionPoint
from lnkit.analysis.published.tables import read_rows
from lnkit.networks.load import make_loss_network
from lnkit.networks.weights import LoadedBackbone, build_backbone
from lnkit.plugins.load import default_registry
from lnkit_torchvision.study import LPIPS_POINTS, POINTS

STANDARD = ("early", "semi_early", "mid", "late")
CAT = range(281, 286)  # ImageNet's classes of house cats


def spec_of(name: str) -> BackboneSpec:
    return default_registry().backbone(name)


def points_of(name: str) -> list[ExtractionPoint]:
    return [default_registry().points[name][point] for point in STANDARD]


def test_the_points_are_those_of_the_study() -> None:
    rows = read_rows("extraction_points")
    assert [row["backbone"] for row in rows] == list(POINTS)
    for row in rows:
        registered = default_registry().points[row["backbone"]]
        found = {name: (registered[name].node, registered[name].description) for name in STANDARD}
        assert found == {name: (row[name], row[f"{name}_desc"]) for name in STANDARD}


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_random_and_pretrained_weights_build_the_same_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchvision gives pretrained networks auxiliary heads and `transform_input`, and random ones other defaults."""
    options = {"aux_logits": True, "init_weights": False}
    state = get_model(name, weights=None, **options).state_dict()
    weights = get_model_weights(name)["IMAGENET1K_V1"]
    monkeypatch.setattr(type(weights), "get_state_dict", lambda self, *args, **kwargs: state)
    pretrained, random = spec_of(name).load(True), spec_of(name).load(False)
    assert pretrained.transform_input is random.transform_input is True
    assert pretrained.aux_logits is random.aux_logits is False
    assert pretrained.state_dict().keys() == random.state_dict().keys()
    assert any("aux" in key.lower() for key in state)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_transform_input_is_honored_and_can_be_skipped(name: str) -> None:
    spec = spec_of(name)
    loaded = build_backbone(spec, "random")
    point = points_of(name)[0]
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    stem = loaded.module.get_submodule(point.node)
    first = nn.Sequential(*list(loaded.module.children())[: list(loaded.module.children()).index(stem) + 1])
    normalized = (images - torch.tensor(spec.mean).view(1, 3, 1, 1)) / torch.tensor(spec.std).view(1, 3, 1, 1)
    # torchvision: from ImageNet's statistics to inputs in [-1, 1], which these networks were trained on
    half = (images - 0.5) / 0.5
    with torch.no_grad():
        honored = make_loss_network(loaded, spec, [point])(images)["early"]
        skipped = make_loss_network(loaded, spec, [point], transform_input=False)(images)["early"]
        torch.testing.assert_close(honored, first(half), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(skipped, first(normalized))
    assert not torch.allclose(honored, skipped, rtol=1e-2)
    assert loaded.module.transform_input is True, "cutting leaves the loaded backbone as it was"


@pytest.mark.parametrize("name", list(LPIPS_POINTS))
def test_the_lpips_points_give_what_lpips_computes(name: str) -> None:
    """The same layers as in the lpips package, on the same random weights and the same normalized images."""
    pretrained_networks = pytest.importorskip("lpips.pretrained_networks")
    theirs = {"alexnet": "alexnet", "squeezenet1_1": "squeezenet", "vgg16": "vgg16"}[name]
    loaded = build_backbone(spec_of(name), "random")
    trunk = getattr(pretrained_networks, theirs)(pretrained=False).eval()
    copy_slices(loaded.module, trunk)
    points = default_registry().points[name]["lpips"]
    network = make_loss_network(loaded, spec_of(name), [ExtractionPoint(node, node) for node in points.nodes], "lpips")
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        features = network(images)
        expected = list(trunk(network.normalize(images)))
    assert len(features) == len(expected)
    for mine, their in zip(features.values(), expected, strict=True):
        torch.testing.assert_close(mine, their)


def copy_slices(module: nn.Module, trunk: nn.Module) -> None:
    """Give lpips's trunk, whose slices keep torchvision's indices as names, the weights of a backbone."""
    state = module.state_dict()
    names = {name: f"features.{name.split('.', 1)[1]}" for name in trunk.state_dict()}
    trunk.load_state_dict({name: state[source] for name, source in names.items()})


def test_squeezenet_with_real_weights_sees_a_cat(real_data: RealData) -> None:
    loaded = build_backbone(spec_of("squeezenet1_1"), str(real_data("weights/squeezenet1_1.safetensors")))
    assert int(classify(loaded, "squeezenet1_1")) in CAT


def classify(loaded: LoadedBackbone, name: str) -> Tensor:
    """The class of scikit-image's photograph of a cat, resized to 256 and cropped to 224 as for ImageNet."""
    skimage = pytest.importorskip("skimage")
    from torchvision.transforms.v2 import functional as transforms

    photograph = torch.from_numpy(skimage.data.chelsea()).permute(2, 0, 1)
    small = transforms.center_crop(transforms.resize(photograph, 256, antialias=True), [224, 224])
    spec = spec_of(name)
    image = transforms.normalize(small[None].float() / 255, list(spec.mean), list(spec.std))
    with torch.no_grad():
        return loaded.module(image).argmax()
