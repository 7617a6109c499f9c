"""Loss networks in training mode, against torchvision's networks cut by hand and put into training mode."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import get_model
from toytraining import Toy, digest, train

from lnkit import DeepPerceptualLoss, ExtractionPoint, ImageError, LnkitError, LossNetwork, UsageError
from lnkit.plugins.load import default_registry
from lnkit.progress import SilentProgress
from lnkit.protocols import Training
from lnkit.training import cache_targets, loop, memory
from lnkit.training.checkpoints import Checkpoint, read_checkpoint
from lnkit.training.rng_state import generator_states
from lnkit.training_task import Batch, Validation

STEPS = 4
MEAN, STD = (torch.tensor(value).reshape(1, 3, 1, 1) for value in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    options = {"init_weights": False} if name == "googlenet" else {}
    network = get_model(name, weights=None, **options).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # as if trained: no longer 0 and 1
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return network


def stem_of_resnet(network: nn.Module) -> nn.Module:
    return nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool, network.layer1)


# backbone, the node of its point, and the same part of the network cut by hand
HAND_CUT: dict[str, tuple[str, Callable[[nn.Module], nn.Module]]] = {
    "vgg16_bn": ("features.12", lambda network: network.features[:13]),
    "resnet18": ("layer1", stem_of_resnet),
    "efficientnet_b0": ("features.3", lambda network: network.features[:4]),
}


def by_hand(name: str) -> nn.Module:
    return copy.deepcopy(HAND_CUT[name][1](build(name))).requires_grad_(False)


def cut(backbone: nn.Module, *nodes: str) -> LossNetwork:
    return LossNetwork(backbone, [ExtractionPoint(node, node) for node in nodes], mode="train")


def running(network: nn.Module) -> list[Tensor]:
    """Running means and variances, in the order of the modules that have any."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d) and len(module.running_mean)]
    return [statistic for norm in norms for statistic in (norm.running_mean, norm.running_var)]


