"""Losses of several terms against the same computation written with torch and torchvision alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import lnkit
from lnkit.losses.imports.read import import_loss
from lnkit.losses.load import load_loss

MEAN, STD = (torch.tensor(v).reshape(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


@pytest.fixture(scope="module")
def images() -> tuple[Tensor, Tensor]:
    a, b = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return a, b


@pytest.fixture(scope="module")
def vgg() -> nn.Module:
    """VGG-19 with the weights that lnkit draws for the seed 0."""
    return lnkit.load_backbone("vgg19", weights="random")


def features(vgg: nn.Module, images: Tensor, indices: list[int], normalize: bool = True) -> dict[int, Tensor]:
    taps, x = {}, (images - MEAN) / STD if normalize else images
    for index, layer in enumerate(vgg.features):  # type: ignore[union-attr, arg-type]
        x = layer(x)
        if index in indices:
            taps[index] = x.clone()  # ReLUs that follow work in place
    return taps


REAL_ESRGAN = {2: 0.1, 7: 0.1, 16: 1.0, 25: 1.0, 34: 1.0}  # conv1_2, conv2_2, conv3_4, conv4_4, conv5_4


def content(vgg: nn.Module, x: Tensor, y: Tensor, weights: dict[int, float], criterion=nn.functional.l1_loss) -> float:
    a, b = features(vgg, x, list(weights)), features(vgg, y, list(weights))
    return sum(weight * criterion(a[k], b[k]).item() for k, weight in weights.items())


def gram(f: Tensor) -> Tensor:
    n, c, h, w = f.shape
    flat = f.reshape(n, c, h * w)
    return torch.bmm(flat, flat.mT) / (c * h * w)


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


BASICSR = """
train:
  total_iter: !!float 1e6
  pixel_opt: {type: L1Loss, loss_weight: !!float 1e-2}
  perceptual_opt:
    type: PerceptualLoss
    layer_weights: {conv1_2: 0.1, conv2_2: 0.1, conv3_4: 1, conv4_4: 1, conv5_4: 1}  # before relu
    vgg_type: vgg19
    use_input_norm: true
    perceptual_weight: !!float 1.0
    style_weight: 0
    range_norm: false
    criterion: l1
