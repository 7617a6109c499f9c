"""One training from data to checkpoints: what is decided, what is kept, and where it goes on after a kill."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lnkit.data.atomic import atomic_write
from lnkit.datasets.labelled import LabelledData
from lnkit.networks.device import open_device
from lnkit.progress import Progress
from lnkit.training.device_setup import DeviceSetup
from lnkit.training.loop import train
from lnkit.training.task import TrainingSettings, Validation, batches_per_epoch
from lnkit_earlystop import history
from lnkit_earlystop.checkpoints import BEST, FOLDER, Facts, file_name, write_checkpoint
from lnkit_earlystop.distributed import World, connected
from lnkit_earlystop.networks.architecture import Architecture
from lnkit_earlystop.plots import draw_run
from lnkit_earlystop.recipes import Recipe
from lnkit_earlystop.scoring import Judges
from lnkit_earlystop.task import ClassifierTask, Judgment, Plan

DESCRIPTION = "training.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A training that was asked for."""

    architecture: Architecture
    recipe: Recipe
    batch_size: int
    checkpoint_every: int  # steps
    seed: int
    stop_after: float | None = None  # epochs, where the schedule is longer; None to go to its end
    device: str = "auto"
    precision: str = "fp32"


@dataclass(frozen=True, slots=True)
class Run:
    """A training that is done, and where everything lies."""

    folder: Path
    rows: list[history.Row]
    collapsed: str
    notes: tuple[str, ...]

    @property
    def best(self) -> history.Row | None:
        return history.best_of(self.rows)


def train_classifier(
    wanted: Wanted, data: LabelledData, folder: Path, judges: Judges | None, progress: Progress, place: World
) -> Run:
    """Train, and keep a checkpoint with its scores every so many steps; goes on where it stopped.

    Args:
        wanted: the training.
        data: opened at the architecture's resolution.
        folder: of the run alone.
        judges: that score every checkpoint; None if no human judgments are at hand.
        progress: hears of every step.
        place: among the processes that train together.

    Raises:
        lnkit.DataError: what lies in ``folder`` belongs to another training, or is damaged.
        lnkit.LnkitError: the disk is full, or memory too small.
    """
    per_epoch = batches_per_epoch(len(data.train), wanted.batch_size)
    steps = max(round(wanted.recipe.epochs * per_epoch), 1)
    last = steps if wanted.stop_after is None else min(max(round(wanted.stop_after * per_epoch), 1), steps)
    plan = Plan(wanted.architecture, wanted.recipe, wanted.batch_size, steps, wanted.seed, place)
    settings = TrainingSettings(
        name="training",
        title=f"training {wanted.architecture.name}",
        iterations=last,
        batch_size=wanted.batch_size,
        validate_every=wanted.checkpoint_every,
        seed=wanted.seed,
        validates=history.STANDARD if judges else "top1",
        higher_is_better=True,
        constant_below=-1.0,  # logits may vary as little as they like
    )
    machine = DeviceSetup(open_device(place.device(wanted.device)), wanted.precision)
    keeper = _Keeper(plan, data, folder, judges, per_epoch)
    with connected(place), _own_folder(folder / "training", place) as own:
        task = ClassifierTask(plan, data, machine.device, keeper.passed)
        done = train(task, settings, own, machine, progress, _facts(plan, data))
    return keeper.finish(done.collapsed, done.notes)


def forget(folder: Path) -> None:
    """Remove what a training left in the folder of its run, so that it begins anew."""
    for name in ("training", FOLDER):
        shutil.rmtree(folder / name, ignore_errors=True)


def _facts(plan: Plan, data: LabelledData) -> dict[str, Any]:
    return {
        "architecture": plan.architecture.name,
        **{f"recipe.{name}": value for name, value in asdict(plan.recipe).items()},
        "steps": plan.steps,
        "data": data.sha256,
        "processes": plan.world.size,
    }


@contextmanager
def _own_folder(folder: Path, place: World) -> Iterator[Path]:
    """The folder of the training loop. Only the first process keeps it; the others begin with a copy of what it holds.

    All then go on at the same step, since that of the first is the only one that counts.
    """
    if place.is_first:
        if place.size > 1:
            torch.distributed.barrier()  # the others have copied
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        own = Path(temporary) / "training"
        if folder.is_dir():
            shutil.copytree(folder, own)
        torch.distributed.barrier()
        yield own


def close_run(folder: Path) -> list[history.Row]:
    """Write the table and the pictures of a run, and its best checkpoint beside them; returns the table."""
    rows = history.rows_of(folder)
    history.write_rows(rows, folder / history.TABLE)
    best = history.best_of(rows)
    if best is not None:
        with atomic_write(folder / BEST) as draft:
            shutil.copyfile(folder / FOLDER / file_name(int(best["step"])), draft)
    draw_run(rows, folder.name, folder)
    return rows


class _Keeper:
    """Writes a checkpoint at every validation, and has it scored."""

    def __init__(self, plan: Plan, data: LabelledData, folder: Path, judges: Judges | None, per_epoch: int) -> None:
        self.plan, self.data, self.folder, self.judges, self.per_epoch = plan, data, folder, judges, per_epoch

    def passed(self, network: nn.Module, step: int, judgment: Judgment) -> Validation:
        others = {"top1": judgment.top1, "validation_loss": judgment.loss}
        if not self.plan.world.is_first:
            return Validation(judgment.top1)
        facts = self._facts(step, judgment)
        file = write_checkpoint(network, facts, self.folder / FOLDER)
        history.write_class_accuracy(
            self.data.classes, _complete(judgment, len(self.data.classes)), self.folder / history.CLASS_ACCURACY
        )
        scores = {"validation_loss": judgment.loss, **self._perceptual(file, facts)}
        history.keep_scores(file, scores)
        worth = scores.get(history.STANDARD, judgment.top1)
        return Validation(worth, {name: value for name, value in (others | scores).items() if math.isfinite(value)})

    def finish(self, collapsed: str, notes: tuple[str, ...]) -> Run:
        """Write the tables and pictures, and the best checkpoint beside them."""
        if not self.plan.world.is_first:
            return Run(self.folder, [], collapsed, notes)
        run = Run(self.folder, close_run(self.folder), collapsed, notes)
        with atomic_write(self.folder / DESCRIPTION) as draft:
            draft.write_text(json.dumps(self._description(run), indent=1), encoding="utf-8")
        return run

    def _perceptual(self, file: Path, facts: Facts) -> Mapping[str, float]:
        return {} if self.judges is None else self.judges.scores(file, facts)

    def _facts(self, step: int, judgment: Judgment) -> Facts:
        from lnkit_earlystop import __version__  # noqa: PLC0415 - the package imports what imports this

        plan = self.plan
        return Facts(
            architecture=plan.architecture.name,
            classes=len(self.data.classes),
            step=step,
            epoch=step / self.per_epoch,
            top1=judgment.top1,
            data=self.data.sha256,
            seed=plan.seed,
            batch_size=plan.batch_size,
            recipe=json.dumps(asdict(plan.recipe)),
            lnkit_earlystop=__version__,
        )

    def _description(self, run: Run) -> dict[str, Any]:
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


def _complete(judgment: Judgment, classes: int) -> list[float]:
    """The accuracy of every class; 0 for those without an image."""
    found = [0.0 if math.isnan(value) else float(value) for value in judgment.per_class]
    return found + [0.0] * (classes - len(found))
