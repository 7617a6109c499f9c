"""The training loop: results, batches, collapses, memory and files."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from toytraining import ITEMS, SETTINGS, Toy, digest, train

from lnkit import DeepPerceptualLoss, ExtractionPoint, LnkitError, LossNetwork, UsageError
from lnkit.training import memory
from lnkit.training.collapse import Variation
from lnkit.training.device_setup import DeviceSetup
from lnkit.training.loader import EpochSampler
from lnkit.training.log import read_log
from lnkit.training_task import Batch, Validation


def test_trains_as_a_plain_loop_does(tmp_path: Path) -> None:
    """Train with torch alone, for a task in which only the order is random."""

    class Plain(Toy):
        def build(self) -> nn.Module:
            return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1))

        def load(self, items: Any, draw: np.random.Generator) -> Batch:
            return {"image": torch.from_numpy(self.images[items])}

        def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
            return {"loss": nn.functional.mse_loss(network(batch["image"]), batch["image"])}

    task = Plain()
    trained = train(tmp_path, task, validate_every=30)
    torch.manual_seed(SETTINGS.seed)
    network = task.build().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.8)
    order = EpochSampler(ITEMS, SETTINGS.batch_size, SETTINGS.seed)
    for iteration in range(SETTINGS.iterations):
        images = torch.from_numpy(task.images[order.batch(iteration)])
        optimizer.zero_grad()
        nn.functional.mse_loss(network(images), images).backward()
        optimizer.step()
        scheduler.step()
    assert trained.network is not None
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(trained.network.state_dict()[name], tensor, msg=name)


def test_gives_the_best_network_not_the_last(tmp_path: Path) -> None:
    values = iter([3.0, 1.0, 2.0, 1.0, 5.0])

    class Judged(Toy):
        def validate(self, network: nn.Module) -> Validation:
            return Validation(next(values))

    trained = train(tmp_path, Judged())
    assert (trained.best_iteration, trained.best_value, trained.iterations) == (14, 1.0, 30)
    stopped = train(tmp_path / "stopped", Toy(), iterations=14)
    assert trained.network is not None
    assert stopped.network is not None
    for name, tensor in stopped.network.state_dict().items():
        assert torch.equal(trained.network.state_dict()[name], tensor), name
    assert not trained.network.training


def test_higher_may_be_better(tmp_path: Path) -> None:
    values = iter([3.0, 1.0, 9.0, 1.0, 5.0])

    class Judged(Toy):
        def validate(self, network: nn.Module) -> Validation:
            return Validation(next(values))

    assert train(tmp_path, Judged(), higher_is_better=True).best_iteration == 21


def test_stops_early_without_progress(tmp_path: Path) -> None:
    values = iter([3.0, 1.0, 2.0, 1.0, 0.5])

    class Judged(Toy):
        def validate(self, network: nn.Module) -> Validation:
            return Validation(next(values))

    trained = train(tmp_path, Judged(), patience=2)
    assert (trained.iterations, trained.best_iteration) == (28, 14)


def test_the_callers_generators_and_settings_stay(tmp_path: Path) -> None:
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    expected = random.random(), np.random.random(), torch.rand(1)
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    train(tmp_path)
    assert (random.random(), np.random.random(), torch.rand(1)) == expected
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]


def test_another_seed_is_another_training(tmp_path: Path) -> None:
    assert digest(train(tmp_path / "a", seed=1)) != digest(train(tmp_path / "b", seed=2))


def test_mixed_precision_computes_about_the_same(tmp_path: Path) -> None:
    values = [train(tmp_path / name, precision=name).best_value for name in ("fp32", "bf16", "fp16")]
    assert values[1] != values[0] != values[2]
    assert values == pytest.approx([values[0]] * 3, rel=0.05)
    with pytest.raises(UsageError, match="No precision is named 'fp8'; there are fp32, bf16, fp16"):
        DeviceSetup(torch.device("cpu"), "fp8")


class TestOrder:
    """The items of each batch."""

    order = EpochSampler(items=10, batch_size=4, seed=1)

    def test_every_item_once_in_every_epoch(self) -> None:
        for epoch in range(3):
            batches = [self.order.batch(iteration) for iteration in range(3 * epoch, 3 * epoch + 3)]
            assert [len(batch) for batch in batches] == [4, 4, 2]
            assert sorted(np.concatenate(batches)) == list(range(10))

    def test_epochs_differ_and_places_are_even(self) -> None:
        firsts = Counter(int(EpochSampler(10, 10, 0).batch(epoch)[0]) for epoch in range(2000))
        assert set(firsts) == set(range(10))
        assert max(firsts.values()) < 260  # 200 expected, standard deviation 13

    def test_every_iteration_draws_otherwise(self) -> None:
        assert self.order.draw(1).random() != self.order.draw(2).random()
        assert self.order.draw(1).random() == self.order.draw(1).random()

    def test_another_seed_orders_and_draws_otherwise(self) -> None:
        other = EpochSampler(items=10, batch_size=4, seed=2)
        assert self.order.draw(1).random() != other.draw(1).random()
        assert self.order.batch(0).tolist() != other.batch(0).tolist()


def test_what_loading_raises_ends_the_training(tmp_path: Path) -> None:
    class Missing(Toy):
        def load(self, items: Any, draw: np.random.Generator) -> Batch:
            raise LnkitError("The file is gone.")

    with pytest.raises(LnkitError, match="The file is gone"):
        train(tmp_path, Missing())


class TestCollapse:
    """Trainings that fail without an error."""

    def test_a_loss_that_is_no_number(self, tmp_path: Path) -> None:
        class Exploding(Toy):
            steps = 0

            def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
                self.steps += 1
                losses = super().losses(network, batch)
                return losses | {"loss": losses["loss"] * (math.inf if self.steps == 17 else 1.0)}

        trained = train(tmp_path, Exploding())
        assert trained.collapsed == "the loss was inf at iteration 17"
        assert trained.best_iteration == 14, "the best network from before is kept"
        assert trained.network is not None
        assert all(tensor.isfinite().all() for tensor in trained.network.state_dict().values())
        assert trained.iterations < SETTINGS.iterations

    def test_before_any_validation_there_is_no_network(self, tmp_path: Path) -> None:
        class Broken(Toy):
            def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
                return {"loss": network(batch["image"]).sum() * math.nan}

        trained = train(tmp_path, Broken())
        assert trained.collapsed == "the loss was nan at iteration 1"
        assert (trained.network, trained.best_iteration) == (None, 0)
        assert train(tmp_path, Broken()).collapsed == trained.collapsed, "it is found again"

    def test_black_images(self, tmp_path: Path) -> None:
        class Blackening(Toy):
            def validate(self, network: nn.Module) -> Validation:
                found = super().validate(network)
                with torch.no_grad():  # as training would sooner or later
                    network[4].bias.sub_(40 * (found.value > 0))  # type: ignore[index,union-attr,operator]
                return found

        trained = train(tmp_path, Blackening())
        assert trained.collapsed.startswith("the output no longer depended on the input at iteration 14 (it varied by")
        assert trained.best_iteration == 7

    def test_a_validation_that_is_no_number(self, tmp_path: Path) -> None:
        class Judged(Toy):
            def validate(self, network: nn.Module) -> Validation:
                return Validation(math.nan)

        assert train(tmp_path, Judged()).collapsed == "the validation's loss was nan at iteration 7"

    @pytest.mark.parametrize(
        ("outputs", "expected"),
        [
            ([torch.zeros(3, 2, 2)], 0.0),
            ([torch.linspace(0, 1, 4).reshape(1, 2, 2).repeat(3, 1, 1)], 0.0),  # the same picture for every image
            ([torch.zeros(2, 2, 2), torch.full((1, 2, 2), 0.25)], 0.25),
            ([torch.linspace(0, 1, 4).reshape(1, 2, 2)], 1.0),  # a single image
        ],
    )
    def test_variation(self, outputs: list[Tensor], expected: float) -> None:
        variation = Variation()
        for batch in outputs:
            variation.add(batch)
        assert variation.value == expected


class Hungry(Toy):
    """Runs out of memory if more than ``room`` items go through the network at once."""

    def __init__(self, room: int, wrap: Callable[[nn.Module], nn.Module] = lambda network: network) -> None:
        super().__init__()
        self.room, self.wrap = room, wrap

    def build(self) -> nn.Module:
        return self.wrap(super().build())

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        if len(batch["noisy"]) > self.room:
            raise torch.OutOfMemoryError("no more memory")
        return super().losses(network, batch)


class TestMemory:
    """Running out of memory."""

    def test_batch_norm_forbids_a_split_and_a_batch_that_fits_is_named(self, tmp_path: Path) -> None:
        expected = (
            r"The memory of cpu is too small for a training step with 16 items: its batch norm uses the statistics of "
            r"the whole batch, so it cannot be split\. A batch of 4 fits: --set batch_size=4, which is another protocol"
        )
        with pytest.raises(LnkitError, match=expected):
            train(tmp_path, Hungry(room=5))
        with pytest.raises(LnkitError, match="Not even one item fits"):
            train(tmp_path / "none", Hungry(room=0))

    def test_without_batch_norm_gradients_are_added_up(self, tmp_path: Path) -> None:
        class Even(Toy):
            """Nothing depends on how many items come at once."""

            def build(self) -> nn.Module:
                return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))

            def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
                return {"loss": (network(batch["noisy"]) - batch["image"]).square().mean()}

        class HungryEven(Even):
            largest = 0

            def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
                if len(batch["noisy"]) > 5:
                    raise torch.OutOfMemoryError("no more memory")
                self.largest = max(self.largest, len(batch["noisy"]))
                return super().losses(network, batch)

        task = HungryEven()
        split, whole = train(tmp_path / "split", task), train(tmp_path / "whole", Even())
        assert task.largest == 4
        assert split.best_value == pytest.approx(whole.best_value, rel=1e-4)
        logs = [read_log(next(f for n, f in one.files.items() if n.endswith("log.csv"))) for one in (split, whole)]
        np.testing.assert_allclose(logs[0].value, logs[1].value, rtol=1e-3)

    def test_memory_that_runs_out_within_a_step_of_the_optimizer(self, tmp_path: Path) -> None:
        """The gradient scaler has divided the gradients by then; it must do so again when the step is repeated."""

        class Interrupted(torch.optim.SGD):
            steps = 0

            def step(self, closure: Any = None) -> None:
                self.steps += 1
                if self.steps == 1:
                    raise torch.OutOfMemoryError("no more memory")
                super().step(closure)

        class Even(Toy):
            kind: type[torch.optim.Optimizer] = torch.optim.SGD

            def build(self) -> nn.Module:
                return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))

            def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
                return self.kind(network.parameters(), lr=0.01)  # type: ignore[call-arg]

        roomy, tight = Even(), Even()
        tight.kind = Interrupted
        expected = train(tmp_path / "roomy", roomy, "fp16")
        assert train(tmp_path / "tight", tight, "fp16").best_value == pytest.approx(expected.best_value, rel=0.01)

    def test_the_loss_network_goes_first_in_micro_batches(self, tmp_path: Path) -> None:
        """Out of memory at iteration 5: it resumes from the last checkpoint with half as many images."""
        torch.manual_seed(0)
        network = LossNetwork(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), [ExtractionPoint("end", "1")])

        class Felt(Toy):
            steps = 0
            feature_loss = DeepPerceptualLoss(network)

            def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
                self.steps += 1
                if self.steps == 5:
                    raise torch.OutOfMemoryError("no more memory")
                return {"loss": self.feature_loss(network(batch["noisy"]), batch["image"])}

        class Roomy(Felt):
            steps = 10

        roomy = train(tmp_path / "roomy", Roomy())
        task = Felt()
        trained = train(tmp_path / "tight", task)
        assert task.feature_loss.micro_batch == 8
        assert trained.best_value == pytest.approx(roomy.best_value, rel=1e-4)

    def test_what_shrinks_in_which_order(self) -> None:
        loss = DeepPerceptualLoss(LossNetwork(nn.Sequential(nn.Conv2d(3, 4, 3)), [ExtractionPoint("end", "0")]))
        micro_batches = memory.MicroBatches(nn.Conv2d(3, 3, 1), loss, batch_size=4)
        said = []
        while sentence := micro_batches.shrink():
            said.append(sentence)
        assert [sentence.split(" takes ")[0] for sentence in said] == ["the loss network"] * 2 + [
            "the network in training"
        ] * 2
        assert (loss.micro_batch, micro_batches.size) == (1, 1)


class TestWhatIsKept:
    """The files of a finished training."""

    def test_the_log_has_every_series(self, tmp_path: Path) -> None:
        trained = train(tmp_path / "toy")
        assert list(trained.files)[:4] == [
            f"toy/{n}" for n in ("curves.png", "log.csv", "network.safetensors", "training.json")
        ]
        frame = pd.read_csv(trained.files["toy/log.csv"], dtype={"value": str}).astype({"value": float})  # unrounded
        assert list(frame.columns) == ["iteration", "epoch", "series", "value"]
        assert set(frame.series) == {"loss", "largest", "learning rate", "validation loss", "validation mean"}
        validated = frame[frame.series == "validation loss"]
        assert list(validated.iteration) == [7, 14, 21, 28, 30]
        assert validated.value.min() == trained.best_value
        assert list(frame[frame.series == "learning rate"].value[:6]) == pytest.approx([0.01] * 5 + [0.008])

    def test_a_long_log_is_thinned_to_means(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        full = pd.read_csv(train(tmp_path / "full").files["full/log.csv"])
        monkeypatch.setattr("lnkit.training.log.MAX_WINDOWS", 6)
        thin = pd.read_csv(train(tmp_path / "thin").files["thin/log.csv"])
        losses = full[full.series == "loss"].value.to_numpy()
        np.testing.assert_allclose(thin[thin.series == "loss"].value, losses.reshape(6, 5).mean(1), rtol=1e-12)

    def test_the_curves_are_a_picture(self, tmp_path: Path) -> None:
        with Image.open(train(tmp_path / "toy").files["toy/curves.png"]) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 500
            assert len(picture.convert("RGB").getcolors(2**24) or []) > 20

    def test_tensorboard_reads_it(self, tmp_path: Path) -> None:
        reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
        trained = train(tmp_path / "toy")
        (events,) = [file for name, file in trained.files.items() if name.startswith("toy/tensorboard/")]
        accumulator = reading.EventAccumulator(str(events.parent))
        accumulator.Reload()
        assert [event.step for event in accumulator.Scalars("validation loss")] == [7, 14, 21, 28, 30]
