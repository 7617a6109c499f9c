"""How the tensors of a file get into a network: types of values, versions of layouts, and the network's own loading."""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import mnasnet

from lnkit import BackboneSpec, PluginError, WeightsError
from lnkit.networks.load import load_backbone
from lnkit.networks.weight_fit import _Own
from lnkit.networks.weight_readings import _without_prefixes
from lnkit.networks.weights import LoadedBackbone, build_backbone, build_random
from lnkit.plugins.load import default_registry
from lnkit.progress import SilentProgress


class Heard(SilentProgress):
    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


def spec(module: nn.Module) -> BackboneSpec:
    return BackboneSpec(name="tiny", family="Test", load=lambda pretrained: copy.deepcopy(module))


def plain() -> nn.Module:
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3), fc=nn.Conv2d(4, 5, 1)))


def loaded(folder: Path, state: Any, module: nn.Module, name: str = "x.pth") -> tuple[LoadedBackbone, list[str]]:
    """Save a state, load it into a copy of a network, and return it with what was said."""
    heard = Heard()
    torch.save(state, folder / name) if name.endswith("pth") else save_file(state, folder / name)
    return build_backbone(spec(module), str(folder / name), progress=heard), heard.sentences


def refused(folder: Path, state: Any, module: nn.Module) -> str:
    with pytest.raises(WeightsError) as caught:
        loaded(folder, state, module)
    return str(caught.value)


# Types of values


def with_weight(weight: Tensor) -> dict[str, Any]:
    return {**plain().state_dict(), "conv.weight": weight}


WEIGHT = torch.linspace(-1, 1, 108, dtype=torch.float64).reshape(4, 3, 3, 3)
ODD: dict[str, tuple[Callable[[], Tensor], str]] = {
    "sparse": (lambda: WEIGHT.float().to_sparse(), "is sparse"),
    "CSR": (lambda: torch.eye(4).to_sparse_csr(), "is sparse"),
    "meta": (lambda: torch.empty(4, 3, 3, 3, device="meta"), "has no values"),
    "quantized": (
        lambda: torch.quantize_per_tensor(WEIGHT.float(), 0.1, 0, torch.qint8),
        r"is quantized \(torch.qint8\)",
    ),
    "float8": (lambda: WEIGHT.to(torch.float8_e4m3fn), r"is quantized \(torch.float8_e4m3fn\)"),
    "nested": (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "is nested"),
    "integers": (lambda: torch.ones(4, 3, 3, 3, dtype=torch.int8), r"has integer values \(torch.int8\)"),
    "booleans": (lambda: torch.ones(4, 3, 3, 3, dtype=torch.bool), r"has integer values \(torch.bool\)"),
    "complex": (lambda: WEIGHT.to(torch.complex64), r"has complex values \(torch.complex64\)"),
}


@pytest.mark.filterwarnings("ignore:.*(nested|[Ss]parse|quant).*")
@pytest.mark.parametrize("case", ODD)
def test_values_that_would_change_on_their_way_are_refused_by_name(case: str, tmp_path: Path) -> None:
    make, says = ODD[case]
    with pytest.raises(WeightsError, match=rf"x\.pth cannot be loaded into tiny: 'conv\.weight' {says}"):
        loaded(tmp_path, with_weight(make()), plain())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrower_values_are_exact_and_not_mentioned(dtype: torch.dtype, tmp_path: Path) -> None:
    backbone, said = loaded(tmp_path, with_weight(WEIGHT.to(dtype)), plain())
    assert backbone.module.state_dict()["conv.weight"].double().equal(WEIGHT.to(dtype).double())
    assert said == []


