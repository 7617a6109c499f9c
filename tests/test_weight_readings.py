"""Checkpoints as training scripts save them: which of their tensors are loaded, and when the user must choose."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lnkit import BackboneSpec, UsageError, WeightsError
from lnkit.networks.weight_readings import read_weights
from lnkit.networks.weights import LoadedBackbone, build_backbone
from lnkit.progress import SilentProgress

State = Mapping[str, Tensor]


def build() -> nn.Module:
    layers = OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), deep=nn.Conv2d(4, 5, 3), fc=nn.Linear(5, 10))
    return nn.Sequential(layers)


SPEC = BackboneSpec(name="tiny", family="Test", load=lambda pretrained: build())


def drawn(seed: int) -> dict[str, Tensor]:
    """Return values for every entry of the network."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(tensor.shape, generator=generator) if tensor.is_floating_point() else tensor
        for name, tensor in build().state_dict().items()
    }


RAW, AVERAGED = drawn(1), drawn(2)


def under(prefix: str, state: State) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def saved(folder: Path, content: Any, name: str = "ckpt.pth") -> Path:
    path = folder / name
    torch.save(content, path) if path.suffix != ".safetensors" else save_file(dict(content), path)
    return path


class Heard(SilentProgress):
    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


def require_equal(loaded: LoadedBackbone, state: State) -> None:
    """Compare with what torch itself loads from the renamed state."""
    expected = build()
    expected.load_state_dict(dict(state), strict=True)
    for name, tensor in expected.state_dict().items():
        assert torch.equal(loaded.module.state_dict()[name], tensor), name


def inner_wrapper(name: str) -> str:
    module, _, rest = name.partition(".")
    return f"{module}.{rest}" if rest == "num_batches_tracked" else f"net.{module}._orig_mod.{rest}"


ONE: dict[str, tuple[str, Any]] = {
    "plain": ("", RAW),
    "state_dict": ("state_dict", {"state_dict": RAW, "epoch": 3}),
    "model": ("model", {"model": RAW, "args": {"lr": 0.1}, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}}),
    "model_state_dict": ("model_state_dict", {"model_state_dict": RAW}),
    "BasicSR": ("params", {"params": RAW}),
    "BasicSR, averaged": ("params_ema", {"params_ema": RAW}),
    "both, and DataParallel": ("state_dict.model.module", {"state_dict": {"model": under("module.", RAW)}}),
    "Lightning": ("state_dict.model", {"state_dict": under("model.", RAW), "pytorch-lightning_version": "2.4.0"}),
    "torch.compile": ("_orig_mod", under("_orig_mod.", RAW)),
    "DDP of a compiled network": ("module._orig_mod", under("module._orig_mod.", RAW)),
    "compiled layers": ("net", {inner_wrapper(name): tensor for name, tensor in RAW.items()}),
    "a part of a larger network": ("backbone", under("backbone.", RAW) | {"decoder.weight": torch.ones(3)}),
    "SWA": ("module", {"n_averaged": torch.tensor(7), **under("module.", RAW)}),
    "net.": ("net", under("net.", RAW)),
    "network.": ("state_dict.network", {"state_dict": under("network.", RAW)}),
    "stacked": ("state_dict.model.module.backbone", {"state_dict": under("model.module.backbone.", RAW)}),
    "a list": ("0", [RAW, {"param_groups": []}]),
    "two keys, one state": ("state_dict", {"state_dict": RAW, "state_dict_ema": RAW}),
    "two keys, equal values": ("teacher", {"teacher": RAW, "student": {k: v.clone() for k, v in RAW.items()}}),
    "keys that are no text": ("", {**RAW, 5: torch.ones(2), None: torch.ones(2), ("a",): {"b": torch.ones(1)}}),
}


@pytest.mark.parametrize("case", ONE)
def test_the_one_state_dict_that_fits_is_loaded_and_said(case: str, tmp_path: Path) -> None:
    label, content = ONE[case]
    heard = Heard()
    loaded = build_backbone(SPEC, str(saved(tmp_path, content)), progress=heard)
    require_equal(loaded, RAW)
    assert (loaded.weights, loaded.absent) == ("file", ())
    assert loaded.source == (f"ckpt.pth::{label}" if label else "ckpt.pth")
    assert heard.sentences == ([f"Weights: those under {label!r} in ckpt.pth."] if label else [])