def images(seed: int) -> Tensor:
    return torch.rand(4, 3, 48, 40, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", HAND_CUT)
def test_losses_gradients_and_statistics_are_those_of_the_network_in_training_mode(name: str) -> None:
    """The reference code: the targets go through the network first, then the outputs, each with its own statistics."""
    plain, loss = by_hand(name).train(), DeepPerceptualLoss(cut(build(name), HAND_CUT[name][0])).train()
    before = [statistic.clone() for statistic in running(plain)]
    for step in range(STEPS):
        target, output = images(step), images(100 + step).requires_grad_()
        torch.manual_seed(step)  # of stochastic depth
        with torch.no_grad():
            wanted = plain((target - MEAN) / STD)
        expected = functional.mse_loss(plain((output - MEAN) / STD), wanted)
        (gradient,) = torch.autograd.grad(expected, output)
        torch.manual_seed(step)
        value = loss(output, target)
        torch.testing.assert_close(value, expected)
        ours = torch.autograd.grad(value, output)[0]
        torch.testing.assert_close(ours, gradient, rtol=1e-4, atol=2e-5)  # the memory layout changes the rounding
    pairs = list(zip(running(loss.network), running(plain), before, strict=False))
    assert len(pairs) >= 4
    for found, drifted, first in pairs:
        torch.testing.assert_close(found, drifted)
        assert not torch.allclose(found, first)
    plain.eval(), loss.eval()
    torch.testing.assert_close(loss.network(images(9))[HAND_CUT[name][0]], plain((images(9) - MEAN) / STD))


def test_the_loss_differs_from_that_of_the_frozen_network() -> None:
    """What the mode is worth, and that it is off unless asked for."""
    output, target = images(0), images(1)
    in_training = DeepPerceptualLoss(cut(build("vgg16_bn"), "features.12")).train()(output, target)
    usual = LossNetwork(build("vgg16_bn"), [ExtractionPoint("end", "features.12")])
    frozen = DeepPerceptualLoss(usual).train()(output, target)
    assert in_training > 1.5 * frozen
    assert not usual.follows_mode


def test_stochastic_depth_is_on_in_training_mode_only() -> None:
    network = cut(build("efficientnet_b0"), "features.7")
    batch = torch.cat([images(seed) for seed in range(4)])
    assert torch.equal(network(batch)["features.7"], network(batch)["features.7"])
    network.train()
    torch.manual_seed(0)
    passes = [network(batch)["features.7"] for _ in range(2)]
    assert not torch.allclose(*passes), "the same batch has the same statistics, so blocks were dropped"


@pytest.mark.parametrize("name", ["vgg16_bn", "resnet18", "densenet121", "googlenet", "efficientnet_b0"])
def test_in_evaluation_mode_it_computes_what_other_loss_networks_compute(name: str) -> None:
    nodes = {"vgg16_bn": "features.22", "densenet121": "features.denseblock1", "googlenet": "inception3a"}
    node = nodes.get(name) or HAND_CUT[name][0]
    usual = LossNetwork(build(name), [ExtractionPoint(node, node)])
    assert torch.equal(cut(build(name), node)(images(0))[node], usual(images(0))[node])


def test_the_backbone_given_is_left_alone() -> None:
    backbone = build("efficientnet_b0")
    state, generator = copy.deepcopy(backbone.state_dict()), torch.get_rng_state()
    network = cut(backbone, "features.2")
    assert torch.equal(torch.get_rng_state(), generator)
    network.train()(images(0))
    assert not any(module.training for module in backbone.modules())
    assert all(torch.equal(value, state[key]) for key, value in backbone.state_dict().items())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_nothing_past_the_point_is_kept() -> None:
    kept = sum(parameter.numel() for parameter in cut(build("vgg16_bn"), "features.12").parameters())
    assert kept == sum(parameter.numel() for parameter in by_hand("vgg16_bn").parameters())


@pytest.mark.parametrize(
    ("name", "node"), [("vgg16", "features.15"), ("alexnet", "features.11"), ("squeezenet1_1", "features.7")]
)
def test_networks_without_batch_norm_compute_the_same_in_both_modes(name: str, node: str) -> None:
    network = cut(build(name), node)
    assert not network.follows_mode
    expected = network(images(0))[node]
    assert torch.equal(network.train()(images(0))[node], expected)


class Asking(nn.Module):
    """Asks for its mode in its own code, as networks of other libraries do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.after = nn.Conv2d(3, 4, 3), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.conv(x) * (2 if self.training else 1))


class Dropping(Asking):
    def forward(self, x: Tensor) -> Tensor:
        return self.after(functional.dropout(self.conv(x), 0.5, self.training))


class Opaque(Asking):
    """Cannot be traced: what it does in training mode is not known."""

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.conv(x)) if x.sum() > -1e9 else x


@pytest.mark.parametrize("kind", [Asking, Dropping])
def test_code_that_asks_for_the_mode_is_heard(kind: type[nn.Module]) -> None:
    network = cut(kind(), "after")
    usual = network(images(0))["after"]
    assert not torch.allclose(network.train()(images(0))["after"], usual)
    assert torch.equal(network.eval()(images(0))["after"], usual)


def test_a_network_of_unknown_code_is_taken_to_differ() -> None:
    assert cut(Opaque(), "after").follows_mode


def test_operations_are_no_points_in_training_mode() -> None:
    with pytest.raises(UsageError, match=r"'layer1\.0\.add' of this backbone is an operation .* loss_mode=eval"):
        cut(build("resnet18"), "layer1.0.add")


def test_batch_norm_of_a_single_value_is_a_sentence() -> None:
    network = cut(build("resnet18"), "layer4").train()
    with pytest.raises(ImageError, match="Expected more than 1 value per channel when training"):
        network(images(0)[:1, :, :32, :32])


# The loop


class Following(Toy):
    """A toy whose loss network has batch norm and dropout, and which looks at both modes."""

    def __init__(self, mode: str = "train", dropout: float = 0.2) -> None:
        super().__init__()
        torch.manual_seed(5)
        norm, drop = nn.BatchNorm2d(4), nn.Dropout(dropout)
        layers = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.ReLU(), drop, nn.Conv2d(4, 2, 1))
        points = [ExtractionPoint("end", "4")]
        self.feature_loss = DeepPerceptualLoss(LossNetwork(layers, points, mode=mode))  # type: ignore[arg-type]
        self.modes: set[tuple[str, bool]] = set()

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        self.modes.add(("step", self.feature_loss.network.training))
        return {"loss": self.feature_loss(network(batch["noisy"]), batch["image"])}

    def validate(self, network: nn.Module) -> Validation:
        self.modes.add(("validation", self.feature_loss.network.training))
        batch = torch.from_numpy(self.images[:8])
        return Validation(float(self.feature_loss(network(batch), batch)))


def test_steps_are_in_training_mode_and_validations_are_not(tmp_path: Path) -> None:
    task = Following()
    train(tmp_path / "train", task)
    assert task.modes == {("step", True), ("validation", False)}
    frozen = Following("eval")
    train(tmp_path / "eval", frozen)
    assert frozen.modes == {("step", False), ("validation", False)}


def test_validations_use_the_running_statistics_of_the_steps_before(tmp_path: Path) -> None:
    """A plain loop with the loss network as a part of what is trained, as the reference code has it."""

    class Plain(Following):
        def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
            return {name: torch.from_numpy(self.images[:16]) for name in ("noisy", "image")}

        def build(self) -> nn.Module:
            # No bias: the loss sees no shift of a whole batch, so Adam would step by the sign of rounding errors.
            return nn.Conv2d(3, 3, 3, padding=1, bias=False)

        def scheduler(self, optimizer: torch.optim.Optimizer) -> None:
            return None

    task = Plain(dropout=0)  # what dropout draws depends on the layout in memory
    features = copy.deepcopy(nn.Sequential(*list(task.feature_loss.network.backbone.backbone.children())))
    trained = train(tmp_path, task, iterations=5, validate_every=5)
    torch.manual_seed(3)
    network = task.build()
    whole, batch = nn.ModuleList([network, features]), torch.from_numpy(task.images[:16])
    optimizer = task.optimizer(network)
    whole.train()
    for _ in range(5):
        wanted = features((batch - MEAN) / STD)
        loss = functional.mse_loss(features((network(batch) - MEAN) / STD), wanted.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    whole.eval()
    difference = features((network(batch[:8]) - MEAN) / STD) - features((batch[:8] - MEAN) / STD)
    assert trained.best_value == pytest.approx(float(difference.square().mean().detach()), rel=1e-3)


def test_the_next_training_begins_with_the_statistics_of_the_weights(tmp_path: Path) -> None:
    task = Following()
    before = {name: buffer.clone() for name, buffer in task.feature_loss.network.named_buffers()}
    first = digest(train(tmp_path / "first", task))
    assert all(torch.equal(buffer, before[name]) for name, buffer in task.feature_loss.network.named_buffers())
    assert not task.feature_loss.network.training
    assert digest(train(tmp_path / "second", task)) == first


class StoppedError(Exception):
    pass


class Stopping(Following):
    """Stops in its 12th step."""

    steps = 0

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        self.steps += 1
        if self.steps == 12:
            raise StoppedError
        return super().losses(network, batch)


def test_a_training_that_was_stopped_gives_its_loss_network_back(tmp_path: Path) -> None:
    task = Stopping()
    before = {name: buffer.clone() for name, buffer in task.feature_loss.network.named_buffers()}
    with pytest.raises(StoppedError):
        train(tmp_path, task)
    assert all(torch.equal(buffer, before[name]) for name, buffer in task.feature_loss.network.named_buffers())


@pytest.mark.parametrize("left_out", ["", "loss_network", "generators"])
def test_resumes_to_the_same_bits_and_needs_the_statistics_and_the_generators(
    left_out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    whole = digest(train(tmp_path / "whole", Following()))
    with pytest.raises(StoppedError):
        train(tmp_path / "stopped", Stopping())
    states = []

    def without(folder: Path, facts: Any) -> Checkpoint | None:
        found = read_checkpoint(folder, facts)
        if found is not None and left_out:
            found.state[left_out] = {} if left_out == "loss_network" else generator_states(torch.device("cpu"))
        states.extend([found.state] if found else [])
        return found

    monkeypatch.setattr(loop, "read_checkpoint", without)
    resumed = digest(train(tmp_path / "stopped", Following()))
    assert len(states) == 1
    assert (resumed == whole) == (not left_out)
    if not left_out:
        assert {"backbone.backbone.1.running_mean", "backbone.backbone.1.running_var"} <= set(states[0]["loss_network"])


def test_a_checkpoint_of_a_frozen_loss_network_holds_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(loop, "write_checkpoint", lambda folder, checkpoint, facts: written.append(checkpoint.state))
    train(tmp_path, Following("eval"))
    assert [state["loss_network"] for state in written] == [{}] * len(written)


# Memory


def test_batches_are_not_split(tmp_path: Path) -> None:
    """Neither of the loss network nor of the trained network, though that has no batch norm here."""
    network, loss = nn.Conv2d(3, 3, 1), Following().feature_loss
    sizes = memory.MicroBatches(network, loss, batch_size=8)
    assert sizes.shrink() == ""
    assert (loss.micro_batch, sizes.size) == (None, 8)
    assert memory.MicroBatches(network, Following("eval").feature_loss, batch_size=8).shrink() != ""


def test_a_batch_that_fits_is_named(tmp_path: Path) -> None:
    class Hungry(Following):
        def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
            if len(batch["image"]) > 6:
                raise torch.OutOfMemoryError("no more memory")
            return super().losses(network, batch)

    reason = r"16 items: the loss network in training mode uses the statistics .* batch_size=4"
    with pytest.raises(LnkitError, match=reason):
        train(tmp_path, Hungry())


def test_targets_are_not_cached() -> None:
    def take(items: NDArray[np.int64]) -> Tensor:
        return torch.zeros(len(items), 3, 8, 8)

    assert cache_targets(Following().feature_loss, take, 5, 10, SilentProgress()) is None
    assert cache_targets(Following("eval").feature_loss, take, 5, 10, SilentProgress()) is not None


# Protocols


def test_the_signature_says_the_mode_and_unknown_modes_are_refused() -> None:
    assert "loss network in training mode" in Training(loss_mode="train").loss_phrase()
    assert "mode" not in Training().loss_phrase()
    with pytest.raises(ValueError, match="'loss_mode': expected one of eval, train, got 'on'"):
        Training(loss_mode="on").check_training()


@pytest.mark.parametrize("bench", ["superres", "delineation", "autoencoder"])
def test_which_variants_of_which_benchmark_train_with_it(bench: str) -> None:
    protocols = default_registry().benchmark(bench).protocols
    on = {variant for variant, protocol in protocols.items() if protocol.loss_mode == "train"}
    assert on == ({"reference"} if bench != "superres" else set())
