"""A training run: from labelled images to checkpoints, scores, tables and figures; it can be resumed."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lnkit.data import atomic_write
from lnkit.datasets.labelled import LabelledData
from lnkit.networks import open_device
from lnkit.progress import Progress
from lnkit.training import DeviceSetup, TrainingSettings, Validation, batches_per_epoch, train
from lnkit_earlystop import history
from lnkit_earlystop.checkpoints import BEST, DESCRIPTION, FOLDER, CheckpointHeader, file_name, write_checkpoint
from lnkit_earlystop.distributed import World, process_group
from lnkit_earlystop.networks.architecture import Architecture
from lnkit_earlystop.perceptual_score import PerceptualScorer
from lnkit_earlystop.plots import draw_run
from lnkit_earlystop.recipes import Recipe
from lnkit_earlystop.task import ClassifierResult, ClassifierTask, TrainingPlan

LOOP_FOLDER = "training"  # state of lnkit's training loop, within the folder of the run


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """A training to carry out."""

    architecture: Architecture
    recipe: Recipe
    batch_size: int
    checkpoint_every: int  # steps
    seed: int
    stop_after: float | None = None  # epochs, where the schedule is longer; None for the whole schedule
    device: str = "auto"
    precision: str = "fp32"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A finished training."""

    folder: Path
    rows: list[history.Row]  # of its checkpoints
    collapsed: str  # why the training ended early; "" otherwise
    notes: tuple[str, ...]

    @property
    def best(self) -> history.Row | None:
        """The early-stopped checkpoint; None without perceptual scores."""
        return history.best_row(self.rows)


def train_classifier(
    request: TrainingRequest,
    data: LabelledData,
    folder: Path,
    scorer: PerceptualScorer | None,
    progress: Progress,
    world: World,
) -> TrainingRun:
    """Train a network, and save and score a checkpoint every so many steps; an interrupted training is resumed.

    Args:
        request: the network and how to train it.
        data: images at the architecture's resolution.
        folder: of this run only.
        scorer: scores every checkpoint; None without human judgments.
        progress: shows every step.
        world: the processes that train together.

    Raises:
        lnkit.DataError: ``folder`` holds another training, or is damaged.
        lnkit.LnkitError: the disk is full, or memory too small.
    """
    per_epoch = batches_per_epoch(len(data.train), request.batch_size)
    steps = max(round(request.recipe.epochs * per_epoch), 1)
    last = steps if request.stop_after is None else min(max(round(request.stop_after * per_epoch), 1), steps)
    plan = TrainingPlan(request.architecture, request.recipe, request.batch_size, steps, request.seed, world)
    settings = TrainingSettings(
        name="training",
        title=f"training {request.architecture.name}",
        iterations=last,
        batch_size=request.batch_size,
        validate_every=request.checkpoint_every,
        seed=request.seed,
        validates=history.STANDARD if scorer else "top1",
        higher_is_better=True,
        constant_below=-1.0,  # logits may be constant
    )
    setup = DeviceSetup(open_device(world.device(request.device)), request.precision)
    writer = _CheckpointWriter(plan, data, folder, scorer, per_epoch)
    with process_group(world), _loop_folder(folder / LOOP_FOLDER, world) as own:
        task = ClassifierTask(plan, data, setup.device, writer.write)
        result = train(task, settings, own, setup, progress, _facts(plan, data))
    return writer.finish(result.collapsed, result.notes)


def remove_training(folder: Path) -> None:
    """Remove the checkpoints and the state of a training from the folder of its run."""
    for name in (LOOP_FOLDER, FOLDER):
        shutil.rmtree(folder / name, ignore_errors=True)


def _facts(plan: TrainingPlan, data: LabelledData) -> dict[str, Any]:
    """Return everything that the trained weights depend on."""
    return {
        "architecture": plan.architecture.name,
        **{f"recipe.{name}": value for name, value in asdict(plan.recipe).items()},
        "steps": plan.steps,
        "data": data.sha256,
        "processes": plan.world.size,
    }


