"""lnkit-transformers: features against plain hooks in networks that transformers saved; a local server is the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import Server, server

from lnkit import UnknownNameError, UsageError, WeightsError
from lnkit.networks.load import make_loss_network
from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry

pytest.importorskip("lnkit_transformers", reason="lnkit-transformers is not installed")
transformers = pytest.importorskip("transformers")

__all__ = ["server"]

NAME = "transformers:somebody/tower"
IMAGES = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.5, 0.5], "crop_size": {"height": 64, "width": 64}}
SMALL = {"hidden_size": 32, "num_hidden_layers": 8, "num_attention_heads": 2, "image_size": 64, "patch_size": 16}


def networks() -> dict[str, Any]:
    vision = transformers.CLIPVisionConfig(**SMALL, intermediate_size=64)
    text = transformers.CLIPTextConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, vocab_size=99
    )
    both = transformers.CLIPConfig(vision_config=vision.to_dict(), text_config=text.to_dict(), projection_dim=16)
    return {
        "clip": lambda: transformers.CLIPModel(both),
        "clip_vision_model": lambda: transformers.CLIPVisionModel(vision),
        "dinov2": lambda: transformers.Dinov2Model(transformers.Dinov2Config(**SMALL)),
        "vit": lambda: transformers.ViTModel(transformers.ViTConfig(**SMALL, intermediate_size=64)),
    }


@pytest.fixture(autouse=True)
def own_cache(own_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    default_registry.cache_clear()
    yield
    default_registry.cache_clear()


def publish(server: Server, kind: str, folder: Path) -> Any:
    """Put a network on the hub as transformers saves it, with what says how its images are made."""
    torch.manual_seed(0)
    network = networks()[kind]().eval()
    network.save_pretrained(folder)
    for file in ("config.json", "model.safetensors"):
        server.files[f"/somebody/tower/resolve/main/{file}"] = (folder / file).read_bytes()
    server.files["/somebody/tower/resolve/main/preprocessor_config.json"] = json.dumps(IMAGES).encode()
    return network


def change(server: Server, file: str, **changes: Any) -> None:
    path = f"/somebody/tower/resolve/main/{file}"
    server.files[path] = json.dumps(json.loads(server.files[path]) | changes).encode()


@pytest.mark.parametrize("kind", ["clip", "clip_vision_model", "dinov2", "vit"])
def test_features_equal_those_of_the_published_network(kind: str, server: Server, tmp_path: Path) -> None:
    whole = publish(server, kind, tmp_path / "saved")
    tower = whole.vision_model if kind == "clip" else whole
    spec = default_registry().backbone(NAME)
    points = list(default_registry().points_at(NAME).values())
    cut = make_loss_network(build_backbone(spec), spec, points)
    kept: dict[str, torch.Tensor] = {}
    for point in points:
        hook = lambda _module, _inputs, output, node=point.node: kept.__setitem__(node, output.clone())  # noqa: E731
        tower.get_submodule(point.node).register_forward_hook(hook)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = cut(images)
        tower(pixel_values=cut.normalize(images))
    assert [point.description for point in points[:4]] == [f"block {end} of 8" for end in (2, 4, 6, 8)]
    for point in points[:4]:
        assert torch.equal(features[point.name], kept[point.node][:, 1:].unflatten(1, (4, 4)).movedim(-1, 1))
    token = kept[points[4].node]
    assert torch.equal(features["class_token"].flatten(1), token if token.ndim == 2 else token[:, 0])


def test_images_are_normalized_as_the_repository_says(server: Server, tmp_path: Path) -> None:
    publish(server, "dinov2", tmp_path / "saved")
    spec = default_registry().backbone(NAME)
    assert (spec.mean, spec.std, spec.input_size) == ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5), (64, 64))
    assert (spec.name, spec.trained_on) == (NAME, "DINOv2")


def test_weights_that_lack_tensors_are_refused(server: Server, tmp_path: Path) -> None:
    from safetensors.torch import load, save

    publish(server, "dinov2", tmp_path / "saved")
    path = "/somebody/tower/resolve/main/model.safetensors"
    tensors = load(server.files[path])
    server.files[path] = save({name: value for name, value in tensors.items() if "layernorm" not in name})
    with pytest.raises(WeightsError, match=r"lack 2 tensors: layernorm\.bias"):
        build_backbone(default_registry().backbone(NAME))


def test_another_kind_of_network_is_refused(server: Server, tmp_path: Path) -> None:
    publish(server, "vit", tmp_path / "saved")
    change(server, "config.json", model_type="bert")
    with pytest.raises(UnknownNameError, match="its configuration says 'bert'"):
        default_registry().backbone(NAME)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("config.json", {"num_hidden_layers": "many"}, "a whole number as num_hidden_layers, got 'many'"),
        ("preprocessor_config.json", {"image_mean": 0.5}, "three numbers as image_mean, got 0.5"),
        ("preprocessor_config.json", {"crop_size": {"height": -1}}, "a whole number as height, got -1"),
    ],
)
def test_damaged_files_are_sentences(
    file: str, changes: dict[str, Any], message: str, server: Server, tmp_path: Path
) -> None:
    publish(server, "vit", tmp_path / "saved")
    change(server, file, **changes)
    with pytest.raises(WeightsError) as caught:
        default_registry().backbone(NAME)
    assert message in str(caught.value)


def test_without_a_connection_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="without which its network is unknown, could not be fetched"):
        default_registry().backbone(NAME)
    with pytest.raises(UsageError, match="Expected transformers:OWNER/NAME"):
        default_registry().backbone("transformers:bert")
