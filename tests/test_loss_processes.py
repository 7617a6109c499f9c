"""A loss in two processes: inside modules that are replicated or sharded, as a metric, and sent by pickle."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel

from lnkit import DeepPerceptualLoss, ExtractionPoint, LossNetwork

pytest.importorskip("torchmetrics")

from lnkit.metrics import PerceptualDistance

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(not dist.is_available(), reason="this PyTorch has no torch.distributed"),
]

PROCESSES = 2


class Opaque(nn.Module):
    """Is cut by hooks, since its forward depends on values."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        if images.sum() > 1e12:
            return images
        features: Tensor = self.second(self.first(images).relu())
        return features


class Parent(nn.Module):
    """A network with its loss inside, as Lightning modules have it."""

    def __init__(self, loss: DeepPerceptualLoss) -> None:
        super().__init__()
        self.net = nn.Conv2d(3, 3, 1)
        self.loss = loss

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        value: Tensor = self.loss(self.net(images), targets)
        return value


def batch() -> tuple[Tensor, Tensor]:
    a, b = torch.rand(2, 2 * PROCESSES, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    return a, b


def rows(rank: int) -> tuple[Tensor, Tensor]:
    """Return the part of the batch of a process."""
    a, b = batch()
    return a[rank::PROCESSES], b[rank::PROCESSES]


def gradient(parent: nn.Module, images: tuple[Tensor, Tensor]) -> Tensor:
    parent(*images).backward()
    (weight,) = (value for name, value in parent.named_parameters() if name.endswith("net.weight"))
    assert weight.grad is not None
    return weight.grad


def work(rank: int, folder: Path, parent: Parent) -> None:
    """Run in each process: store what came out."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=PROCESSES)
    found: dict[str, Any] = {"value": parent.loss(*batch())}
    found["replicated"] = gradient(DistributedDataParallel(parent), rows(rank))
    parent.zero_grad()
    found["sharded"] = gradient(
        fully_shard(parent, mesh=init_device_mesh("cpu", (PROCESSES,))), rows(rank)
    ).full_tensor()
    found["network"] = {type(parameter).__name__ for parameter in parent.loss.network.parameters()}
    flat = FullyShardedDataParallel(Parent(parent.loss), device_id=torch.device("cpu"), use_orig_params=True)
    found["flat"] = [name.rpartition("module.")[2] for name, _ in flat.named_parameters()]
    found["flat value"] = flat.module.loss(*batch())
    metric = PerceptualDistance(parent.loss)
    metric.update(*(images[:3] if rank == 0 else images[3:] for images in batch()))
    found["metric"] = metric.compute()
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def parent() -> Parent:
    torch.manual_seed(0)
    points = [ExtractionPoint("early", "first"), ExtractionPoint("late", "second")]
    return Parent(DeepPerceptualLoss(LossNetwork(Opaque(), points), distance="spatial"))


@pytest.fixture(scope="module")
def found(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two new processes found, to which the parent was sent by pickle."""
    folder = tmp_path_factory.mktemp("processes")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(rank, folder, parent)) for rank in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(PROCESSES)]


def test_a_new_process_computes_the_same(found: list[dict[str, Any]], parent: Parent) -> None:
    for process in found:
        torch.testing.assert_close(process["value"], parent.loss(*batch()))


@pytest.mark.parametrize("kind", ["replicated", "sharded"])
def test_the_gradient_is_that_of_the_whole_batch(kind: str, found: list[dict[str, Any]], parent: Parent) -> None:
    expected = gradient(parent, batch())
    parent.zero_grad()
    for process in found:
        torch.testing.assert_close(process[kind], expected)


def test_no_process_shards_the_loss_network(found: list[dict[str, Any]], parent: Parent) -> None:
    for process in found:
        assert process["network"] == {"Parameter"}
        assert process["flat"] == ["net.weight", "net.bias"]
        torch.testing.assert_close(process["flat value"], parent.loss(*batch()))


def test_a_metric_counts_the_images_of_all_processes(found: list[dict[str, Any]], parent: Parent) -> None:
    """Three images in one process, one in the other."""
    single = [parent.loss(a[None], b[None]).item() for a, b in zip(*batch(), strict=True)]
    for process in found:
        assert process["metric"].item() == pytest.approx(sum(single) / len(single), rel=1e-6)
