"""lnkit-openclip: its table against OpenCLIP's own, its features against plain hooks, its weights from a local hub."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hub_server import Server, server
from safetensors.torch import save
from torch import Tensor

from lnkit import WeightsError
from lnkit.networks.load import make_loss_network
from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry

pytest.importorskip("lnkit_openclip", reason="lnkit-openclip is not installed")

from lnkit_openclip import PREFIX
from lnkit_openclip.towers import TOWERS

__all__ = ["server"]

TAGGED = [(tower.name, tag) for tower in TOWERS for tag in tower.weights]
SMALL = "ViT-B-32"


def test_listing_imports_neither_open_clip_nor_torch() -> None:
    code = (
        "import sys, lnkit, lnkit_openclip; kept = []; lnkit_openclip.register_backbone(lambda *s: kept.extend(s)); "
        "print(len(kept), [name for name in ('open_clip', 'torch', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{len(TOWERS)} []"


@pytest.fixture(scope="module")
def open_clip():
    return pytest.importorskip("open_clip", reason="open_clip_torch is not installed")


@pytest.mark.parametrize(("name", "tag"), TAGGED)
def test_weights_are_as_open_clip_states_them(name: str, tag: str, open_clip) -> None:
    theirs = open_clip.get_pretrained_cfg(name, tag)
    spec = default_registry().backbone(f"{PREFIX}{name}.{tag}")
    assert spec.remote is not None
    assert spec.remote.repository == theirs["hf_hub"].strip("/")
    assert (spec.mean, spec.std, spec.interpolation) == (theirs["mean"], theirs["std"], theirs["interpolation"])
    configuration = open_clip.get_model_config(name)
    assert bool(configuration.get("quick_gelu")) == bool(theirs.get("quick_gelu")), "the activation of its training"
    assert spec.input_size == (configuration["vision_cfg"]["image_size"],) * 2


@pytest.mark.parametrize("tower", TOWERS, ids=lambda tower: tower.name)
def test_depths_are_those_of_open_clip(tower, open_clip) -> None:
    assert open_clip.get_model_config(tower.name)["vision_cfg"]["layers"] == tower.depth


@pytest.mark.parametrize("name", [SMALL, pytest.param("ViT-B-16-quickgelu", marks=pytest.mark.exhaustive)])
def test_features_equal_those_of_the_whole_model(name: str, open_clip) -> None:
    spec = default_registry().backbone(PREFIX + name)
    points = list(default_registry().points_at(PREFIX + name).values())
    loaded = build_backbone(spec, "random")
    cut = make_loss_network(loaded, spec, points)
    model = open_clip.CLIP(**open_clip.get_model_config(name)).eval()
    model.visual.load_state_dict(loaded.module.state_dict())
    kept: dict[str, Tensor] = {}
    for point in points:
        hook = lambda _module, _inputs, output, node=point.node: kept.__setitem__(node, output.clone())  # noqa: E731
        model.visual.get_submodule(point.node).register_forward_hook(hook)
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = cut(images)
        model.encode_image(cut.normalize(images))
    side = round((kept[points[0].node].shape[1] - 1) ** 0.5)
    for point in points[:4]:
        assert torch.equal(features[point.name], kept[point.node][:, 1:].unflatten(1, (side, side)).movedim(-1, 1))
    assert torch.equal(features["class_token"].flatten(1), kept["ln_post"][:, 0])


def test_the_class_token_is_what_the_tower_projects(open_clip) -> None:
    spec = default_registry().backbone(PREFIX + SMALL)
    loaded = build_backbone(spec, "random")
    cut = make_loss_network(loaded, spec, [default_registry().points_at(PREFIX + SMALL)["class_token"]])
    images = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        embedding = loaded.module(cut.normalize(images))
        torch.testing.assert_close(cut(images)["class_token"].flatten(1) @ loaded.module.proj, embedding)


@pytest.fixture
def own_cache(own_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def test_the_image_towers_part_of_a_file_is_loaded(own_cache: None, server: Server, open_clip) -> None:
    spec = default_registry().backbone(PREFIX + SMALL)
    random = build_backbone(spec, "random", seed=3).module.state_dict()
    published = {f"visual.{key}": value for key, value in random.items()} | {"logit_scale": torch.zeros(())}
    assert spec.remote is not None
    server.files[f"/{spec.remote.repository}/resolve/main/open_clip_model.safetensors"] = save(published)
    loaded = build_backbone(spec).module.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in random.items())


def test_pickled_weights_are_not_asked_for(own_cache: None, server: Server, open_clip) -> None:
    spec = default_registry().backbone(PREFIX + SMALL)
    with pytest.raises(WeightsError, match=r"has none of the files open_clip_model\.safetensors"):
        build_backbone(spec)
    assert not [request for request in server.asked if request.endswith(".bin")]


def test_weights_of_another_model_are_refused(own_cache: None, server: Server, open_clip) -> None:
    spec = default_registry().backbone(PREFIX + SMALL)
    assert spec.remote is not None
    path = f"/{spec.remote.repository}/resolve/main/open_clip_model.safetensors"
    server.files[path] = save({"visual.conv1.weight": torch.zeros(1)})
    with pytest.raises(WeightsError, match="are damaged"):
        build_backbone(spec)


def test_a_model_that_open_clip_lacks_is_a_sentence(open_clip) -> None:
    from lnkit_openclip.load import load

    spec = replace(default_registry().backbone(PREFIX + SMALL), load=lambda pretrained: load("ViT-Z-99", "x", None))
    with pytest.raises(WeightsError, match="has no model 'ViT-Z-99'"):
        build_backbone(spec, "random")


def test_unknown_weights_are_named() -> None:
    from lnkit import UnknownNameError

    with pytest.raises(UnknownNameError, match="It has: laion2b_s34b_b79k, datacomp_xl_s13b_b90k"):
        default_registry().backbone(f"{PREFIX}{SMALL}.laion5b")
