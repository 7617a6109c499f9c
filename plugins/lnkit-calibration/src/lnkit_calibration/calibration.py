"""Calibration of a loss network: from judgments to the files that the distance `lin` and ``--weights`` take."""

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
from lnkit.data import atomic_write
from lnkit.networks import open_device
from lnkit.progress import Progress
from lnkit.training import DeviceSetup, TrainingSettings, batches_per_epoch, train
from lnkit_calibration.model import CalibrationModel
from lnkit_calibration.task import CalibrationTask, Schedule, score
from lnkit_calibration.triplets import Triplets, has_validation, open_triplets

MODES = ("lin", "tune", "scratch")
WRAPPER = "network.backbone."  # prefix of a cut backbone's tensors within CalibrationModel
HOOKED = "backbone."  # and a further prefix where the backbone is cut by hooks


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """A calibration to carry out."""

    backbone: str
    points: str  # one loss network, as `--point` takes it: "lpips", "early+late"
    mode: str  # one of MODES
    weights: str = "pretrained"  # initial weights of the backbone; ignored by the mode `scratch`
    seed: int = 0
    schedule: Schedule = field(default_factory=Schedule)
    hold_out: float = 0.2  # fraction of the triplets to score on where the data have no split "val" for that
    device: str = "auto"
    precision: str = "fp32"

    @property
    def initial_weights(self) -> str:
        return "random" if self.mode == "scratch" else self.weights


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """Files and scores of a calibration."""

    lin: Path  # the channel weights
    backbone: Path | None  # the trained backbone of `tune` and `scratch`
    before: float  # 2AFC on held-out triplets with all channel weights one, which is the distance `spatial`
    after: float
    held_out: int  # number of held-out triplets
    collapsed: str  # why the training ended early without files; "" otherwise


def calibrate(
    request: CalibrationRequest, data: Path, split: str, output: Path, folder: Path, cache: Path, progress: Progress
) -> CalibrationResult:
    """Train channel weights on human judgments, and write them.

    Args:
        request: the loss network and how to train it.
        data: a folder in BAPPS's layout.
        split: split to train on. For "train" beside a split "val", the latter is held out; otherwise a fraction is.
        output: file for the weights of `lin`; the backbone of `tune` and `scratch` is written beside it.
        folder: state of this training, so that it can be resumed.
        cache: folder of decoded images.
        progress: shows every step.

    Returns:
        The files written, and the 2AFC score on held-out triplets before and after.

    Raises:
        lnkit.DataError: the data are missing or damaged.
        lnkit.UsageError: a name is unknown, or the features are no maps.
    """
    triplets = open_triplets(data, split, cache, progress)
    if has_validation(data, split):
        training, validation = triplets, open_triplets(data, "val", cache, progress)
    else:
        training, validation = triplets.split(request.hold_out, request.seed)
    setup = DeviceSetup(open_device(request.device), request.precision)
    make = partial(_load_network, request, progress)
    task = CalibrationTask(make, request.mode != "lin", request.schedule, training, validation, setup.device)
    facts = _facts(request, triplets, split)
    result = train(task, _settings(request, len(training)), folder, setup, progress, facts)
    before = score(_uniform(make(), setup.device), validation, setup.device)
    if result.network is None:
        return CalibrationResult(output, None, before, float("nan"), len(validation), result.collapsed)
    assert isinstance(result.network, CalibrationModel)
    after = score(result.network, validation, setup.device)
    header = facts | {"held_out_2afc": f"{after:.6f}", "held_out": str(len(validation))}
    backbone = _write(result.network, request, header, output)
    return CalibrationResult(output, backbone, before, after, len(validation), result.collapsed)


def _load_network(request: CalibrationRequest, progress: Progress) -> lnkit.LossNetwork:
    return lnkit.load_loss_network(
        request.backbone, request.points, weights=request.initial_weights, seed=request.seed, progress=progress
    )


def _settings(request: CalibrationRequest, items: int) -> TrainingSettings:
    schedule = request.schedule
    per_epoch = batches_per_epoch(items, schedule.batch_size)
    return TrainingSettings(
        name="calibration",
        title=f"calibrating {request.backbone}:{request.points} ({request.mode})",
        iterations=per_epoch * (schedule.epochs + schedule.decay_epochs),
        batch_size=schedule.batch_size,
        validate_every=per_epoch,
        seed=request.seed,
        validates="iteration",
        higher_is_better=True,
        constant_below=-1.0,  # there is no output image that could collapse
    )


def _facts(request: CalibrationRequest, triplets: Triplets, split: str) -> dict[str, str]:
    """Return everything that the trained weights depend on; it also becomes the header of the files."""
    weights = Path(request.weights)
    known = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else request.weights
    return {
        "mode": request.mode,
        "backbone": request.backbone,
        "points": request.points,
        "weights": "random" if request.mode == "scratch" else known,
        "data": triplets.sha256,
        "split": split,
        "hold_out": str(request.hold_out),
        "seed": str(request.seed),
        "schedule": str(asdict(request.schedule)),
        "lnkit": lnkit.__version__,
    }


def _uniform(network: lnkit.LossNetwork, device: torch.device) -> CalibrationModel:
    """Return the loss network with all channel weights one."""
    uniform = CalibrationModel(network, trains_backbone=False)
    with torch.no_grad():
        for weight in uniform.lin:
            weight.fill_(1.0)
    return uniform.to(device).eval()


def _write(
    network: CalibrationModel, request: CalibrationRequest, header: Mapping[str, str], output: Path
) -> Path | None:
    """Write the weights of `lin` as the lpips package lays them out; return the file of the trained backbone."""
    weights = {f"lin{i}.weight": weight.detach().cpu().view(1, -1, 1, 1) for i, weight in enumerate(network.lin)}
    _save(weights, output, header)
    if request.mode == "lin":
        return None
    file = output.with_name(f"{output.stem}.backbone.safetensors")
    _save(_backbone_state(network, request), file, header)
    return file


def _backbone_state(network: CalibrationModel, request: CalibrationRequest) -> dict[str, Tensor]:
    """Return the state of the whole backbone, with the trained tensors of its cut part."""
    state = lnkit.load_backbone(request.backbone, weights=request.initial_weights, seed=request.seed).state_dict()
    trained = 0
    for name, tensor in network.state_dict().items():
        own = name.removeprefix(WRAPPER)
        plain = own if own in state else own.removeprefix(HOOKED)
        if name.startswith(WRAPPER) and plain in state:
            state[plain] = tensor.detach().cpu()
            trained += 1
    if not trained:
        raise lnkit.UsageError(
            f"The trained tensors of {request.backbone} cannot be restored to it: they have other names in the cut "
            "network. Calibrate it with --mode lin."
        )
    return {name: tensor.contiguous() for name, tensor in state.items()}


def _save(tensors: Mapping[str, Tensor], file: Path, header: Mapping[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as tmp:
        save_file(dict(tensors), tmp, metadata=dict(header))
