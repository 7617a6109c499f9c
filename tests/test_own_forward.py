"""A network's own forward is what a cut computes, whoever replaced it: against the network itself, bit by bit."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrizations, prune
from torchvision.models import resnet18

from lnkit import ExtractionPoint, LossNetwork, UsageError
from lnkit.networks.hook_extractor import HookExtractor

Network = nn.Module


class Small(nn.Module):
    """Two blocks; the second node depends on the first."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.b = nn.Sequential(nn.Conv2d(4, 5, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.pool(self.a(x)))


def without_pool(self: Small, x: Tensor) -> Tensor:
    return self.b(self.a(x))


def own_outputs(network: Network, images: Tensor, node: str = "b") -> Tensor:
    """Run a network as it is, and return the output of a node."""
    outputs: list[Tensor] = []
    handle = network.get_submodule(node).register_forward_hook(lambda _m, _i, output: outputs.append(output.clone()))
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        network((images - mean) / std)
    handle.remove()
    return outputs[0]


def cut(network: Network, node: str = "b") -> LossNetwork:
    return LossNetwork(network, [ExtractionPoint("point", node)])


# each function changes a network that exists


def own_forward(network: Small) -> None:
    network.forward = types.MethodType(without_pool, network)  # type: ignore[method-assign]


def partial_forward(network: Small) -> None:
    network.forward = functools.partial(without_pool, network)  # type: ignore[method-assign]


def own_forward_of_a_leaf(network: Small) -> None:
    network.pool.forward = types.MethodType(lambda self, x: x * 2, network.pool)  # type: ignore[method-assign]


def own_forward_of_a_block(network: Small) -> None:
    network.a.forward = types.MethodType(lambda self, x: self[0](x), network.a)  # type: ignore[method-assign]


def hook_before_all(network: Small) -> None:
    network.register_forward_pre_hook(lambda _module, inputs: (inputs[0] * 3,))


def hook_before_a_block(network: Small) -> None:
    network.a.register_forward_pre_hook(lambda _module, inputs: (inputs[0] + 1,))


def hook_after_a_block(network: Small) -> None:
    network.a.register_forward_hook(lambda _module, _inputs, output: output - 1)


def hook_after_the_node(network: Small) -> None:
    network.b.register_forward_hook(lambda _module, _inputs, output: output.flip(1))


def function_as_attribute(network: Small) -> None:
    network.pool = nn.Identity()
    network.pool.act = torch.cos  # type: ignore[assignment]
    network.pool.forward = types.MethodType(lambda self, x: self.act(x), network.pool)  # type: ignore[method-assign]


def patched_call(network: Small) -> None:
    def call(self: Small, x: Tensor) -> Tensor:
        return nn.Module.__call__(self, x + 1)

    network.__class__ = type("Patched", (Small,), {"__call__": call})


def parametrized(network: Small) -> None:
    parametrizations.weight_norm(network.a[0])
    with torch.no_grad():
        network.a[0].parametrizations.weight.original0.mul_(2)


def pruned(network: Small) -> None:
    prune.l1_unstructured(network.a[0], "weight", amount=0.5)
    with torch.no_grad():
        network(torch.zeros(1, 3, 20, 20))  # torch copies no tensor that has a gradient function


CHANGES = [
    *(own_forward, partial_forward, own_forward_of_a_leaf, own_forward_of_a_block, hook_before_all),
    *(hook_before_a_block, hook_after_a_block, hook_after_the_node, function_as_attribute, patched_call),
    *(parametrized, pruned),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("copied", [False, True], ids=["itself", "a copy"])
def test_a_changed_network_computes_what_it_does_itself(change: Callable[[Small], None], copied: bool) -> None:
    network, images = Small().eval(), torch.rand(2, 3, 20, 28)
    unchanged = own_outputs(network, images)
    change(network)
    network = copy.deepcopy(network) if copied else network
    expected = own_outputs(network, images)
    assert expected.shape != unchanged.shape or not torch.equal(expected, unchanged)
    features = cut(network)(images)["point"]
    assert torch.equal(features, expected)


def test_a_resnet_whose_instance_has_no_pooling() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))

    network = resnet18(weights=None).eval()
    network.forward = types.MethodType(forward, network)  # type: ignore[method-assign]
    assert cut(network, "layer2")(torch.rand(1, 3, 64, 64))["point"].shape == (1, 128, 16, 16)


@contextmanager
def doubled_convolutions() -> Iterator[None]:
    def double(module: nn.Module, _inputs: Any, output: Any) -> Any:
        return output * 2 if isinstance(module, nn.Conv2d) else None

    handle = register_module_forward_hook(double)
    try:
        yield
    finally:
        handle.remove()


def test_hooks_of_all_modules_are_honored() -> None:
    network, images = Small().eval(), torch.rand(1, 3, 20, 20)
    with doubled_convolutions():
        assert torch.equal(cut(network)(images)["point"], own_outputs(network, images))


