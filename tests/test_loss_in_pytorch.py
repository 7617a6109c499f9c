"""What a loss does under the tools of PyTorch; each line of the table in the documentation is a test here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint
from torchvision.models import get_model

from lnkit import DeepPerceptualLoss, ExtractionPoint, ImageError, LossNetwork
from lnkit.networks.hook_extractor import HookExtractor

PAGE = Path(__file__).resolve().parents[1] / "docs/how-to/loss-in-training.md"
LINES: dict[str, Callable[..., None]] = {}  # first column of the table -> its test


def line(label: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def note(test: Callable[..., None]) -> Callable[..., None]:
        LINES[label] = test
        return test

    return note


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    yield
    torch._dynamo.reset()


def traced_network() -> LossNetwork:
    torch.manual_seed(0)
    points = [ExtractionPoint("early", "features.1"), ExtractionPoint("mid", "features.7")]
    return LossNetwork(get_model("squeezenet1_1", weights=None), points)


def hooked_network() -> LossNetwork:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    vit = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=0, dynamic_img_size=True)
    points = [ExtractionPoint(node, node, layout="NLC", prefix_tokens=1) for node in ("blocks.0", "blocks.1")]
    network = LossNetwork(vit.eval(), points)
    assert isinstance(network.backbone, HookExtractor)
    return network


NETWORKS = {"traced": traced_network, "hooked": hooked_network}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> LossNetwork:
    return NETWORKS[request.param]()


@pytest.fixture
def images() -> tuple[Tensor, Tensor]:
    a, b = torch.rand(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return a, b


def gradient(way: Callable[[Tensor, Tensor], Tensor], images: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return a value and the gradient of the output."""
    output = images[0].clone().requires_grad_()
    value = way(output, images[1])
    (slope,) = torch.autograd.grad(value, output)
    return value.detach(), slope


@line("`torch.autocast`, bfloat16 and float16")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("distance", ["spatial", "style"])
def test_autocast(network: LossNetwork, images: tuple[Tensor, Tensor], distance: str, dtype: torch.dtype) -> None:
    loss = DeepPerceptualLoss(network, distance=distance)
    with torch.autocast("cpu", dtype):
        value, slope = gradient(loss, images)
    assert value.dtype == torch.float32
    assert torch.isfinite(slope).all()
    assert value != loss(*images)  # the backbone did run in half precision
    torch.testing.assert_close(value, loss(*images), rtol=0.05, atol=0)


def test_the_map_under_autocast_is_float32(network: LossNetwork, images: tuple[Tensor, Tensor]) -> None:
    loss = DeepPerceptualLoss(network, distance="spatial")
    with torch.autocast("cpu", torch.bfloat16):
        assert loss.distance_map(*images).dtype == torch.float32


@line("`torch.compile(fullgraph=True)`")
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compile(network: LossNetwork, images: tuple[Tensor, Tensor], backend: str) -> None:
    loss = DeepPerceptualLoss(network, distance="spatial")
    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    torch.testing.assert_close(gradient(compiled, images), gradient(loss, images))


@line("`torch.export.export` with a dynamic batch")
@pytest.mark.filterwarnings("ignore")  # of the exporter, about itself
def test_export(network: LossNetwork, images: tuple[Tensor, Tensor]) -> None:
    loss, count = DeepPerceptualLoss(network, distance="spatial"), torch.export.Dim("count", min=1, max=64)
    exported = torch.export.export(loss, images, dynamic_shapes=({0: count}, {0: count}), strict=True).module()
    for number in (1, 2, 3, 7):
        a, b = torch.rand(2, number, 3, 32, 32)
        torch.testing.assert_close(exported(a, b), loss(a, b))


@line("`torch.utils.checkpoint`")
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoint(network: LossNetwork, images: tuple[Tensor, Tensor], reentrant: bool) -> None:
    loss = DeepPerceptualLoss(network, distance="spatial")
    runs: list[int] = []
    count = next(iter(network.backbone.modules())).register_forward_pre_hook(lambda *_: runs.append(1))

    def checkpointed(output: Tensor, target: Tensor) -> Tensor:
        value: Tensor = checkpoint(loss, output, target, use_reentrant=reentrant)
        return value

    output = images[0].clone().requires_grad_()
    checkpointed(output, images[1]).backward()
    count.remove()
    assert len(runs) == 4  # output and target, twice
    assert torch.equal(output.grad, gradient(loss, images)[1])  # type: ignore[arg-type]


@line("Double backward")
def test_double_backward(network: LossNetwork, images: tuple[Tensor, Tensor]) -> None:
    output = images[0].clone().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):
        value = DeepPerceptualLoss(network, distance="spatial")(output, images[1])
        (slope,) = torch.autograd.grad(value, output, create_graph=True)
        slope.square().sum().backward()
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()
    assert output.grad.abs().sum() > 0


@line("`torch.autograd.gradcheck`, float64")
@pytest.mark.parametrize("distance", ["squared", "spatial", "style", "charbonnier", "cosine"])
def test_gradients_are_slopes(distance: str) -> None:
    torch.manual_seed(0)
    smooth = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3, stride=2), nn.Softplus())
    points = [ExtractionPoint("early", "1"), ExtractionPoint("late", "3")]
    loss = DeepPerceptualLoss(LossNetwork(smooth, points), distance=distance).double()
    output, target = torch.rand(2, 1, 3, 8, 8, dtype=torch.float64)
    inputs = (output.requires_grad_(),)
    assert torch.autograd.gradcheck(lambda images: loss(images, target), inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda images: loss(images, target), inputs, fast_mode=True)


@line("Images of another type than the weights")
@pytest.mark.parametrize("which", ["both", "output"])
def test_types_that_differ(network: LossNetwork, images: tuple[Tensor, Tensor], which: str) -> None:
    output, target = images[0].double(), images[1].double() if which == "both" else images[1]
    with pytest.raises(ImageError, match=r"torch\.float64 and this backbone has weights of torch\.float32") as raised:
        DeepPerceptualLoss(network)(output, target)
    assert "images.float()" in str(raised.value)
    assert "too small" not in str(raised.value)


@line("Another number of channels than 3 or 1")
@pytest.mark.parametrize(("channels", "words"), [(2, r"\(N, 3, H, W\).*got \(3, 2, 32, 32\)"), (4, "four channels")])
def test_channels_that_do_not_fit(network: LossNetwork, channels: int, words: str) -> None:
    images = torch.rand(3, channels, 32, 32)
    with pytest.raises(ImageError, match=words) as raised:
        DeepPerceptualLoss(network)(images, images)
    assert "too small" not in str(raised.value)


def test_the_table_in_the_documentation_has_these_lines() -> None:
    """Those about copies and processes are in test_loss_in_a_parent.py and test_loss_processes.py."""
    rows = re.findall(r"^\| (.+?) \| ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rows[0] == "what"
    assert set(LINES) <= set(rows)
