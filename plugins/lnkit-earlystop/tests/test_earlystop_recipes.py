"""Recipes and optimizers: against the open TPU code, the tables of Kumar2022, and updates computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lnkit_earlystop.networks import build
from lnkit_earlystop.networks.architecture import parse
from lnkit_earlystop.optimizers import TensorFlowRMSprop, make_optimizer, parameter_groups
from lnkit_earlystop.recipes import EFFICIENTNET, IMAGENET, RESNET, VIT_B_8, VIT_L_4, Recipe, recipe_of

STEPS = 112_590  # Kumar2022, Table 2


def test_lengths_are_those_of_the_tables() -> None:
    epochs = [recipe_of(parse(name)).epochs for name in ("resnet6", "efficientnet_b0", "vit_b_8")]
    assert [round(value) for value in epochs] == [90, 350, 300]


@pytest.mark.parametrize(
    ("recipe", "batch", "peak", "decay"),
    [
        (RESNET, 1024, 0.4, 1e-4),  # Table 2 and resnet_main.py: .1 * 1024 / 256
        (EFFICIENTNET, 2048, 0.128, 1e-5),  # Table 3; efficientnet/main.py: .016 * 2048 / 256
        (VIT_B_8, 4096, 3e-3, 0.3),  # Table 4
        (VIT_L_4, 4096, 1e-4, 0.01),  # Table 5
    ],
)
def test_learning_rates_and_weight_decays_of_the_papers_batches(
    recipe: Recipe, batch: int, peak: float, decay: float
) -> None:
    assert recipe.peak(batch) == pytest.approx(peak)
    assert recipe.peak(batch // 8) == pytest.approx(peak / 8)
    assert recipe.weight_decay == decay


def test_vits_without_a_table_take_the_recipe_of_their_size() -> None:
    assert recipe_of(parse("vit_b_4")) == recipe_of(parse("vit_b_8"))
    assert recipe_of(parse("vit_l_8")) == recipe_of(parse("vit_l_4"))
    assert (recipe_of(parse("vit_b_4")).lr, recipe_of(parse("vit_l_8")).lr) == (3e-3, 1e-4)  # Tables 4 and 5


def tpu_rate(step: int) -> float:
    """The schedule of resnet_main.py, with base_learning_rate .1 and train_batch_size 1024."""
    epoch, scaled = step / (IMAGENET / 1024), 0.1 * (1024 / 256)
    rate = scaled * epoch / 5
    for multiplier, start in ((1.0, 5), (0.1, 30), (0.01, 60), (0.001, 80)):
        rate = rate if epoch < start else scaled * multiplier
    return rate


def test_the_rates_of_resnets_are_those_of_the_tpu_code() -> None:
    drops = [epoch * IMAGENET / 1024 for epoch in (5, 30, 60, 80)]
    steps = [step for step in range(0, STEPS, 101) if all(abs(step - drop) > 12 for drop in drops)]
    ours = [RESNET.peak(1024) * RESNET.factor(step, STEPS) for step in steps]
    np.testing.assert_allclose(ours, [tpu_rate(step) for step in steps], rtol=2e-4)  # 90 epochs are 112,603 steps


def test_steps_fall_where_torchs_fall() -> None:
    recipe, steps = replace(RESNET, warmup=0.0), 90
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], 1.0)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60, 80])
    for step in range(steps):
        assert recipe.factor(step, steps) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()


def test_the_rates_of_efficientnets_fall_in_stairs() -> None:
    """efficientnet/utils.py: a warm-up of 5 epochs, then .97 to the whole number of times that 2.4 epochs passed."""
    steps = 3500  # ten an epoch
    for epoch, expected in ((0.5, 0.1), (2.5, 0.5), (5.0, 0.97**2), (7.1, 0.97**2), (7.3, 0.97**3), (349.9, 0.97**145)):
        assert EFFICIENTNET.factor(round(10 * epoch), steps) == pytest.approx(expected), epoch


def test_a_cosine_after_a_warm_up() -> None:
    factors = [VIT_B_8.factor(step, 93_834) for step in range(93_834)]
    assert factors[10_000] == pytest.approx(1.0)
    assert factors[5_000] == pytest.approx(0.5)
    assert factors[(93_834 + 10_000) // 2] == pytest.approx(0.5)
    assert 0 < factors[-1] < 1e-8


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2)).double()


def updated(network: nn.Module, optimizer: torch.optim.Optimizer, gradients: list[dict[str, np.ndarray]]) -> None:
    """Make one step for each set of gradients."""
    for one in gradients:
        for name, parameter in network.named_parameters():
            parameter.grad = torch.from_numpy(one[name]).clone()
        optimizer.step()


def drawn_gradients(network: nn.Module, steps: int = 4) -> list[dict[str, np.ndarray]]:
    draw = np.random.default_rng(1)
    parameters = dict(network.named_parameters())
    return [
        {name: draw.normal(0, 0.1, tuple(tensor.shape)) for name, tensor in parameters.items()} for _ in range(steps)
    ]


def decay_of(name: str, decay: float) -> float:
    return 0.0 if name.startswith("1.") else decay  # the second module is the batch norm


def test_resnets_train_as_tensorflows_momentum_optimizer_does() -> None:
    """Nesterov: accum = .9 accum + g, var -= lr (g + .9 accum); g has the weight decay of all but batch norm."""
    network = small_network()
    expected = {name: tensor.detach().numpy().copy() for name, tensor in network.named_parameters()}
    sums = {name: np.zeros_like(value) for name, value in expected.items()}
    gradients = drawn_gradients(network)
    recipe = replace(RESNET, weight_decay=0.05)
    updated(network, make_optimizer(network, recipe, 256), gradients)
    for one in gradients:
        for name, value in expected.items():
            gradient = one[name] + decay_of(name, 0.05) * value
            sums[name] = 0.9 * sums[name] + gradient
            expected[name] = value - 0.1 * (gradient + 0.9 * sums[name])
    for name, tensor in network.named_parameters():
        np.testing.assert_allclose(tensor.detach().numpy(), expected[name], rtol=1e-12, err_msg=name)


def test_efficientnets_train_as_tensorflows_rmsprop_does() -> None:
    """Mean square: ms = .9 ms + .1 g^2 from 1 on, mom = .9 mom + lr g / sqrt(ms + .001)."""
    network = small_network()
    expected = {name: tensor.detach().numpy().copy() for name, tensor in network.named_parameters()}
    squares = {name: np.ones_like(value) for name, value in expected.items()}
    moments = {name: np.zeros_like(value) for name, value in expected.items()}
    gradients = drawn_gradients(network)
    recipe = replace(EFFICIENTNET, weight_decay=0.05)
    updated(network, make_optimizer(network, recipe, 2048), gradients)
    for one in gradients:
        for name, value in expected.items():
            gradient = one[name] + decay_of(name, 0.05) * value
            squares[name] = 0.9 * squares[name] + 0.1 * gradient**2
            moments[name] = 0.9 * moments[name] + 0.128 * gradient / np.sqrt(squares[name] + 1e-3)
            expected[name] = value - moments[name]
    for name, tensor in network.named_parameters():
        np.testing.assert_allclose(tensor.detach().numpy(), expected[name], rtol=1e-12, err_msg=name)


def test_pytorchs_rmsprop_is_another() -> None:
    steps = []
    for make in (
        lambda parameter: torch.optim.RMSprop([parameter], 1.0, 0.9, 1e-3, momentum=0.9),
        lambda parameter: TensorFlowRMSprop([{"params": [parameter]}], 1.0),
    ):
        parameter = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        parameter.grad = torch.full((1,), 0.01, dtype=torch.float64)
        make(parameter).step()
        steps.append(-parameter.item())
    assert steps[0] / steps[1] == pytest.approx(228, abs=0.5)


def test_the_weight_decay_of_vits_is_decoupled() -> None:
    """Without a gradient, a step multiplies all parameters by 1 - lr * decay (Loshchilov and Hutter 2019)."""
    layer = nn.Linear(3, 3).double()
    before = layer.weight.detach().clone()
    layer.weight.grad, layer.bias.grad = torch.zeros_like(layer.weight), torch.zeros_like(layer.bias)
    make_optimizer(layer, VIT_B_8, 4096).step()
    torch.testing.assert_close(layer.weight.detach(), before * (1 - 3e-3 * 0.3))


@pytest.mark.parametrize("name", ["resnet6_w0.25", "resnet18_w0.25", "efficientnet_b0_w0.25"])
def test_only_batch_norm_goes_without_weight_decay(name: str) -> None:
    network = build(parse(name), 3)
    decayed, others = parameter_groups(network, 0.5)
    of_batch_norm = [
        tensor for module in network.modules() if type(module) is nn.BatchNorm2d for tensor in module.parameters()
    ]
    assert {id(tensor) for tensor in others["params"]} == {id(tensor) for tensor in of_batch_norm}
    assert len(decayed["params"]) + len(others["params"]) == len(list(network.parameters()))
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.5, 0.0)
    assert any(tensor.shape == (3,) for tensor in decayed["params"])  # the bias of the head
