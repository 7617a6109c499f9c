"""Train a small network with a loss in plain PyTorch, in one process or, started by torchrun, in several."""

import os
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
from skimage import data
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import lnkit


class Denoiser(nn.Module):
    """A network that removes noise, with its loss inside: what is done to the whole does not reach the loss network."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
        self.loss = lnkit.DeepPerceptualLoss("efficientnet_lite0", "early+mid")

    def forward(self, images: Tensor) -> Tensor:
        noisy = (images + 0.1 * torch.randn_like(images)).clamp(0, 1)
        return self.loss(self.network(noisy), images)


if "WORLD_SIZE" in os.environ:  # set by torchrun
    dist.init_process_group("gloo")
first = not dist.is_initialized() or dist.get_rank() == 0

torch.manual_seed(0)
photograph = torch.from_numpy(data.astronaut()[:256, 128:384].copy()).permute(2, 0, 1) / 255
pieces = TensorDataset(photograph.unfold(1, 64, 64).unfold(2, 64, 64).flatten(1, 2).transpose(0, 1).contiguous())
sampler = DistributedSampler(pieces) if dist.is_initialized() else None
loader = DataLoader(pieces, batch_size=4, sampler=sampler)

model = Denoiser()
before = torch.cat([parameter.flatten() for parameter in model.loss.network.parameters()])
replica = DistributedDataParallel(model) if dist.is_initialized() else model
optimizer = torch.optim.AdamW(replica.parameters(), lr=3e-3)  # weight decay of all parameters

for epoch in range(3):
    values = []
    for (images,) in loader:
        optimizer.zero_grad()
        value = replica(images)
        value.backward()
        optimizer.step()
        values.append(value.item())
    if first:
        print(f"epoch {epoch}: loss {sum(values) / len(values):.4f}")

if first:
    with tempfile.TemporaryDirectory() as folder:
        torch.save(model.state_dict(), Path(folder) / "checkpoint.pt")
        print("checkpoint:", *torch.load(Path(folder) / "checkpoint.pt"))
    after = torch.cat([parameter.flatten() for parameter in model.loss.network.parameters()])
    print("the loss network has changed:", not torch.equal(after, before))
if dist.is_initialized():
    dist.destroy_process_group()