@contextmanager
def _loop_folder(folder: Path, world: World) -> Iterator[Path]:
    """Give each process a folder for the training loop: the first writes ``folder``, the others a copy of it.

    All resume at the same step this way, the one that the first process has saved.
    """
    if world.is_first:
        if world.size > 1:
            torch.distributed.barrier()  # the others have copied
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        own = Path(temporary) / LOOP_FOLDER
        if folder.is_dir():
            shutil.copytree(folder, own)
        torch.distributed.barrier()
        yield own


def write_summary(folder: Path) -> list[history.Row]:
    """Write table and figures of a run and a copy of its best checkpoint; return the rows of the table."""
    rows = history.checkpoint_rows(folder)
    history.write_rows(rows, folder / history.TABLE)
    best = history.best_row(rows)
    if best is not None:
        with atomic_write(folder / BEST) as tmp:
            shutil.copyfile(folder / FOLDER / file_name(int(best["step"])), tmp)
    draw_run(rows, folder.name, folder)
    return rows


class _CheckpointWriter:
    """Writes and scores a checkpoint at every validation."""

    def __init__(
        self, plan: TrainingPlan, data: LabelledData, folder: Path, scorer: PerceptualScorer | None, per_epoch: int
    ) -> None:
        self.plan, self.data, self.folder, self.scorer, self.per_epoch = plan, data, folder, scorer, per_epoch

    def write(self, network: nn.Module, step: int, result: ClassifierResult) -> Validation:
        """Write a checkpoint and its scores; its value is the perceptual score, or top-1 without one."""
        if not self.plan.world.is_first:
            return Validation(result.top1)
        header = self._header(step, result)
        file = write_checkpoint(network, header, self.folder / FOLDER)
        classes = self.data.classes
        accuracy = [0.0 if math.isnan(value) else float(value) for value in result.per_class]  # NaN without images
        accuracy += [0.0] * (len(classes) - len(accuracy))
        history.write_class_accuracy(classes, accuracy, self.folder / history.CLASS_ACCURACY)
        perceptual: Mapping[str, float] = self.scorer.scores(file, header) if self.scorer else {}
        scores = {"validation_loss": result.loss, **perceptual}
        history.write_scores(file, scores)
        value = scores.get(history.STANDARD, result.top1)
        others = {"top1": result.top1, **scores}
        return Validation(value, {name: score for name, score in others.items() if math.isfinite(score)})

    def finish(self, collapsed: str, notes: tuple[str, ...]) -> TrainingRun:
        """Write the summary of the run, and its description."""
        if not self.plan.world.is_first:
            return TrainingRun(self.folder, [], collapsed, notes)
        run = TrainingRun(self.folder, write_summary(self.folder), collapsed, notes)
        with atomic_write(self.folder / DESCRIPTION) as tmp:
            tmp.write_text(json.dumps(self._description(run), indent=1), encoding="utf-8")
        return run

    def _header(self, step: int, result: ClassifierResult) -> CheckpointHeader:
        plan = self.plan
        return CheckpointHeader(
            architecture=plan.architecture.name,
            classes=len(self.data.classes),
            step=step,
            epoch=step / self.per_epoch,
            top1=result.top1,
            data=self.data.sha256,
            seed=plan.seed,
            batch_size=plan.batch_size,
            recipe=json.dumps(asdict(plan.recipe)),
            lnkit_earlystop=version("lnkit-earlystop"),
        )

    def _description(self, run: TrainingRun) -> dict[str, Any]:
        return {
            **_facts(self.plan, self.data),
            "batch_size": self.plan.batch_size,
            "seed": self.plan.seed,
            "classes": list(self.data.classes),
            "images": {"train": len(self.data.train), "validation": len(self.data.validation)},
            "best": run.best,
            "collapsed": run.collapsed,
            "notes": list(run.notes),
        }