# code that a tracer runs otherwise than the network does


class AsksForATensor(Small):
    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.pool(self.a(x)) if isinstance(x, Tensor) else self.a(x))


class AsksForGradients(Small):
    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x) if torch.is_grad_enabled() else self.pool(self.a(x)))


class AsksForTheBatch(Small):
    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.pool(self.a(x)) if x.shape[0] > 1 else self.a(x))


class OutputInTheMiddle(Small):
    """The block ``b`` does not return its last operation."""

    def __init__(self) -> None:
        super().__init__()
        self.b.forward = types.MethodType(self.twice, self.b)  # type: ignore[method-assign]

    @staticmethod
    def twice(block: nn.Sequential, x: Tensor) -> Tensor:
        result = block[0](x)
        block[1](result)
        return result


@pytest.mark.parametrize("kind", [AsksForATensor, AsksForGradients, AsksForTheBatch, OutputInTheMiddle])
@pytest.mark.parametrize("batch", [1, 2])
def test_code_that_a_tracer_misreads(kind: type[Small], batch: int) -> None:
    network, images = kind().eval(), torch.rand(batch, 3, 20, 20)
    with torch.no_grad():
        features = cut(network)(images)["point"]
    assert torch.equal(features, own_outputs(network, images))


class Noisy(Small):
    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x) + torch.rand(1))


class Counting(Small):
    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.b(self.a(x) * self.calls)


@pytest.mark.parametrize("kind", [Noisy, Counting])
def test_numbers_that_change_are_not_baked_in(kind: type[Small]) -> None:
    network = cut(kind().eval())
    images = torch.rand(1, 3, 20, 20)
    assert not torch.equal(network(images)["point"], network(images)["point"])


def test_cutting_leaves_counters_statistics_and_generators_alone() -> None:
    network = Counting().eval()
    network.a.append(nn.BatchNorm2d(4))
    network.a[2].train()
    network.a[2].eval = lambda: None  # type: ignore[method-assign]  # it stays in training mode
    before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    LossNetwork(network, [ExtractionPoint("point", "b")])
    assert network.calls == 0
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


# operations inside modules


class Operations(Small):
    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.b(self.a(x).mul(2))).flatten(1) @ torch.ones(7, 1)  # fails at every size tried


def test_an_operation_is_cut_though_the_head_takes_another_size() -> None:
    network, images = Operations().eval(), torch.rand(1, 3, 20, 20)
    with torch.no_grad():
        features = cut(network, "mul")(images)["point"]
    assert torch.equal(features, own_outputs(network.a, images, "1") * 2)


def test_an_operation_of_a_forward_that_was_replaced_is_refused() -> None:
    network = Operations().eval()
    network.forward = types.MethodType(without_pool, network)  # type: ignore[method-assign]
    with pytest.raises(UsageError, match=r"'mul' is an operation .* not what the forward pass computes.* Choose a mod"):
        cut(network, "mul")


# functions that name another network


def closure(network: Small) -> None:
    network.forward = lambda x: network.b(network.a(x))  # type: ignore[method-assign]


def wrapped(network: Small) -> None:
    before = network.forward

    @functools.wraps(before)
    def forward(x: Tensor) -> Tensor:
        return before(x) + 1

    network.forward = forward  # type: ignore[method-assign]


def closure_in_a_part(network: Small) -> None:
    first = network.a[0]
    network.pool.forward = lambda x: functional.conv2d(x, first.weight[:, :1].repeat(1, 4, 1, 1))  # type: ignore[method-assign]


def closure_in_a_hook(network: Small) -> None:
    network.a.register_forward_hook(lambda _module, _inputs, output: output + network.a[0].bias.sum())


@pytest.mark.parametrize("change", [closure, wrapped, closure_in_a_part, closure_in_a_hook])
def test_a_function_that_uses_another_network_is_refused(change: Callable[[Small], None]) -> None:
    network = Small().eval()
    change(network)
    with pytest.raises(UsageError, match=r"'mine' computes with parameters that are no parts of it.*types\.MethodType"):
        LossNetwork(network, [ExtractionPoint("point", "b")], name="mine")


class TakesEitherWay(Small):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return self.b(self.c(x) if x.sum() > 1e4 else x)


def test_a_way_that_was_left_out_is_never_taken_silently() -> None:
    network = cut(TakesEitherWay().eval())
    small, large = torch.rand(1, 3, 20, 20), torch.rand(1, 3, 200, 200)
    assert torch.equal(network(small)["point"], own_outputs(TakesEitherWay().eval(), small))
    with pytest.raises(UsageError, match=r"another way for these images.*it runs c, which was left out"):
        network(large)


def test_an_ordinary_network_stays_a_graph() -> None:
    assert isinstance(cut(Small()).backbone, torch.fx.GraphModule)
    assert isinstance(cut(hooked_small()).backbone, HookExtractor)


def hooked_small() -> Small:
    network = Small()
    own_forward(network)
    return network
