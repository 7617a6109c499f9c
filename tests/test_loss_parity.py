"""Losses of other projects, imported, against what their code computes, written here with torch and torchvision alone.

The conventions were read in BasicSR (8d56e3a), traiNNer-redux (6862931), KAIR (fc1732f), taming-transformers (3ba01b2),
latent-diffusion (a506df5) and 1d-tokenizer (942a96f). Weights are random, so nothing is downloaded.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import lnkit
from lnkit.losses.imports.basicsr import import_basicsr
from lnkit.losses.imports.kair import import_kair
from lnkit.losses.imports.names import import_name
from lnkit.losses.imports.read import import_loss
from lnkit.losses.imports.trainner import import_trainner
from lnkit.losses.load import load_loss
from lnkit.plugins.load import default_registry
from lnkit.training.perceptual_loss import DeepPerceptualLoss

MEAN, STD = (torch.tensor(v).reshape(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
VGG19 = {"conv1_2": 2, "conv2_2": 7, "conv3_4": 16, "conv4_4": 25, "conv5_4": 34}  # in torchvision's `features`
PRESET = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}  # Real-ESRGAN
CRITERIA: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": lambda a, b: (a - b).abs().mean(),
    "l2": lambda a, b: (a - b).square().mean(),
    "fro": lambda a, b: (a - b).square().sum().sqrt(),  # over the whole batch
    "charbonnier": lambda a, b: ((a - b).square() + 1e-12).sqrt().mean(),
}


@pytest.fixture(scope="module")
def images() -> tuple[Tensor, Tensor]:
    x, y = torch.rand(2, 2, 3, 48, 40, generator=torch.Generator().manual_seed(0))
    return x, y


@pytest.fixture(scope="module")
def vgg11() -> nn.Module:
    """With the weights that lnkit draws for the seed 0, as :func:`load_loss` does with ``weights="random"``."""
    return lnkit.load_backbone("vgg11", weights="random")


@pytest.fixture(scope="module")
def vgg19() -> nn.Module:
    return lnkit.load_backbone("vgg19", weights="random")


def taps(vgg: nn.Module, x: Tensor, indices: list[int]) -> list[Tensor]:
    found = []
    for index, layer in enumerate(vgg.features):  # type: ignore[arg-type]
        x = layer(x)
        if index in indices:
            found.append(x.clone())  # the ReLU that follows works in place
        if index == max(indices):
            break
    return found


def gram(f: Tensor) -> Tensor:
    n, c, h, w = f.shape
    flat = f.reshape(n, c, h * w)
    return torch.bmm(flat, flat.mT) / (c * h * w)


def weighted(
    vgg: nn.Module, x: Tensor, y: Tensor, layers: dict[int, float], criterion: str, style: bool = False
) -> float:
    a, b = (taps(vgg, (v - MEAN) / STD, list(layers)) for v in (x, y))
    if style:
        a, b = [gram(f) for f in a], [gram(f) for f in b]
    return sum(w * CRITERIA[criterion](f, g).item() for w, f, g in zip(layers.values(), a, b, strict=True))


def basicsr(criterion: str = "l1", **fields: object) -> DeepPerceptualLoss:
    options = {"layer_weights": {"conv1_1": 0.1, "conv2_1": 0.5, "conv3_2": 1}, "vgg_type": "vgg11", **fields}
    return load_loss(import_basicsr({**options, "criterion": criterion}, "here").loss, weights="random")


LAYERS = {0: 0.1, 3: 0.5, 8: 1.0}  # those of the options above, by their indices in torchvision's `features`


@pytest.fixture(scope="module")
def imported() -> dict[str, DeepPerceptualLoss]:
    return {name: basicsr(name, style_weight=20) for name in ("l1", "l2")}


@pytest.mark.parametrize("criterion", ["l1", "l2"])
def test_content_and_style_of_basicsr(
    criterion: str, vgg11: nn.Module, imported: dict[str, DeepPerceptualLoss], images: tuple[Tensor, Tensor]
) -> None:
    content, style = (weighted(vgg11, *images, LAYERS, criterion, style) for style in (False, True))
    assert content > 0
    assert style > 0
    assert imported[criterion](*images).item() == pytest.approx(content + 20 * style, rel=1e-5)


# 1. Equal images.
DISTANCES = ("spatial", "squared", "l1", "cosine", "angle", "gram", "gram(criterion=squared)", "dists", "style", "sort")


def test_equal_images_have_no_distance(imported: dict[str, DeepPerceptualLoss], images: tuple[Tensor, Tensor]) -> None:
    x, _ = images
    for distance in DISTANCES:
        loss = load_loss("squeezenet1_1:early*0.1+mid*2", distance=distance, weights="random")
        assert loss(x, x.clone()).item() == pytest.approx(0, abs=1e-6), distance
    for loss in imported.values():
        assert loss(x, x.clone()).item() == 0
    smooth = load_loss("squeezenet1_1:early*0.1+mid*2, charbonnier", weights="random")
    assert smooth(x, x.clone()).item() == pytest.approx(2.1e-6, rel=1e-4)


# 2. A batch twice.
def test_a_batch_twice_is_the_same_for_means_and_not_for_the_frobenius_norm(
    vgg11: nn.Module, imported: dict[str, DeepPerceptualLoss], images: tuple[Tensor, Tensor]
) -> None:
    twice = tuple(torch.cat([image, image]) for image in images)
    for loss in imported.values():
        assert loss(*twice).item() == pytest.approx(loss(*images).item(), rel=1e-5)
    for style in (False, True):  # so it has no value for one image, and the importer refuses it
        ratio = weighted(vgg11, *twice, LAYERS, "fro", style) / weighted(vgg11, *images, LAYERS, "fro", style)
        assert ratio == pytest.approx(2**0.5, rel=1e-5)
    with pytest.raises(lnkit.UsageError, match="grows with the batch"):
        basicsr("fro")


# 3. KAIR.
@pytest.mark.exhaustive
def test_the_default_of_kair_is_the_preset_of_real_esrgan(vgg19: nn.Module, images: tuple[Tensor, Tensor]) -> None:
    preset = load_loss(import_basicsr({"layer_weights": PRESET}, "here").loss, weights="random")(*images).item()
    kair = load_loss(import_kair({"F_lossfn_type": "l1", "F_lossfn_weight": 3}, "here").loss, weights="random")
    by_hand = weighted(vgg19, *images, {VGG19[name]: weight for name, weight in PRESET.items()}, "l1")
    assert preset == pytest.approx(by_hand, rel=1e-5)
    assert kair(*images).item() == pytest.approx(3 * by_hand, rel=1e-5)


def test_kair_and_basicsr_name_the_same_layers() -> None:
    registry = default_registry()
    for name, index in VGG19.items():
        (group,) = registry.resolve_points("vgg19", name)
        (point,) = registry.points_of(lnkit.LossNetworkId("vgg19", group))
        assert point.node == f"features.{index}"
    kair = import_kair({"F_lossfn_type": "l1"}, "here").loss.terms[0]
    assert dict(kair.points) == {f"features.{VGG19[name]}": weight for name, weight in PRESET.items()}


# 4. traiNNer-redux.
def replicating(vgg: nn.Module) -> nn.Module:
    changed = copy.deepcopy(vgg)
    changed.features[0].padding_mode = "replicate"  # type: ignore[index, union-attr]
    return changed


@pytest.mark.exhaustive
def test_trainner_differs_at_the_border_which_the_importer_says(
    vgg19: nn.Module, images: tuple[Tensor, Tensor]
) -> None:
    fields = {"type": "PerceptualLoss", "loss_weight": 1.0, "criterion": "l1", "layer_weights": {"conv1_2": 1.0}}
    found = import_trainner(fields, "here")
    assert "border" in found.notes[0]
    loss = load_loss(found.loss, weights="random")
    theirs = weighted(replicating(vgg19), *images, {2: 1.0}, "l1")
    assert abs(loss(*images).item() - theirs) > 1e-4 * theirs
    zeros, replicas = (
        [taps(net, (v - MEAN) / STD, [2])[0][..., 2:-2, 2:-2] for v in images] for net in (vgg19, replicating(vgg19))
    )
    torch.testing.assert_close(zeros[0], replicas[0], rtol=1e-5, atol=1e-5)
    assert CRITERIA["l1"](*zeros).item() == pytest.approx(CRITERIA["l1"](*replicas).item(), rel=1e-5)
    first = next(module for module in loss.network.modules() if isinstance(module, nn.Conv2d))
    first.padding_mode = "replicate"
    assert loss(*images).item() == pytest.approx(theirs, rel=1e-5)


@pytest.mark.exhaustive
def test_charbonnier_of_trainner_with_the_same_padding(vgg19: nn.Module, images: tuple[Tensor, Tensor]) -> None:
    loss = load_loss(import_trainner({"type": "perceptualloss", "loss_weight": 0.01}, "here").loss, weights="random")
    next(module for module in loss.network.modules() if isinstance(module, nn.Conv2d)).padding_mode = "replicate"
    layers = {VGG19[name]: weight for name, weight in PRESET.items()}
    theirs = 0.01 * weighted(replicating(vgg19), *images, layers, "charbonnier")
    assert loss(*images).item() == pytest.approx(theirs, rel=1e-5)


# 5. The Gram matrix of a constant map.
@pytest.mark.parametrize(("value", "shape"), [(3.0, (2, 5, 4)), (-0.5, (7, 1, 3))])
def test_the_gram_matrix_of_a_constant_map(value: float, shape: tuple[int, ...]) -> None:
    constant = torch.full((1, *shape), value)
    expected = value**2 / shape[0]  # every entry, against those of a map of zeros
    assert lnkit.distances.gram(torch.zeros_like(constant), constant).item() == pytest.approx(expected)
    squared = lnkit.distances.gram(torch.zeros_like(constant), constant, criterion="squared")
    assert squared.item() == pytest.approx(expected**2)


# 6. Ranges of values.
def test_images_in_minus_one_to_one(
    vgg11: nn.Module, imported: dict[str, DeepPerceptualLoss], images: tuple[Tensor, Tensor]
) -> None:
    options = {"layer_weights": {"conv1_1": 0.1, "conv2_1": 0.5, "conv3_2": 1}, "vgg_type": "vgg11"}
    found = import_basicsr({**options, "range_norm": True, "style_weight": 20}, "here")
    assert "[-1, 1]" in found.notes[0]
    loss = load_loss(found.loss, weights="random", value_range=(-1, 1))
    x, y = (2 * image - 1 for image in images)
    assert loss(x, y).item() == pytest.approx(imported["l1"](*images).item(), rel=1e-4)


@pytest.fixture(scope="module")
def squeeze() -> tuple[nn.Module, DeepPerceptualLoss]:
    """LPIPS of the package, and of lnkit with the same trunk and learned weights."""
    return both_lpips("squeezenet1_1", "squeeze", "lpips-squeeze")


def both_lpips(backbone: str, net: str, name: str) -> tuple[nn.Module, DeepPerceptualLoss]:
    lpips = pytest.importorskip("lpips")
    theirs = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    drawn = lnkit.load_backbone(backbone, weights="random").state_dict()
    for key, value in theirs.net.named_parameters():  # "slice2.3.squeeze.weight" is torchvision's "features.3..."
        value.data.copy_(drawn[f"features.{key.partition('.')[2]}"])
    return theirs, load_loss(import_name(name).loss, weights="random")


def test_lpips_normalizes(squeeze: tuple[nn.Module, DeepPerceptualLoss], images: tuple[Tensor, Tensor]) -> None:
    theirs, ours = squeeze
    with torch.no_grad():
        normalized = theirs(*images, normalize=True).mean().item()
        plain = theirs(*(2 * image - 1 for image in images)).mean().item()
    assert ours(*images).item() == pytest.approx(normalized, rel=1e-5) == pytest.approx(plain, rel=1e-5)
    moved = load_loss(import_name("lpips-squeeze").loss, weights="random", value_range=(-1, 1))
    assert moved(*(2 * image - 1 for image in images)).item() == pytest.approx(normalized, rel=1e-5)


# 7. 1d-tokenizer, taming, LDM.
@pytest.mark.exhaustive
def test_1d_tokenizer(images: tuple[Tensor, Tensor]) -> None:
    theirs, lpips_alone = both_lpips("vgg16", "vgg", "lpips-vgg")
    with torch.no_grad():
        lpips = theirs(*(2 * image - 1 for image in images)).mean().item()
        convnext = lnkit.load_backbone("convnext_small", weights="random")
        logits = [
            convnext((F.interpolate(v, (224, 224), mode="bilinear", antialias=True, align_corners=False) - MEAN) / STD)
            for v in images
        ]
    mse = F.mse_loss(*logits).item()
    values = {"lpips-convnext_s-1-0": lpips, "convnext_s": mse, "lpips-convnext_s-1.0-0.1": (lpips + 0.1 * mse) / 1.1}
    for name, value in values.items():
        loss = load_loss(import_name(name).loss, weights="random")
        assert loss(*images).item() == pytest.approx(value, rel=2e-5), name
    assert lpips_alone(*images).item() == pytest.approx(lpips, rel=1e-5)


def test_taming_takes_the_mean_and_ldm_the_sum(
    squeeze: tuple[nn.Module, DeepPerceptualLoss], images: tuple[Tensor, Tensor]
) -> None:
    theirs, _ = squeeze  # they have VGG-16; the arithmetic is the same
    x, y = (2 * image - 1 for image in images)
    with torch.no_grad():
        r = (x - y).abs() + 1.0 * theirs(x, y)  # (N, C, H, W) + (N, 1, 1, 1)
    taming, ldm = r.mean().item(), (r / torch.tensor(0.0).exp() + 0.0).sum().item() / len(x)
    text = "2*pixel:image, l1 + squeezenet1_1(normalization=lpips):lpips, lin(weights=lpips)"  # 2: of [-1, 1]
    loss = load_loss(text, weights="random", value_range=(-1, 1))(x, y).item()
    assert loss == pytest.approx(taming, rel=1e-5)
    assert ldm == pytest.approx(loss * x[0].numel(), rel=1e-5)


# 8. The map of LPIPS.
def test_a_map_is_the_sum_of_bilinear_maps_of_the_layers(images: tuple[Tensor, Tensor]) -> None:
    x, y = images
    net = lnkit.load_backbone("squeezenet1_1", weights="random")
    a, b = (taps(net, (v - MEAN) / STD, [1, 4]) for v in images)
    expected = torch.zeros(2, 1, 48, 40)
    for f, g in zip(a, b, strict=True):
        f, g = (v / (v.norm(dim=1, keepdim=True) + 1e-10) for v in (f, g))
        layer = (f - g).square().sum(1, keepdim=True)
        expected += F.interpolate(layer, (48, 40), mode="bilinear", align_corners=False)
    loss = load_loss("squeezenet1_1:features.1+features.4, spatial", weights="random")
    torch.testing.assert_close(loss.distance_map(x, y), expected, rtol=1e-5, atol=1e-6)


def test_a_map_at_full_resolution_has_the_distance_as_its_mean(images: tuple[Tensor, Tensor]) -> None:
    loss = load_loss("vgg11:conv1_1, spatial", weights="random", reduction="none")
    torch.testing.assert_close(loss.distance_map(*images).mean((1, 2, 3)), loss(*images), rtol=1e-6, atol=0)


# 11. What cannot be imported.
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"vgg_type": "vgg19", "layer_weights": {"bn5_4": 1.0}}, "bn5_4"),
        ({"vgg_type": "vgg11", "layer_weights": {"conv1_2": 1.0}}, "conv1_2"),
        ({"vgg_type": "vgg19", "layer_weights": {"conv6_1": 1.0}}, "conv6_1"),
    ],
)
def test_layers_that_a_network_has_not_are_named(fields: dict[str, object], said: str) -> None:
    with pytest.raises(lnkit.UnknownNameError, match=said):
        load_loss(import_basicsr(fields, "here").loss, weights="random")


def test_layers_of_another_kind_have_another_criterion_in_trainner() -> None:
    """Without ``alpha`` only convolutions are compared by l1 or charbonnier there."""
    fields = {"type": "perceptualloss", "loss_weight": 1.0, "layer_weights": {"conv1_2": 1.0, "relu2_2": 1.0}}
    with pytest.raises(lnkit.UsageError, match=r"relu2_2.*alpha"):
        import_trainner(fields, "here")
    stated = import_trainner({**fields, "alpha": [0, 0]}, "here").loss
    assert str(stated) == "vgg19:conv1_2+relu2_2, charbonnier"


def test_missing_weights_are_named(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("train: {perceptual_opt: {type: PerceptualLoss, perceptual_weight: 1}}")
    pytest.importorskip("yaml")
    with pytest.raises(lnkit.UsageError, match="layer_weights"):
        import_loss(str(file))
    with pytest.raises(lnkit.UsageError, match="loss_weight"):
        import_trainner({"type": "perceptualloss"}, "here")
