"""The transformation network against the same network written plainly, in double precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lnkit_superres.network import TransformationNetwork
from lnkit_superres.ops import interleave, pad_edge, pad_reflect, sum_shifted


class Plain(nn.Module):
    """Reads the network's weights and does what Johnson et al. describe, one PyTorch operation after the other."""

    def __init__(self, network: TransformationNetwork) -> None:
        super().__init__()
        self.own = network

    def block(self, name: str, x: Tensor, relu: bool = True) -> Tensor:
        part = self.own.get_submodule(name)
        kernel = part.conv.weight.shape[-1]
        x = functional.conv2d(nn.ReflectionPad2d(kernel // 2)(x), part.conv.weight)
        norm = part.norm
        statistics = (None, None) if norm.training else (norm.running_mean, norm.running_var)
        x = functional.batch_norm(x, *statistics, norm.weight, norm.bias, training=norm.training, eps=norm.eps)
        return torch.relu(x) if relu else x

    def forward(self, x: Tensor) -> Tensor:
        x = self.block("first", x)
        for k in range(len(self.own.residual)):
            x = x + self.block(f"residual.{k}.block.1", self.block(f"residual.{k}.block.0", x), relu=False)
        for k in range(len(self.own.upsampling)):
            x = self.block(f"upsampling.{k}", functional.interpolate(x, scale_factor=2, mode="nearest"))
        return (torch.tanh(self.block("last", x, relu=False)) + 1) / 2


def made(factor: int, residual_blocks: int = 2) -> TransformationNetwork:
    torch.manual_seed(factor)
    network = TransformationNetwork(factor, residual_blocks).double()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):  # away from 1 and 0, where mistakes could hide
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias)
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    return network


@pytest.mark.parametrize("factor", [4, 8])
def test_outputs_and_gradients_are_those_of_the_plain_network(factor: int) -> None:
    network = made(factor)
    images = torch.rand(2, 3, 11, 14, dtype=torch.float64)
    upstream = torch.randn(2, 3, 11 * factor, 14 * factor, dtype=torch.float64)
    found, gradients = [], []
    for way in (network, Plain(network)):
        network.zero_grad()
        output = way(images)
        output.backward(upstream)
        found.append(output.detach())
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-12)
    assert len(gradients[0]) == len(gradients[1]) == len(list(network.parameters()))
    for ours, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("factor", [4, 8])
def test_a_trained_network_is_the_plain_one_too(factor: int) -> None:
    network = made(factor).eval()
    images = torch.rand(1, 3, 13, 10, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(network(images), Plain(network)(images), rtol=1e-10, atol=1e-12)


def test_it_is_the_same_in_any_memory_layout() -> None:
    network = made(4)
    images = torch.rand(2, 3, 12, 12, dtype=torch.float64)
    outputs = [network(images), network.to(memory_format=torch.channels_last)(images.contiguous())]
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("factor", "residual_blocks", "stages"), [(4, 5, 2), (4, 4, 2), (8, 5, 3)])
def test_parameters_in_closed_form(factor: int, residual_blocks: int, stages: int) -> None:
    """Two 9x9 convolutions, 2 per residual block and one per stage of 3x3, each with 2 numbers per channel to scale."""
    expected = 2 * 81 * 3 * 64 + 2 * (64 + 3) + (2 * residual_blocks + stages) * (9 * 64 * 64 + 2 * 64)
    network = TransformationNetwork(factor, residual_blocks)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_outputs_lie_between_0_and_1_in_mixed_precision_too() -> None:
    network = made(4).float()
    images = torch.rand(2, 3, 12, 12)
    exact = network(images)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(images)
    assert output.dtype == torch.float32
    assert 0 <= float(output.detach().min()) <= float(output.detach().max()) <= 1
    assert float((output - exact).detach().abs().mean()) < 0.02
    output.mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def gradients_agree(ours: nn.Module, plain: nn.Module, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, dtype=torch.float64).to(memory_format=torch.channels_last)
    first, second = x.clone().requires_grad_(), x.clone().requires_grad_()
    a, b = ours(first), plain(second)
    torch.testing.assert_close(a, b)
    upstream = torch.randn_like(b)
    a.backward(upstream)
    b.backward(upstream)
    torch.testing.assert_close(first.grad, second.grad)


def test_padding_is_that_of_pytorch() -> None:
    shape = (2, 3, 6, 7)
    gradients_agree(lambda x: pad_reflect(x, 4), nn.ReflectionPad2d(4), shape)
    gradients_agree(lambda x: pad_reflect(x, 2, rows=False), nn.ReflectionPad2d((2, 2, 0, 0)), shape)
    gradients_agree(lambda x: pad_reflect(x, 2, columns=False), nn.ReflectionPad2d((0, 0, 2, 2)), shape)
    gradients_agree(pad_edge, nn.ReplicationPad2d(1), shape)


def test_interleaving_puts_every_pixel_in_its_place() -> None:
    def plain(cells: Tensor) -> Tensor:
        n, channels, height, width = cells.shape
        height, width, channels = height - 1, width - 1, channels // 4
        places = cells.unflatten(1, (2, 2, channels))
        rows = [
            torch.stack([places[:, a, b, :, a : a + height, b : b + width] for b in (0, 1)], -1).flatten(3)
            for a in (0, 1)
        ]
        return torch.stack(rows, 3).reshape(n, channels, 2 * height, 2 * width)

    gradients_agree(interleave, plain, (2, 12, 4, 6))


def test_shifted_sums() -> None:
    def plain(columns: Tensor) -> Tensor:
        parts = columns.unflatten(1, (5, 3))
        return sum(parts[..., k : k + columns.shape[3] - 4][:, k] for k in range(5))

    gradients_agree(lambda x: sum_shifted(x, 5), plain, (2, 15, 4, 9))


def test_the_same_bits_again() -> None:
    network = made(4).float()
    images = torch.rand(2, 3, 12, 12)
    bits = []
    for _ in range(2):
        network.zero_grad()
        network(images).square().mean().backward()
        bits.append(torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]))
    assert torch.equal(*bits)
