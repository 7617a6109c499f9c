"""Weights: sources, identification, and the message of every failure."""

from __future__ import annotations

import hashlib
import io
import logging
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from file_server import Behavior, serving
from realdata import RealData
from safetensors.torch import save_file
from torch import Tensor, nn

from lnkit import BackboneSpec, PluginError, RemoteFile, WeightsError
from lnkit.networks.hub import hub_file
from lnkit.networks.weights import build_backbone
from lnkit.networks.weights_hash import hash_weights
from lnkit.progress import SilentProgress


def build() -> nn.Module:
    layers = OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), deep=nn.Conv2d(4, 5, 3), fc=nn.Linear(5, 10))
    return nn.Sequential(layers)


def spec(**changes: Any) -> BackboneSpec:
    facts: dict[str, Any] = {"name": "tiny", "family": "Test", "load": lambda pretrained: build()}
    return BackboneSpec(**(facts | changes))


@pytest.fixture(autouse=True)
def own_downloads(own_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test without downloads."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def state() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    return {
        name: torch.rand(tensor.shape, generator=generator) if tensor.is_floating_point() else tensor
        for name, tensor in build().state_dict().items()
    }


def saved(folder: Path, content: Any, name: str = "weights.pth") -> str:
    path = folder / name
    if path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)
    return str(path)


# What loads


def test_a_loaded_backbone_is_frozen_and_in_evaluation_mode(tmp_path: Path, state: dict[str, Tensor]) -> None:
    for weights in (saved(tmp_path, state), "random"):
        module = build_backbone(spec(), weights).module
        assert not any(part.training for part in module.modules())
        assert not any(parameter.requires_grad for parameter in module.parameters())


def test_the_format_of_the_file_does_not_change_the_hash(tmp_path: Path, state: dict[str, Tensor]) -> None:
    files = [
        saved(tmp_path, state),
        saved(tmp_path, {"state_dict": state}, "old.pt"),
        saved(tmp_path, state, "a.safetensors"),
        saved(tmp_path, dict(reversed(state.items())), "b.safetensors"),
        saved(tmp_path, state | {"aux.weight": torch.ones(2)}, "more.safetensors"),
    ]
    assert len({build_backbone(spec(), file).sha256 for file in files}) == 1
    changed = {**state, "deep.bias": state["deep.bias"] + 1e-6}
    assert build_backbone(spec(), saved(tmp_path, changed)).sha256 != build_backbone(spec(), files[2]).sha256


def test_the_hash_is_what_its_documentation_says() -> None:
    module = nn.Sequential(OrderedDict(fc=nn.Linear(2, 1), norm=nn.BatchNorm1d(1, affine=False)))
    module.load_state_dict(
        {
            "fc.weight": torch.tensor([[1.0, -2.0]]),
            "fc.bias": torch.tensor([0.5]),
            "norm.running_mean": torch.tensor([3.0]),
            "norm.running_var": torch.tensor([4.0]),
            "norm.num_batches_tracked": torch.tensor(9),
        }
    )
    written = (
        (b"fc.bias torch.float32 1\n", (0.5,)),
        (b"fc.weight torch.float32 1x2\n", (1.0, -2.0)),
        (b"norm.running_mean torch.float32 1\n", (3.0,)),
        (b"norm.running_var torch.float32 1\n", (4.0,)),
    )
    expected = b"".join(line + struct.pack(f"<{len(values)}f", *values) for line, values in written)
    assert hash_weights(module) == hashlib.sha256(expected).hexdigest()


