"""Train a small network with a loss in Lightning, and measure the same loss in validation.

Arguments: the number of processes (1).
"""

import sys
import tempfile
import warnings
from pathlib import Path

import lightning
import torch
from skimage import data
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import lnkit
from lnkit.metrics import PerceptualDistance


class Denoiser(lightning.LightningModule):
    """A network that removes noise, with its loss inside: what is done to the whole does not reach the loss network."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
        self.loss = lnkit.DeepPerceptualLoss("efficientnet_lite0", "early+mid")
        self.distance = PerceptualDistance(self.loss)

    def denoise(self, images: Tensor) -> Tensor:
        return self.network((images + 0.1 * torch.randn_like(images)).clamp(0, 1))

    def training_step(self, batch: list[Tensor]) -> Tensor:
        return self.loss(self.denoise(batch[0]), batch[0])

    def validation_step(self, batch: list[Tensor]) -> None:
        self.distance.update(self.denoise(batch[0]), batch[0])
        self.log("distance", self.distance)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=3e-3)  # weight decay of all parameters


class Show(lightning.Callback):
    """Prints the distance of each validation, in one process."""

    def on_validation_end(self, trainer: lightning.Trainer, _model: lightning.LightningModule) -> None:
        if trainer.is_global_zero and not trainer.sanity_checking:
            print(f"epoch {trainer.current_epoch}: distance {trainer.callback_metrics['distance']:.4f}")


processes = int(sys.argv[1]) if len(sys.argv) > 1 else 1
warnings.filterwarnings("ignore", module="lightning")  # of workers for such a small data set

torch.manual_seed(0)
photograph = torch.from_numpy(data.astronaut()[:256, 128:384].copy()).permute(2, 0, 1) / 255
pieces = TensorDataset(photograph.unfold(1, 64, 64).unfold(2, 64, 64).flatten(1, 2).transpose(0, 1).contiguous())

model = Denoiser()
before = torch.cat([parameter.flatten() for parameter in model.loss.network.parameters()])
trainer = lightning.Trainer(
    accelerator="cpu",
    devices=processes,
    strategy="ddp" if processes > 1 else "auto",
    max_epochs=3,
    callbacks=[Show()],
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(model, DataLoader(pieces, batch_size=4, shuffle=True), DataLoader(pieces, batch_size=4))

folder = Path(tempfile.mkdtemp())
trainer.save_checkpoint(folder / "checkpoint.ckpt")  # called by all processes, written by one
if trainer.is_global_zero:
    print("checkpoint:", *torch.load(folder / "checkpoint.ckpt", weights_only=False)["state_dict"])
    after = torch.cat([parameter.flatten() for parameter in model.loss.network.parameters()])
    print("the loss network has changed:", not torch.equal(after, before))
