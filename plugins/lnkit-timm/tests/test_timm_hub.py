"""`hf-hub:` names: what a repository says of itself, its weights, and what is refused. A local server is the hub."""

from __future__ import annotations

import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hub_server import Server, server
from safetensors.torch import save
from torch import Tensor

from lnkit import LnkitError, UnknownNameError, UsageError, WeightsError
from lnkit.cli import run
from lnkit.networks.load import load_loss_network
from lnkit.networks.weight_sources import fetch, plan
from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry
from lnkit.progress import SilentProgress

timm = pytest.importorskip("timm")

__all__ = ["server"]

NAME = "hf-hub:somebody/tuned"
MEAN = [0.1, 0.2, 0.3]


@pytest.fixture(autouse=True)
def own_downloads(own_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    default_registry.cache_clear()


def publish(server: Server, built: str = "test_vit", weights: bool = True, **changes: Any) -> dict[str, Tensor]:
    """Put a network with three classes on the hub, as timm saves it but for the changes; return its weights."""
    torch.manual_seed(0)
    network = timm.create_model(built, num_classes=3)
    with TemporaryDirectory() as folder:
        timm.models.save_for_hf(network, folder, {"architecture": built})
        content = json.loads((Path(folder) / "config.json").read_text())
    usual = {"tag": "mine_in1k", "mean": MEAN, "std": [0.5, 0.5, 0.5]}
    content["pretrained_cfg"] |= changes.pop("pretrained_cfg", usual)
    server.files["/somebody/tuned/resolve/main/config.json"] = json.dumps(content | changes).encode()
    values = network.state_dict()
    if weights:
        server.files["/somebody/tuned/resolve/main/model.safetensors"] = save(values)
    return values


def test_features_are_those_of_the_published_weights(server: Server) -> None:
    values = publish(server)
    network = load_loss_network(NAME, "late+class_token")
    whole = timm.create_model("test_vit", num_classes=3, dynamic_img_size=True, dynamic_img_pad=True).eval()
    whole.load_state_dict(values)
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = network(images)
        normalized = (images - torch.tensor(MEAN).view(1, 3, 1, 1)) / 0.5
        assert torch.equal(network.normalize(images), normalized)
        expected = whole.forward_features(normalized)
    assert torch.equal(features["class_token"].flatten(1), expected[:, 0])
    assert features["late"].shape == (2, 64, 4, 6)


def test_what_the_repository_says_is_in_the_spec(server: Server) -> None:
    publish(server)
    spec = default_registry().backbone(NAME)
    assert (spec.name, spec.weights, spec.trained_on) == (NAME, "mine_in1k", "ImageNet-1k classification")
    assert (spec.mean, spec.std, spec.eval_size) == (tuple(MEAN), (0.5, 0.5, 0.5), 160)
    assert "160x160" in spec.size_note
    assert spec.classes == "", "the head has other classes than those of the architecture's usual weights"
    assert default_registry().provider("backbone", NAME).name == "lnkit_timm"
    assert default_registry().points_at(NAME) == default_registry().points_at("timm/test_vit")


def test_the_configuration_is_asked_for_once_and_weights_not_before_they_are_needed(server: Server) -> None:
    publish(server)
    for _ in range(3):
        default_registry().resolve_points(NAME, "early,late")
    assert [request for request in server.asked if request.startswith("GET")] == [
        "GET /somebody/tuned/resolve/main/config.json"
    ]


def test_what_was_fetched_needs_no_connection(server: Server) -> None:
    values = publish(server)
    (fetched,) = fetch(plan(default_registry(), [NAME]), SilentProgress())
    assert (fetched.fetched, fetched.error) == (True, "")
    server.files.clear()
    server.asked.clear()
    default_registry.cache_clear()
    loaded = build_backbone(default_registry().backbone(NAME))
    assert server.asked == []
    assert torch.equal(loaded.module.state_dict()["head.weight"], values["head.weight"])
    assert loaded.source == "mine_in1k from https://huggingface.co/somebody/tuned"
    build_backbone(default_registry().backbone(NAME), "random")
    assert server.asked == []


def test_eval_names_the_repository_in_the_record(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(server, "test_resnet", pretrained_cfg={"tag": ""})
    command = ["eval", "--backbone", NAME, "--point", "early", "--sample", "--bench", "bapps"]
    assert run([*command, "--results", str(tmp_path / "results")]) == 0
    assert f"{NAME}:early|main@" in capsys.readouterr().out
    assert run(["results", "list", "--sample", "--results", str(tmp_path / "results")]) == 0
    assert NAME in capsys.readouterr().out


def test_a_search_over_several_names_takes_it(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    publish(server)
    assert run(["points", NAME]) == 0
    assert "class_token" in capsys.readouterr().out
    assert run(["weights", "list", NAME]) == 0
    assert "huggingface.co/somebody/tuned" in capsys.readouterr().out


# What is refused


def test_without_a_connection_a_sentence_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError) as caught:
        default_registry().backbone(NAME)
    assert f"The configuration of {NAME}, without which its network is unknown, could not be fetched." in str(
        caught.value
    )
    assert f"`lnkit weights fetch {NAME}` where there is one" in str(caught.value)


def test_pickled_weights_are_not_read(server: Server) -> None:
    values = publish(server, weights=False)
    buffer = io.BytesIO()
    torch.save(values, buffer)
    server.files["/somebody/tuned/resolve/main/pytorch_model.bin"] = buffer.getvalue()
    with pytest.raises(WeightsError, match=r"has none of the files model\.safetensors"):
        build_backbone(default_registry().backbone(NAME))
    assert not any(request == "GET /somebody/tuned/resolve/main/pytorch_model.bin" for request in server.asked)


def test_a_configuration_cannot_name_another_file(server: Server, tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    torch.save({"head.weight": torch.zeros(1)}, other)
    cfg = {"hf_hub_filename": "pytorch_model.bin", "file": str(other), "custom_load": "hf", "url": other.as_uri()}
    values = publish(server, pretrained_cfg=cfg)
    loaded = build_backbone(default_registry().backbone(NAME))
    assert torch.equal(loaded.module.state_dict()["head.weight"], values["head.weight"])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"architecture": "resnet_of_next_year"}, UnknownNameError, "configuration names 'resnet_of_next_year'"),
        ({"architecture": ["vit"]}, UnknownNameError, "network of timm"),
        ({"architecture": None}, UnknownNameError, "names no architecture"),
        ({"pretrained_cfg": {"mean": [1, 2]}}, WeightsError, "expected three numbers as mean, got [1, 2]"),
        ({"pretrained_cfg": {"std": [0, 1, 1]}}, LnkitError, "std must be three numbers above 0"),
        ({"pretrained_cfg": {"input_size": "big"}}, WeightsError, "three whole numbers above 0 as input_size"),
        ({"pretrained_cfg": {"input_size": [1, 28, 28]}}, UsageError, "images of 1 channels"),
    ],
)
def test_a_configuration_of_something_else_is_refused(
    changes: dict[str, Any], error: type[Exception], message: str, server: Server
) -> None:
    publish(server, weights=False, **changes)
    with pytest.raises(error) as caught:
        default_registry().backbone(NAME)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff"])
def test_a_damaged_configuration_is_a_sentence(content: bytes, server: Server) -> None:
    server.files["/somebody/tuned/resolve/main/config.json"] = content
    with pytest.raises(WeightsError, match="configuration of hf-hub:somebody/tuned"):
        default_registry().backbone(NAME)


def test_weights_that_do_not_fit_are_a_sentence(server: Server) -> None:
    publish(server)
    server.files["/somebody/tuned/resolve/main/model.safetensors"] = save({"x": torch.zeros(1)})
    with pytest.raises(WeightsError, match="could not be built by timm"):
        build_backbone(default_registry().backbone(NAME))


@pytest.mark.parametrize(
    "name", ["hf-hub:", "hf-hub:timm", "hf-hub:a/b/c", "hf-hub:a/../b", "hf-hub:a/b@main", "hf-hub:a/b c", "hf-hub:/a"]
)
def test_what_is_no_repository_is_refused_before_the_hub_is_asked(name: str, server: Server) -> None:
    with pytest.raises(UsageError, match="Expected hf-hub:"):
        default_registry().backbone(name)
    assert server.asked == []
    assert run(["points", name]) == 2