@pytest.mark.parametrize("prefix", ["", "module.", "model.encoder."])
def test_prefixes_in_safetensors(prefix: str, tmp_path: Path) -> None:
    require_equal(build_backbone(SPEC, str(saved(tmp_path, under(prefix, RAW), "x.safetensors"))), RAW)


SEVERAL: dict[str, tuple[str, str, Callable[[State, State], Any]]] = {
    "timm": ("state_dict", "state_dict_ema", lambda raw, ema: {"state_dict": raw, "state_dict_ema": ema}),
    "model_ema": ("model", "model_ema", lambda raw, ema: {"model": raw, "model_ema": ema}),
    "ema": ("model", "ema", lambda raw, ema: {"model": raw, "ema": ema}),
    "ema_model": ("model", "ema_model", lambda raw, ema: {"model": raw, "ema_model": ema}),
    "BasicSR": ("params", "params_ema", lambda raw, ema: {"params": raw, "params_ema": ema}),
    "DINO": (
        "student.module.backbone",
        "teacher.backbone",
        lambda raw, ema: {"student": under("module.backbone.", raw), "teacher": under("backbone.", ema), "epoch": 1},
    ),
    "MoCo": (
        "state_dict.module.encoder_q",
        "state_dict.module.encoder_k",
        lambda raw, ema: {"state_dict": under("module.encoder_q.", raw) | under("module.encoder_k.", ema)},
    ),
    "two networks": ("net_g", "net_d", lambda raw, ema: {"net_g": raw, "net_d": ema}),
    "beside the network": (".", "ema", lambda raw, ema: {**raw, **under("ema.", ema)}),
    "Lightning": ("model", "ema_model", lambda raw, ema: under("model.", raw) | under("ema_model.", ema)),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_the_user_chooses_where_two_differ(case: str, tmp_path: Path) -> None:
    first, second, make = SEVERAL[case]
    path = saved(tmp_path, make(RAW, AVERAGED))
    with pytest.raises(UsageError, match="holds several sets of weights that fit tiny, and they differ") as caught:
        build_backbone(SPEC, str(path))
    for label, state in ((first, RAW), (second, AVERAGED)):
        assert f"ckpt.pth::{label}" in str(caught.value)
        heard = Heard()
        loaded = build_backbone(SPEC, f"{path}::{label}", progress=heard)
        require_equal(loaded, state)
        assert loaded.source == ("ckpt.pth" if label == "." else f"ckpt.pth::{label}")
        assert heard.sentences == []


def test_the_beginning_of_a_label_chooses_too(tmp_path: Path) -> None:
    path = saved(tmp_path, {"student": under("module.", RAW), "teacher": under("module.", AVERAGED)})
    require_equal(build_backbone(SPEC, f"{path}::teacher"), AVERAGED)
    with pytest.raises(UsageError, match=r"no weights under 'teach'\. Choose with .*ckpt\.pth::teacher\.module"):
        build_backbone(SPEC, f"{path}::teach")


def test_a_file_with_the_separator_in_its_name(tmp_path: Path) -> None:
    saved(tmp_path, {"state_dict": RAW, "ema": AVERAGED}, "a.pth")
    plain = saved(tmp_path, RAW, "a.pth::ema")
    loaded = build_backbone(SPEC, str(plain))
    assert loaded.source == "a.pth::ema"
    require_equal(loaded, RAW)
    plain.unlink()
    require_equal(build_backbone(SPEC, str(plain)), AVERAGED)
    both = saved(tmp_path, {"x": RAW, "y": AVERAGED}, "b::c.pth")
    require_equal(build_backbone(SPEC, f"{both}::y"), AVERAGED)


def test_averages_without_names(tmp_path: Path) -> None:
    """torch_ema and diffusers save the parameters as a list, in the order of the network."""
    module = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3), fc=nn.Conv2d(4, 5, 3)))
    spec = BackboneSpec(name="tiny", family="Test", load=lambda pretrained: copy.deepcopy(module))
    shadow = [torch.rand(parameter.shape) for parameter in module.parameters()]
    path = saved(tmp_path, {"model": module.state_dict(), "ema": {"decay": 0.99, "shadow_params": shadow}})
    with pytest.raises(UsageError, match=r"ckpt\.pth::model or ckpt\.pth::ema\.shadow_params"):
        build_backbone(spec, str(path))
    loaded = build_backbone(spec, f"{path}::ema").module
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(loaded.parameters(), shadow, strict=True))


