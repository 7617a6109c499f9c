"""A calibration from judgments to files that `lin` and `--weights` take."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

import lnkit
from lnkit.data.atomic import atomic_write
from lnkit.datasets.two_afc_layout import split_folder
from lnkit.networks.device import open_device
from lnkit.progress import Progress
from lnkit.training.device_setup import DeviceSetup
from lnkit.training.loop import train
from lnkit.training.task import TrainingSettings, batches_per_epoch
from lnkit_calibration.model import Calibrated
from lnkit_calibration.task import CalibrationTask, Schedule, score
from lnkit_calibration.triplets import Split, Triplets, open_split

MODES = ("lin", "tune", "scratch")
WRAPPER = "network.backbone."  # what tensors of a cut backbone are called within Calibrated
HOOKED = "backbone."  # and where it is cut by hooks


@dataclass(frozen=True, slots=True)
class Wanted:
    """A calibration that was asked for."""

    backbone: str
    points: str  # as `--point` takes one loss network: "lpips", "early+late"
    mode: str  # one of MODES
    weights: str = "pretrained"
    seed: int = 0
    schedule: Schedule = field(default_factory=Schedule)
    hold_out: float = 0.2  # of the triplets, for scoring, where the data have no other split for that
    device: str = "auto"
    precision: str = "fp32"


@dataclass(frozen=True, slots=True)
class Learned:
    """What came out."""

    lin: Path
    backbone: Path | None  # of `tune` and `scratch`
    before: float  # 2AFC on held-out triplets with all weights equal, which is `spatial`
    after: float
    held: int  # triplets
    collapsed: str


def learn(
    wanted: Wanted, data: Path, split: str, output: Path, folder: Path, cache: Path, progress: Progress
) -> Learned:
    """Learn channel weights from human judgments, and write them.

    Args:
        wanted: what to learn.
        data: a folder in BAPPS's layout.
        split: to learn from. With "train" and a split "val" beside it, the latter is held out, else a part.
        output: file for the weights of `lin`; the backbone of `tune` and `scratch` goes beside it.
        folder: of this training, to go on after an interrupt.
        cache: for decoded images.
        progress: hears of every step.

    Raises:
        lnkit.DataError: the data are missing or damaged.
        lnkit.UsageError: a name is unknown, or the features are no maps.
    """
    chosen = open_split(data, split, cache, progress)
    training, held = _parts(wanted, chosen, data, split, cache, progress)
    machine = DeviceSetup(open_device(wanted.device), wanted.precision)
    make = partial(_load, wanted, progress)
    task = CalibrationTask(make, wanted.mode != "lin", wanted.schedule, training, held, machine.device)
    settings = _settings(wanted, len(training))
    done = train(task, settings, folder, machine, progress, _facts(wanted, chosen.sha256, split))
    before = score(_uniform(make(), machine.device), held, machine.device)
    if done.network is None:
        return Learned(output, None, before, float("nan"), len(held), done.collapsed)
    assert isinstance(done.network, Calibrated)
    after = score(done.network, held, machine.device)
    header = _facts(wanted, chosen.sha256, split) | {"held_out_2afc": f"{after:.6f}", "held_out": str(len(held))}
    return Learned(*_write(done.network, wanted, header, output), before, after, len(held), done.collapsed)


def _parts(
    wanted: Wanted, chosen: Split, data: Path, split: str, cache: Path, progress: Progress
) -> tuple[Triplets, Triplets]:
    """What to learn from, and what to score on."""
    if split != "val" and split_folder(data, "2afc", "val").is_dir():
        return chosen.triplets, open_split(data, "val", cache, progress).triplets
    return chosen.triplets.parted(wanted.hold_out, wanted.seed)


def _load(wanted: Wanted, progress: Progress) -> lnkit.LossNetwork:
    weights = "random" if wanted.mode == "scratch" else wanted.weights
    return lnkit.load_loss_network(wanted.backbone, wanted.points, weights=weights, seed=wanted.seed, progress=progress)


def _settings(wanted: Wanted, items: int) -> TrainingSettings:
    schedule = wanted.schedule
    per_epoch = batches_per_epoch(items, schedule.batch_size)
    return TrainingSettings(
        name="calibration",
        title=f"calibrating {wanted.backbone}:{wanted.points} ({wanted.mode})",
        iterations=per_epoch * (schedule.epochs + schedule.decay_epochs),
        batch_size=schedule.batch_size,
        validate_every=per_epoch,
        seed=wanted.seed,
        validates="iteration",
        higher_is_better=True,
        constant_below=-1.0,  # there is no output image to vary
    )


def _facts(wanted: Wanted, sha256: str, split: str) -> dict[str, str]:
    """What a training depends on, and a file says about itself."""
    weights = Path(wanted.weights)
    known = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else wanted.weights
    return {
        "mode": wanted.mode,
        "backbone": wanted.backbone,
        "points": wanted.points,
        "weights": "random" if wanted.mode == "scratch" else known,
        "data": sha256,
        "split": split,
        "hold_out": str(wanted.hold_out),
        "seed": str(wanted.seed),
        "schedule": str(asdict(wanted.schedule)),
        "lnkit": lnkit.__version__,
    }


def _uniform(network: lnkit.LossNetwork, device: torch.device) -> Calibrated:
    """The same loss network with all channels weighing one."""
    uniform = Calibrated(network, trains_backbone=False)
    with torch.no_grad():
        for weight in uniform.lin:
            weight.fill_(1.0)
    return uniform.to(device).eval()


def _write(network: Calibrated, wanted: Wanted, header: Mapping[str, str], output: Path) -> tuple[Path, Path | None]:
    """The weights of `lin` in the layout of LPIPS, and the trained backbone, whole, for `--weights`."""
    weights = {f"lin{i}.weight": weight.detach().cpu().view(1, -1, 1, 1) for i, weight in enumerate(network.lin)}
    _save(weights, output, header)
    if wanted.mode == "lin":
        return output, None
    file = output.with_name(f"{output.stem}.backbone.safetensors")
    _save(_whole(network, wanted), file, header)
    return output, file


def _whole(network: Calibrated, wanted: Wanted) -> dict[str, Tensor]:
    """The state of the whole backbone, with what was learned in it."""
    weights = "random" if wanted.mode == "scratch" else wanted.weights
    state = lnkit.load_backbone(wanted.backbone, weights=weights, seed=wanted.seed).state_dict()
    learned = 0
    for name, tensor in network.state_dict().items():
        own = name.removeprefix(WRAPPER)
        plain = own if own in state else own.removeprefix(HOOKED)
        if name.startswith(WRAPPER) and plain in state:
            state[plain] = tensor.detach().cpu()
            learned += 1
    if not learned:
        raise lnkit.UsageError(
            f"What was learned in {wanted.backbone} cannot be put back into it: its parts have other names when cut. "
            "Calibrate it with --mode lin."
        )
    return {name: tensor.contiguous() for name, tensor in state.items()}


def _save(tensors: Mapping[str, Tensor], file: Path, header: Mapping[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as draft:
        save_file(dict(tensors), draft, metadata=dict(header))