def test_rounding_is_said(tmp_path: Path) -> None:
    backbone, said = loaded(tmp_path, with_weight(WEIGHT), plain())
    assert backbone.module.state_dict()["conv.weight"].equal(WEIGHT.float())
    assert said == ["Values in x.pth are rounded to the precision of the network: 'conv.weight'."]
    _, said = loaded(tmp_path, with_weight(WEIGHT.float().double()), plain())
    assert said == []
    _, said = loaded(tmp_path, with_weight(WEIGHT.float()), plain().half())
    assert said[0].startswith("Values in x.pth are rounded")


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_values_that_are_no_numbers_are_said(bad: float, tmp_path: Path) -> None:
    weight = WEIGHT.float()
    weight[1, 2, 0, 1] = bad
    _, said = loaded(tmp_path, with_weight(weight), plain())
    assert said == ["Some values in x.pth are not finite numbers: 'conv.weight'."]


def test_integers_of_another_width(tmp_path: Path) -> None:
    module = plain()
    module.conv.register_buffer("index", torch.zeros(3, dtype=torch.int32))
    state = module.state_dict()
    backbone, _ = loaded(tmp_path, state | {"conv.index": torch.tensor([1, 2, 2**31 - 1])}, module)
    assert backbone.module.state_dict()["conv.index"].tolist() == [1, 2, 2**31 - 1]
    assert "too large" in refused(tmp_path, state | {"conv.index": torch.tensor([1, 2, 2**31])}, module)
    for dtype in (torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.int8, torch.bool):
        backbone, _ = loaded(tmp_path, state | {"conv.index": torch.tensor([1, 0, 1], dtype=dtype)}, module)
        assert backbone.module.state_dict()["conv.index"].tolist() == [1, 0, 1]
    assert "has floating-point values" in refused(tmp_path, state | {"conv.index": torch.ones(3)}, module)


class WithoutMemory:
    """Pickled as a tensor that has no memory, which torch allows for wrappers of other tensors."""

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (Tensor, torch.float32, (4, 3, 3, 3), (27, 9, 3, 1), 0, torch.strided, torch.device("cpu"), False)
        return torch._utils._rebuild_wrapper_subclass, arguments


def test_a_tensor_without_memory(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path, with_weight(WithoutMemory()), plain())  # type: ignore[arg-type]


def test_a_value_that_is_no_tensor(tmp_path: Path) -> None:
    assert "'conv.weight'" in refused(tmp_path, with_weight([1.0, 2.0]), plain())  # type: ignore[arg-type]


# Versions of layouts


ALPHAS = {"mnasnet0_5": 0.5, "mnasnet0_75": 0.75, "mnasnet1_0": 1.0, "mnasnet1_3": 1.3}


@pytest.mark.parametrize("name", ALPHAS)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_networks_that_read_the_version_of_their_state(name: str, suffix: str, tmp_path: Path) -> None:
    module = getattr(mnasnet, name)().eval()
    if suffix == "pth":
        torch.save(module.state_dict(), tmp_path / "x.pth")
    else:
        save_file(module.state_dict(), tmp_path / "x.safetensors")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    again = load_backbone(name, weights=str(tmp_path / f"x.{suffix}"))
    with torch.inference_mode():
        assert torch.equal(again.layers(images), module.layers(images))  # type: ignore[operator]


def test_the_first_layout_of_mnasnet(tmp_path: Path) -> None:
    """Version 1 had a stem of 32 channels at every width; the network rebuilds itself to load it."""
    module = mnasnet.mnasnet0_5()
    wide = [nn.Conv2d(3, 32, 3, bias=False), nn.BatchNorm2d(32), nn.Conv2d(32, 32, 3, groups=32, bias=False)]
    narrow = [nn.BatchNorm2d(32), nn.Conv2d(32, 16, 1, bias=False), nn.BatchNorm2d(16)]
    layers = dict(zip("013467", (*wide, *narrow), strict=True))
    layers["8"] = mnasnet._stack(16, module.layers[8][0].layers[6].out_channels, 3, 2, 3, 3, mnasnet._BN_MOMENTUM)
    old = OrderedDict(module.state_dict())
    for number, layer in layers.items():
        old.update({f"layers.{number}.{name}": tensor for name, tensor in layer.state_dict().items()})
    old._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    expected = mnasnet.mnasnet0_5()
    with warnings.catch_warnings(action="ignore"):
        expected.load_state_dict(copy.copy(old))
    backbone, said = loaded(tmp_path, old, mnasnet.mnasnet0_5())
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(backbone.module(images), expected.eval()(images))
    assert "A new version of MNASNet model has been implemented" in said[0]