def test_averages_that_lack_the_statistics_of_the_network_are_said(tmp_path: Path) -> None:
    module = build()
    shadow = [torch.rand(parameter.shape) for parameter in module.parameters()]
    heard = Heard()
    path = saved(tmp_path, {"model": RAW, "ema": {"shadow_params": shadow}})
    loaded = build_backbone(SPEC, str(path), progress=heard)
    require_equal(loaded, RAW)
    assert loaded.source == "ckpt.pth::model"
    assert any("ema.shadow_params" in sentence for sentence in heard.sentences)
    with pytest.raises(WeightsError, match=r"lacks 2 of the 10 tensors of tiny: 'norm.running_mean'"):
        build_backbone(SPEC, f"{path}::ema")


def test_a_mapping_that_holds_itself(tmp_path: Path) -> None:
    loop: dict[str, Any] = {"epoch": 1}
    loop["state_dict"] = loop
    with pytest.raises(WeightsError, match="got no named tensors"):
        build_backbone(SPEC, str(saved(tmp_path, loop)))
    loop["model"] = RAW
    require_equal(build_backbone(SPEC, str(saved(tmp_path, loop))), RAW)


def test_mappings_that_are_many_or_deep(tmp_path: Path) -> None:
    bomb: Any = RAW
    for _ in range(60):  # 2 ** 60 ways to the tensors
        bomb = {"a": bomb, "b": bomb}
    with pytest.raises(WeightsError, match="got no named tensors"):
        build_backbone(SPEC, str(saved(tmp_path, bomb)))
    deep: Any = RAW
    for _ in range(100):
        deep = [deep]
    with pytest.raises(WeightsError, match="got no named tensors"):
        build_backbone(SPEC, str(saved(tmp_path, deep)))


def test_a_name_of_many_dots(tmp_path: Path) -> None:
    path = saved(tmp_path, {**RAW, "a." * 100_000 + "conv.weight": torch.ones(1)})
    require_equal(build_backbone(SPEC, str(path)), RAW)


def test_keys_that_would_steer_a_terminal(tmp_path: Path) -> None:
    heard = Heard()
    path = saved(tmp_path, {"a\x1b[31m\nb\ud800": RAW})
    loaded = build_backbone(SPEC, str(path), progress=heard)
    assert loaded.source == "ckpt.pth::a [31m b"
    assert all(sentence.isprintable() for sentence in heard.sentences)
    require_equal(build_backbone(SPEC, f"{path}::a [31m b"), RAW)


def test_the_nearest_reading_is_named_if_none_fits(tmp_path: Path) -> None:
    part = {name: tensor for name, tensor in under("model.", RAW).items() if "deep" not in name}
    path = saved(tmp_path, {"state_dict": part, "optimizer": {"a": torch.ones(2)}})
    with pytest.raises(WeightsError, match=r"lacks 2 of the 10 tensors of tiny: 'deep.weight', 'deep.bias'"):
        build_backbone(SPEC, str(path))


def test_heads_of_other_classes_under_a_prefix(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in RAW.items() if not name.startswith("fc")}
    path = saved(tmp_path, {"state_dict": under("encoder.", state) | {"encoder.fc.weight": torch.ones(7, 5)}})
    loaded = build_backbone(SPEC, str(path))
    assert loaded.absent == ("fc.weight", "fc.bias")
    assert loaded.source == "ckpt.pth::state_dict.encoder"
    assert torch.equal(loaded.module.state_dict()["deep.weight"], RAW["deep.weight"])


def test_one_state_dict_for_those_that_read_a_file_by_itself(tmp_path: Path) -> None:
    tensors = read_weights(saved(tmp_path, {"state_dict": under("net.", RAW)}))
    assert list(tensors) == [f"net.{name}" for name in RAW]
    with pytest.raises(UsageError, match="got several: a, b"):
        read_weights(saved(tmp_path, {"a": RAW, "b": AVERAGED}))