"""
KAIR = '{"train": {"F_lossfn_type": "l1", // feature loss\n "F_lossfn_weight": 1, "url": "http://x"}}'


def test_that_basicsr_and_kair_are_what_their_code_computes(vgg, images, tmp_path) -> None:
    (basicsr,) = import_loss(write(tmp_path / "a.yml", BASICSR))
    (kair,) = import_loss(write(tmp_path / "a.json", KAIR))
    values = [load_loss(found.loss, weights="random")(*images).item() for found in (basicsr, kair)]
    assert values == pytest.approx([content(vgg, *images, REAL_ESRGAN)] * 2, rel=1e-5)
    assert basicsr.notes == kair.notes == ()


def test_that_style_is_added_with_its_weight(vgg, images, tmp_path) -> None:
    text = BASICSR.replace("style_weight: 0", "style_weight: 100").replace("criterion: l1", "criterion: l2")
    (found,) = import_loss(write(tmp_path / "a.yml", text))
    squared = content(vgg, *images, REAL_ESRGAN, nn.functional.mse_loss)
    a, b = (features(vgg, image, list(REAL_ESRGAN)) for image in images)
    style = sum(w * nn.functional.mse_loss(gram(a[k]), gram(b[k])).item() for k, w in REAL_ESRGAN.items())
    assert load_loss(found.loss, weights="random")(*images).item() == pytest.approx(squared + 100 * style, rel=1e-5)


def test_that_images_reach_the_network_unnormalized_where_the_options_say_so(vgg, images, tmp_path) -> None:
    (found,) = import_loss(write(tmp_path / "a.yml", BASICSR.replace("use_input_norm: true", "use_input_norm: false")))
    a, b = (features(vgg, image, list(REAL_ESRGAN), normalize=False) for image in images)
    expected = sum(w * nn.functional.l1_loss(a[k], b[k]).item() for k, w in REAL_ESRGAN.items())
    assert load_loss(found.loss, weights="random")(*images).item() == pytest.approx(expected, rel=1e-5)


def test_that_a_mixture_is_the_sum_of_its_terms(images) -> None:
    terms = ["0.5*alexnet:early+mid*2, spatial", "0.1*pixel:image, l1", "3*alexnet:mid, gram", "pixel:image, squared"]
    parts = [load_loss(term, weights="random")(*images).item() for term in terms]
    assert load_loss(" + ".join(terms), weights="random")(*images).item() == pytest.approx(sum(parts), rel=1e-6)


def test_that_a_backbone_runs_once_however_many_terms_name_it(images) -> None:
    loss = load_loss("alexnet:early, l1 + alexnet:mid, gram + 2*alexnet:early, squared", weights="random")
    convolutions = [module for module in loss.network.modules() if isinstance(module, nn.Conv2d)]
    assert [conv.out_channels for conv in convolutions] == [64, 192, 384]  # up to `mid`, each once
    runs: list[int] = []
    for conv in convolutions:
        conv.register_forward_hook(lambda *_: runs.append(1))
    loss(*images)
    assert len(runs) == 2 * len(convolutions)  # outputs and targets


def test_that_the_gradient_is_that_of_the_sum(images) -> None:
    gradients = []
    for terms in (["alexnet:early*2, l1 + pixel:image, squared"], ["2*alexnet:early, l1", "pixel:image, squared"]):
        output = images[0].clone().requires_grad_()
        sum(load_loss(term, weights="random")(output, images[1]) for term in terms).backward()  # type: ignore[union-attr]
        gradients.append(output.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_that_a_size_is_that_of_torchs_antialiased_resizing(images) -> None:
    small, large = (
        load_loss(f"alexnet{option}:early, l1", weights="random")
        for option in ("", "(size=96, interpolation=bilinear)")
    )
    resized = [
        nn.functional.interpolate(image, (96, 96), mode="bilinear", antialias=True, align_corners=False)
        for image in images
    ]
    assert large(*images).item() == pytest.approx(small(*resized).item(), rel=1e-5)


def test_that_names_of_other_projects_are_their_losses() -> None:
    (found,) = import_loss("lpips-convnext_s-1.0-0.1")
    assert str(found.loss) == (
        "0.9090909090909091*vgg16(normalization=lpips):lpips, lin(weights=lpips)"
        " + 0.09090909090909091*convnext_small(size=224, interpolation=bilinear):classifier, squared"
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yml", BASICSR.replace("conv5_4", "conv5_5"), None),  # looked up when it is loaded
        ("a.yml", BASICSR.replace("criterion: l1", "criterion: fro"), "root of a sum over the whole batch"),
        ("a.yml", BASICSR.replace("criterion: l1", "criterion: l3"), "criterion to be one of l1, l2, fro, got 'l3'"),
        ("a.yml", BASICSR.replace("vgg19", "vgg20"), "vgg_type to be one of"),
        ("a.yml", BASICSR.replace("style_weight", "sytle_weight"), "the field 'sytle_weight' is unknown"),
        ("a.yml", BASICSR.replace("perceptual_weight: !!float 1.0", "perceptual_weight: 0"), "so there is no loss"),
        ("a.yml", "train: {losses: [{type: perceptualloss, criterion: pd}]}", "distributions along the image"),
        ("a.yml", "train: {losses: [{type: perceptualloss, alpha: [0, 1]}]}", "alpha mixes in"),
        ("a.yml", "train: {losses: [{type: l1loss}]}", "has no perceptual loss that lnkit knows"),
        ("a.yml", "- 1", "has no perceptual loss that lnkit knows"),
        ("a.yml", "a: [", "Expected YAML"),
        ("a.yml", "a: !!python/object/apply:os.system ['touch x']", "Expected YAML"),
        ("a.json", "{", "Expected JSON"),
        ("a.json", '{"train": {"F_lossfn_type": "l1", "F_feature_layer": [1, 2]}}', "lists of one length"),
        ("lpips-resnet", "", "No loss of another project is called 'lpips-resnet'"),
    ],
)
def test_that_what_cannot_be_honoured_is_said(name: str, text: str, said: str | None, tmp_path: Path) -> None:
    source = write(tmp_path / name, text) if text else name
    if said is None:
        with pytest.raises(lnkit.UnknownNameError, match="conv5_4"):
            load_loss(import_loss(source)[0].loss, weights="random")
        return
    with pytest.raises(lnkit.UsageError) as caught:
        import_loss(source)
    assert said in str(caught.value)