def test_names_that_the_network_renames(tmp_path: Path) -> None:
    """Vision transformers of earlier torchvisions call their linear layers linear_1 and linear_2."""
    from torchvision.models.vision_transformer import VisionTransformer

    module = VisionTransformer(8, 4, 2, 2, 8, 16, num_classes=3)
    module.heads.head.weight.data.normal_()
    old = {
        name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): torch.rand_like(tensor)
        for name, tensor in module.state_dict().items()
    }
    expected = copy.deepcopy(module)
    expected.load_state_dict(dict(old))
    for name in ("x.pth", "x.safetensors"):
        for prefix in ("", "module."):
            state = {f"{prefix}{key}": tensor for key, tensor in old.items()}
            backbone, said = loaded(tmp_path, state, module, name)
            for key, tensor in expected.state_dict().items():
                assert torch.equal(backbone.module.state_dict()[key], tensor), key
            assert len(said) == bool(prefix)


class Versioned(nn.Conv2d):
    """A layer that once stored half of its weight."""

    _version = 3

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, metadata: dict[str, Any], *rest: Any) -> None:
        if metadata.get("version") is None:
            raise ValueError("version should be set")
        if metadata["version"] < 3:
            state[f"{prefix}weight"] = state[f"{prefix}weight"] * 2
        super()._load_from_state_dict(state, prefix, metadata, *rest)


@pytest.mark.parametrize("prefix", ["", "module.", "model.net."])
def test_the_version_of_a_layer_is_that_of_the_file(prefix: str, tmp_path: Path) -> None:
    module = nn.Sequential(OrderedDict(conv=Versioned(3, 4, 3), last=nn.Conv2d(4, 4, 1)))
    state = OrderedDict((f"{prefix}{name}", value) for name, value in module.state_dict().items())
    weight = module.conv.weight.detach()
    for version, factor in ((2, 2), (3, 1), (None, 1)):
        if version:
            state._metadata = {"": {"version": 1}, f"{prefix}conv": {"version": version}}  # type: ignore[attr-defined]
        else:
            state = OrderedDict(state)
        backbone, _ = loaded(tmp_path, state, module)
        assert torch.equal(backbone.module.state_dict()["conv.weight"], weight * factor)


def test_metadata_that_would_steer_the_loading(tmp_path: Path) -> None:
    state = OrderedDict(plain().state_dict())
    for metadata in (
        5,
        {"conv": 3, 4: {}},
        {"conv": {"version": "x", "assign_to_params_buffers": True}, "": {"assign_to_params_buffers": True}},
    ):
        state._metadata = metadata  # type: ignore[attr-defined]
        half = OrderedDict((name, value.half()) for name, value in state.items())
        half._metadata = metadata  # type: ignore[attr-defined]
        backbone, _ = loaded(tmp_path, half, plain())
        assert backbone.module.state_dict()["conv.weight"].dtype == torch.float32


def require_one_reading(name: str) -> None:
    """Require that a backbone takes its own state dict, under any prefix and without versions, and only as it is."""
    with torch.device("meta"):
        module = build_random(default_registry().backbone(name))
    own, state = _Own(module), module.state_dict()
    for prefix in ("", "module.", "model.net."):
        readings = _without_prefixes(
            "", {f"{prefix}{key}": value for key, value in state.items()}, own.names.__contains__
        )
        (reading,) = [reading for reading in readings if own.fits(reading)]
        assert reading.label == prefix.removesuffix(".")
        assert own.loads(reading)


@pytest.mark.parametrize("name", ["squeezenet1_1", "mnasnet0_5"])
def test_a_backbone_fits_its_own_state_in_one_way(name: str) -> None:
    require_one_reading(name)


