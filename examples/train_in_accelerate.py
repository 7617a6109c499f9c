"""Train a small network with a loss in accelerate, in one process or, started by torchrun, in several."""

import tempfile
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors import safe_open
from skimage import data
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

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


torch.manual_seed(0)
photograph = torch.from_numpy(data.astronaut()[:256, 128:384].copy()).permute(2, 0, 1) / 255
pieces = TensorDataset(photograph.unfold(1, 64, 64).unfold(2, 64, 64).flatten(1, 2).transpose(0, 1).contiguous())

accelerator = Accelerator(cpu=True)
model = Denoiser()
before = torch.cat([parameter.flatten() for parameter in model.loss.network.parameters()])
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)  # weight decay of all parameters
replica, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(pieces, batch_size=4, shuffle=True))

for epoch in range(3):
    values = []
    for (images,) in loader:
        optimizer.zero_grad()
        value = replica(images)
        accelerator.backward(value)
        optimizer.step()
        values.append(value.item())
    accelerator.print(f"epoch {epoch}: loss {sum(values) / len(values):.4f}")

if accelerator.is_main_process:
    with tempfile.TemporaryDirectory() as folder:
        accelerator.save_model(replica, folder)
        with safe_open(Path(folder) / "model.safetensors", "pt") as checkpoint:
            print("checkpoint:", *checkpoint.keys())
    after = torch.cat([parameter.flatten() for parameter in model.loss.network.parameters()])
    print("the loss network has changed:", not torch.equal(after, before))
accelerator.end_training()