def test_random_weights_follow_the_seed_and_leave_the_callers_generator_alone() -> None:
    torch.manual_seed(123)
    expected = torch.rand(3)
    torch.manual_seed(123)
    first, same, other = (build_backbone(spec(), "random", seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert first.sha256 == same.sha256 != other.sha256
    assert (first.weights, first.source) == ("random", "random, seed 0")


def test_what_a_file_holds_beyond_the_network_is_left_and_logged(
    tmp_path: Path, state: dict[str, Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "lnkit"):
        build_backbone(spec(), saved(tmp_path, state | {"aux.weight": torch.ones(2)}))
    assert "'aux.weight'" in caplog.text


@pytest.mark.parametrize("keep_bias", [True, False])
def test_a_head_may_be_absent_or_made_for_other_classes(
    tmp_path: Path, state: dict[str, Tensor], keep_bias: bool
) -> None:
    headless = {name: tensor for name, tensor in state.items() if not name.startswith("fc")}
    headless.pop("norm.num_batches_tracked")
    head = {"fc.weight": torch.ones(7, 5), "fc.bias": torch.ones(7)} if keep_bias else {}
    loaded = build_backbone(spec(), saved(tmp_path, headless | head))
    assert loaded.absent == ("fc.weight", "fc.bias")
    assert loaded.sha256 == build_backbone(spec(), saved(tmp_path, headless), seed=5).sha256


def test_the_hash_of_real_weights_is_the_same_in_both_formats(real_data: RealData, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from lnkit.plugins.load import default_registry

    original = real_data("weights/squeezenet1_1.safetensors")
    squeezenet = default_registry().backbone("squeezenet1_1")
    again = saved(tmp_path, {"state_dict": load_file(original)})
    assert build_backbone(squeezenet, str(original)).sha256 == build_backbone(squeezenet, again).sha256


# What fails


def refused(weights: str, backbone: BackboneSpec | None = None) -> str:
    """Return the message of the error for weights of a backbone."""
    with pytest.raises(WeightsError) as caught:
        build_backbone(backbone or spec(), weights)
    return str(caught.value)


def test_a_missing_file_and_a_misspelt_word(tmp_path: Path) -> None:
    assert "There is no weights file" in refused(str(tmp_path / "nothing.safetensors"))
    assert "'pretrained', 'random', or a .safetensors or .pth file" in refused("pretraned")


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
@pytest.mark.parametrize("length", [0, 5, 300])
def test_a_truncated_file(tmp_path: Path, state: dict[str, Tensor], name: str, length: int) -> None:
    path = Path(saved(tmp_path, state, name))
    path.write_bytes(path.read_bytes()[:length])
    message = refused(str(path))
    assert str(path) in message
    assert "fetch it again" in message


class Malicious:
    """Code that unpickling would run."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (Path("malicious-was-here"),))


@pytest.mark.parametrize("legacy", [True, False])
def test_a_pickle_that_could_run_code_is_refused(
    tmp_path: Path, state: dict[str, Tensor], legacy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    torch.save({"state_dict": state, "extra": Malicious()}, buffer, _use_new_zipfile_serialization=not legacy)
    path = tmp_path / "whole_model.pth"
    path.write_bytes(buffer.getvalue())
    message = refused(str(path))
    assert "reading those could run any code" in message
    assert "safetensors" in message
    assert not (tmp_path / "malicious-was-here").exists()


def test_a_whole_module_instead_of_its_state(tmp_path: Path) -> None:
    assert "objects besides tensors" in refused(saved(tmp_path, build()))


def test_a_file_without_tensors(tmp_path: Path) -> None:
    assert "got no named tensors" in refused(saved(tmp_path, {"epoch": 3}))
    assert "got no named tensors" in refused(saved(tmp_path, [torch.ones(2)]))
    other = tmp_path / "other.pth"
    other.write_bytes(pickle.dumps({"epoch": 3}, protocol=2))
    assert str(other) in refused(str(other))


def test_missing_tensors_are_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    del state["deep.weight"], state["deep.bias"]
    message = refused(saved(tmp_path, state))
    assert "lacks 2 of the 10 tensors of tiny: 'deep.weight', 'deep.bias'" in message
    assert "another backbone?" in message


def test_differing_shapes_are_named(tmp_path: Path, state: dict[str, Tensor]) -> None:
    message = refused(saved(tmp_path, state | {"deep.weight": torch.ones(5, 4, 1, 1)}))
    assert "does not fit tiny" in message
    assert "'deep.weight' is (5, 4, 1, 1) in the file and (5, 4, 3, 3) in the network" in message


def test_weights_of_quite_another_network(tmp_path: Path) -> None:
    message = refused(saved(tmp_path, {f"block.{i}": torch.ones(1) for i in range(5)}))
    assert "Expected the tensors of tiny, such as 'conv.weight'" in message
    assert "got 'block.0', 'block.1', 'block.2' and 2 more in" in message


def test_a_backbone_without_pretrained_weights() -> None:
    message = refused("pretrained")
    assert "tiny has no pretrained weights" in message
    assert "--weights FILE" in message
    assert "--weights random" in message


def test_a_package_that_is_not_installed() -> None:
    def load(pretrained: bool) -> nn.Module:
        raise ModuleNotFoundError("No module named 'somewhere'")

    for weights in ("random", "pretrained"):
        message = refused(weights, spec(load=load, weights="v1", requires=("somewhere>=2",)))
        assert "pip install 'somewhere>=2'" in message


def test_a_loader_that_fails_without_a_known_file() -> None:
    def load(pretrained: bool) -> nn.Module:
        raise ConnectionError("no route to host")

    message = refused("pretrained", spec(load=load, weights="v1"))
    assert "The v1 weights of tiny could not be loaded (no route to host)" in message
    assert "--weights random" in message


# Downloads


class Heard(SilentProgress):
    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def content(state: dict[str, Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def downloaded(url: str) -> BackboneSpec:
    """A backbone whose weights are in the folder of torch.hub, as those of torchvision."""
    remote = RemoteFile(url, size=12_300_000)

    def load(pretrained: bool) -> nn.Module:
        module = build()
        if pretrained:
            module.load_state_dict(torch.load(hub_file(remote), weights_only=True))
        return module

    return spec(load=load, weights="v1", remote=remote)


def test_a_download_is_announced_checked_and_kept(content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    name = f"tiny-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    with serving(Behavior(content), name) as server:
        backbone = downloaded(server.url)
        loaded = build_backbone(backbone, progress=heard)
        build_backbone(backbone, progress=heard)
        assert len(server.asked) == 1
    assert heard.sentences == [f"Fetching the v1 weights of tiny (12.3 MB) to {hub_file(backbone.remote)}"]
    assert (loaded.weights, loaded.source) == ("v1", f"v1 from {backbone.remote.url}")
    assert [path.name for path in hub_file(backbone.remote).parent.iterdir()] == [name]
    assert capsys.readouterr() == ("", "")


def test_an_interrupted_download_is_resumed(content: bytes) -> None:
    name = f"tiny-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    with serving(Behavior(content, drops=[1000]), name) as server:
        build_backbone(downloaded(server.url))
        assert server.asked == ["", "bytes=1000-"]


def test_a_download_that_is_not_what_its_name_promises(content: bytes) -> None:
    with serving(Behavior(content), "tiny-01234567.pth") as server:
        backbone = downloaded(server.url)
        message = refused("pretrained", backbone)
        expected = f"got one with the SHA-256 {hashlib.sha256(content).hexdigest()[:8]}... instead of 01234567..."
        assert expected in message
        assert not hub_file(backbone.remote).exists()
        assert expected in refused("pretrained", backbone), "and nothing was kept"
    assert "Alternatives:" in message


def test_a_server_that_refuses_or_is_not_there(content: bytes) -> None:
    with serving(Behavior(content, status=404), "tiny.pth") as server:
        backbone = downloaded(server.url)
        refusal = refused("pretrained", backbone)
    absence = refused("pretrained", backbone)
    assert "the server answered 404" in refusal
    assert "could not be fetched" in absence
    for message in (refusal, absence):
        assert "The v1 weights of tiny could not be fetched" in message
        assert f"put it at {hub_file(backbone.remote)}" in message
        assert "--weights FILE" in message
        assert "--weights random" in message


def test_a_damaged_file_in_the_hub_folder_is_named(content: bytes) -> None:
    backbone = downloaded("http://127.0.0.1:9/tiny.pth")
    kept = hub_file(backbone.remote)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(content[:200])
    message = refused("pretrained", backbone)
    assert f"in {kept} are damaged" in message
    assert "Delete that file" in message


@pytest.mark.parametrize("page", [b"<html>Sign in to the network</html>", b"", b"\n"])
def test_a_page_instead_of_a_file(page: bytes) -> None:
    with serving(Behavior(page), "tiny.pth") as server:
        backbone = downloaded(server.url)
        message = refused("pretrained", backbone)
    assert "Expected weights from http" in message
    assert ("got a web page" if page.strip() else "got nothing") in message
    assert not hub_file(backbone.remote).exists()


def test_a_file_in_the_hub_folder_that_is_not_what_its_name_promises(content: bytes) -> None:
    """torch.hub checks hashes only while it downloads, and unpickles anything."""
    name = f"tiny-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    backbone = downloaded(f"http://127.0.0.1:9/{name}")
    there = hub_file(backbone.remote)
    there.parent.mkdir(parents=True)
    for wrong in (content[:-1], b"<html>404</html>", b""):
        there.write_bytes(wrong)
        message = refused("pretrained", backbone)
        assert f"at {there}, got" in message
        assert "Delete it and run again" in message
    there.write_bytes(content)
    assert build_backbone(backbone).weights == "v1"


def test_what_is_in_the_way_of_a_download(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Behavior(content), "tiny.pth") as server:
        backbone = downloaded(server.url)
        target = hub_file(backbone.remote)
        target.mkdir(parents=True)
        assert f"got the folder {target}: move it away" in refused("pretrained", backbone)
        target.rmdir()
        target.symlink_to(tmp_path / "gone" / "nothing")
        assert build_backbone(backbone).weights == "v1"
        target.unlink()
        (tmp_path / "file").write_bytes(b"")
        monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "file"))
        assert "Cannot write in" in refused("pretrained", backbone)


def break_down(pretrained: bool) -> nn.Module:
    raise ValueError("no such\nlayer")


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (break_down, r"ValueError: no such layer"),
        (lambda pretrained: None, "returned NoneType instead of an nn.Module"),
    ],
)
@pytest.mark.parametrize("weights", ["random", "pretrained"])
def test_a_backbone_whose_plugin_is_broken_is_named(load: Callable[[bool], Any], says: str, weights: str) -> None:
    with pytest.raises(PluginError, match=rf"Backbone tiny .*{says}"):
        build_backbone(spec(load=load, weights="V1"), weights)


def test_text_is_no_weights_file(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    (tmp_path / "text.pth").write_text("hello there")
    with pytest.raises(WeightsError, match=r"was not written by torch\.save"):
        build_backbone(spec(), str(tmp_path / "text.pth"))
    (tmp_path / "list.pth").write_bytes(pickle.dumps([1, 2], protocol=4))
    with pytest.raises(WeightsError):
        build_backbone(spec(), str(tmp_path / "list.pth"))
    assert not recwarn.list