@pytest.mark.exhaustive
def test_every_backbone_fits_its_own_state_in_one_way() -> None:
    without_tensors = {"pixel", "bce"}
    names = [name for name in default_registry().backbones if name not in without_tensors]
    timm = [name for name in names if name.startswith("timm/")]
    for name in [*(name for name in names if not name.startswith("timm/")), *timm[::25]]:
        require_one_reading(name)


# The network's own loading


class Extra(nn.Module):
    def __init__(self, scale: Any = 1.0) -> None:
        super().__init__()
        self.conv, self.last, self.scale = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), scale

    def get_extra_state(self) -> Any:
        return {"scale": self.scale}

    def set_extra_state(self, state: Any) -> None:
        self.scale = state["scale"]

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.conv(images) * self.scale)  # type: ignore[no-any-return]


def test_extra_state_is_loaded_and_part_of_the_hash(tmp_path: Path) -> None:
    state = Extra(2.0).state_dict()
    backbone, _ = loaded(tmp_path, {"state_dict": state}, Extra(1.0))
    assert backbone.module.scale == 2.0
    other, _ = loaded(tmp_path, state | {"_extra_state": {"scale": 3.0}}, Extra(1.0))
    assert other.sha256 != backbone.sha256
    del state["_extra_state"]
    assert "lacks 1 of the 5 tensors of tiny: '_extra_state'" in refused(tmp_path, state, Extra())
    assert "its load_state_dict raised TypeError" in refused(tmp_path, state | {"_extra_state": 5}, Extra())


def test_old_weight_norm_is_loaded_by_the_new_one(tmp_path: Path) -> None:
    old, new = plain(), plain()
    with warnings.catch_warnings(action="ignore"):
        nn.utils.weight_norm(old.conv)
    nn.utils.parametrizations.weight_norm(new.conv)
    backbone, _ = loaded(tmp_path, old.state_dict(), new)
    torch.testing.assert_close(backbone.module.conv.weight, old.conv.weight)


def test_hooks_that_rename(tmp_path: Path) -> None:
    module = plain()

    def rename(_: nn.Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
        for name in [name for name in state if name.startswith(f"{prefix}first.")]:
            state[name.replace("first.", "conv.")] = state.pop(name)

    module.register_load_state_dict_pre_hook(rename)
    state = {name.replace("conv.", "first."): torch.rand_like(value) for name, value in module.state_dict().items()}
    backbone, _ = loaded(tmp_path, state, module)
    assert torch.equal(backbone.module.state_dict()["conv.weight"], state["first.weight"])
    del state["first.bias"]
    assert "lacks" in refused(tmp_path, state, module)


def test_a_network_whose_loading_raises_is_named(tmp_path: Path) -> None:
    module = plain()

    def fail(*_: Any) -> None:
        raise KeyError("so")

    module.register_load_state_dict_pre_hook(fail)
    assert "x.pth does not fit tiny: its load_state_dict raised KeyError" in refused(
        tmp_path, plain().state_dict(), module
    )


class Exits(nn.Sequential):
    def state_dict(self, *_: Any, **__: Any) -> Any:
        raise SystemExit(0)


def test_a_network_that_ends_the_process_is_named(tmp_path: Path) -> None:
    torch.save(plain().state_dict(), tmp_path / "x.pth")
    for weights in ("random", str(tmp_path / "x.pth")):
        with pytest.raises(PluginError, match="Backbone tiny cannot be built: its plugin raised SystemExit"):
            build_backbone(spec(Exits(nn.Conv2d(3, 4, 3))), weights)


def test_tensors_that_the_network_shares(tmp_path: Path) -> None:
    module = nn.Sequential(OrderedDict(a=nn.Linear(3, 3), b=nn.Linear(3, 3), c=nn.Linear(3, 3)))
    module.b.weight = module.a.weight
    backbone, _ = loaded(tmp_path, module.state_dict(), module)
    assert backbone.module.a.weight is backbone.module.b.weight
