"""The training loop: the only one, for every benchmark.

A step is a function of the state before it and of the iteration. All of that state is in every checkpoint, so a
training that is killed at any moment and started again ends with the same bits as one that never was.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lnkit.errors import LnkitError
from lnkit.progress import Progress
from lnkit.training.checkpoints import Checkpoint, Weights, read_checkpoint, write_checkpoint
from lnkit.training.collapse import constant_output, not_finite
from lnkit.training.device_setup import DeviceSetup, deterministic
from lnkit.training.interrupts import defer_interrupts
from lnkit.training.loader import EpochSampler, prefetch, to_device
from lnkit.training.log import TrainingLog
from lnkit.training.memory import MicroBatches, release
from lnkit.training.outcome import TrainingOutcome, outcome_files, read_outcome, write_outcome
from lnkit.training.rng_state import generator_states, restore, seed_all
from lnkit.training.task import Batch, TrainingResult, TrainingSettings, TrainingTask, Validation

CHECKPOINT_SECONDS = 30.0  # between two; a kill loses at most this much
LOOK_EVERY = 20  # iterations between two looks at the losses: on a GPU, a look waits for all that was asked of it

_log = logging.getLogger("lnkit")


def train(
    task: TrainingTask,
    settings: TrainingSettings,
    folder: Path,
    machine: DeviceSetup,
    progress: Progress,
    facts: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Train a network, from where an earlier call with the same arguments stopped.

    Args:
        task: the network, its data and its losses.
        settings: how long, in which batches, from which seed.
        folder: of this training alone; checkpoints, log and what comes out of it are kept there.
        machine: the device and the precision.
        progress: hears of every step.
        facts: what else the training depends on; a checkpoint with others is refused.

    Returns:
        The network that did best in validation, and how it went. A training that collapsed comes back as well.

    Raises:
        DataError: what lies in ``folder`` is damaged, or belongs to another training.
        LnkitError: the disk is full, or the device's memory too small.
        KeyboardInterrupt: after a checkpoint was written.
    """
    everything = {**(facts or {}), **asdict(settings)}
    found = read_outcome(folder, everything)
    if found is None:
        with deterministic(machine.device):
            _Training(task, settings, folder, machine, progress, everything).finish()
        found = read_outcome(folder, everything)
        assert found is not None, "finish() has just written it"
    ending, best = found
    with deterministic(machine.device):
        network = _rebuilt(task, settings, best, machine.device) if best is not None else None
    return TrainingResult(
        network,
        ending.best_iteration,
        ending.best_value,
        ending.iterations,
        ending.collapsed,
        outcome_files(folder),
        ending.notes,
    )


def _rebuilt(task: TrainingTask, settings: TrainingSettings, weights: Weights, device: torch.device) -> nn.Module:
    seed_all(settings.seed)
    network = _placed(task.build(), device)
    network.load_state_dict(dict(weights))
    return network.eval().requires_grad_(False)


def _placed(network: nn.Module, device: torch.device) -> nn.Module:
    """On the device, in the memory layout in which convolutions are fastest."""
    placed: nn.Module = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


class _Training:
    """One training being carried out."""

    def __init__(
        self,
        task: TrainingTask,
        settings: TrainingSettings,
        folder: Path,
        machine: DeviceSetup,
        progress: Progress,
        facts: Mapping[str, Any],
    ) -> None:
        self.task, self.settings, self.machine = task, settings, machine
        self.folder, self.progress, self.facts = folder, progress, facts
        task.prepare()
        seed_all(settings.seed)
        self.network = _placed(task.build(), machine.device).train()
        self.optimizer = task.optimizer(self.network)
        self.scheduler = task.scheduler(self.optimizer)
        self.scaler = machine.scaler()
        self.portions = MicroBatches(self.network, task.feature_loss, settings.batch_size)
        self.iteration = task.iteration = 0  # done
        self.best: Weights | None = None
        self.best_iteration, self.best_value = 0, math.nan
        self.stale = 0  # validations since the best
        self.collapsed = ""
        self.notes: tuple[str, ...] = ()
        self.validated = 0  # after which iteration last
        self.unseen: list[tuple[int, float, dict[str, Tensor]]] = []  # iteration, learning rate, losses
        self.last_loss = math.nan
        self.saved = time.monotonic()
        order = EpochSampler(task.items, settings.batch_size, settings.seed)
        folder.mkdir(parents=True, exist_ok=True)
        self.log = TrainingLog(folder, settings.iterations, order.batches)

    def finish(self) -> None:
        """Train to the end and keep what came out."""
        self._begin_or_go_on()
        while not self._ended:
            if self._runs_out_of_memory():
                self._back_off()
        self.log.close()
        ending = TrainingOutcome(self.best_iteration, self.best_value, self.iteration, self.collapsed, self.notes)
        write_outcome(self.folder, ending, self.best, self.facts, self.settings.title)

    def _runs_out_of_memory(self) -> bool:
        """Go on until the end, or until memory runs out; the error is gone then, and with it the tensors it held."""
        try:
            self._go_on()
        except KeyboardInterrupt:
            self._interrupted()
            raise
        except torch.OutOfMemoryError:
            return True
        return False

    @property
    def _ended(self) -> bool:
        if self._validation_is_due:
            return False
        patience = self.settings.patience
        stopped_early = patience > 0 and self.stale >= patience
        return bool(self.collapsed) or stopped_early or self.iteration >= self.settings.iterations

    @property
    def _validation_is_due(self) -> bool:
        last = self.iteration == self.settings.iterations
        due = self.iteration > 0 and (last or self.iteration % self.settings.validate_every == 0)
        return due and self.validated < self.iteration and not self.collapsed

    def _go_on(self) -> None:
        settings = self.settings
        with (
            self.progress.task(settings.title, settings.iterations, unit="steps") as advance,
            prefetch(self.task, settings, self.iteration, self.machine.device) as batches,
        ):
            advance(self.iteration)
            self._between_steps()  # a validation may have been interrupted
            while not self._ended:
                batch = next(batches)
                with defer_interrupts():
                    self._step(batch)
                advance(1, "" if math.isnan(self.last_loss) else f"loss {self.last_loss:.4g}")
                self._between_steps()

    def _between_steps(self) -> None:
        if self._validation_is_due:
            self._validate()
        if time.monotonic() - self.saved > CHECKPOINT_SECONDS or self._ended:
            self._save()

    def _step(self, batch: Batch) -> None:
        """One step of the optimizer."""
        self.optimizer.zero_grad(set_to_none=True)
        losses: dict[str, Tensor] = {}
        for part, share in self.portions.parts(batch):
            with self.machine.autocast():
                found = self.task.losses(self.network, part)
            self.scaler.scale(found["loss"] * share).backward()  # type: ignore[no-untyped-call]
            for name, value in found.items():
                losses[name] = losses.get(name, 0) + value.detach() * share
        self.scaler.step(self.optimizer)
        self.scaler.update()
        rate = self.optimizer.param_groups[0]["lr"]
        if self.scheduler is not None:
            self.scheduler.step()
        self.iteration += 1
        self.task.iteration = self.iteration
        self.unseen.append((self.iteration, float(rate), losses))
        if self.iteration % LOOK_EVERY == 0:
            self._look()

    def _look(self) -> None:
        """Log the losses that nobody has looked at yet; a loss that is no number is a collapse."""
        for iteration, rate, losses in self.unseen:
            values = {name: float(value) for name, value in losses.items()}
            if not math.isfinite(values["loss"]) and not self.collapsed:
                self.collapsed = not_finite("the loss", values["loss"], iteration)
            self.last_loss = values["loss"]
            self.log.add(iteration, values, rate)
        self.unseen = []

    def _validate(self) -> None:
        """Judge the network as it is, and keep it if it is the best so far."""
        with defer_interrupts():
            self._look()
        if self.collapsed:
            return
        self.network.eval()
        try:
            with torch.no_grad():
                found = self.task.validate(self.network)
        finally:
            self.network.train()
        with defer_interrupts():
            self._take_in(found)

    def _take_in(self, found: Validation) -> None:
        """Draw the consequences of a validation."""
        settings, self.validated = self.settings, self.iteration
        self.log.add_validation(self.iteration, {settings.validates: found.value, **found.others})
        if math.isnan(found.value):
            self.collapsed = not_finite(f"the validation's {settings.validates}", found.value, self.iteration)
        else:
            self.collapsed = constant_output(found.variation, settings.constant_below, self.iteration)
        if not self.collapsed:
            self._compare(found.value)

    def _compare(self, value: float) -> None:
        better = value > self.best_value if self.settings.higher_is_better else value < self.best_value
        if self.best is not None and not better:
            self.stale += 1
            return
        self.best_iteration, self.best_value, self.stale = self.iteration, value, 0
        self.best = {name: tensor.detach().cpu().clone() for name, tensor in self.network.state_dict().items()}

    def _save(self) -> None:
        """Write a checkpoint; no interrupt can fall into it."""
        with defer_interrupts():
            self._look()
            checkpoint = Checkpoint(self.iteration, self._state(), self.best)
            write_checkpoint(self.folder, checkpoint, self.facts)
            self.saved = time.monotonic()

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler is not None else None,
            "scaler": self.scaler.state_dict(),
            "generators": generator_states(self.machine.device),
            "log": self.log.state(),
            "portions": self.portions.state(),
            "machine": self.machine.facts,
            "notes": self.notes,
            "progress": {
                "best_iteration": self.best_iteration,
                "best_value": self.best_value,
                "stale": self.stale,
                "validated": self.validated,
                "collapsed": self.collapsed,
            },
        }

    def _begin_or_go_on(self) -> None:
        checkpoint = read_checkpoint(self.folder, self.facts)
        if checkpoint is None:
            self.log.begin()
            self._save()  # what can be gone back to
            return
        self._restore(checkpoint)
        if self.iteration:
            self.progress.say(f"Going on with {self.settings.title} after iteration {self.iteration:,}.")

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Be as right after the checkpoint was written."""
        state = checkpoint.state
        self.iteration, self.best = checkpoint.iteration, checkpoint.best
        self.task.iteration = self.iteration
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.scaler.load_state_dict(state["scaler"])
        restore(state["generators"], self.machine.device)
        self.log.restore(state["log"], self.iteration)
        self.portions.restore(state["portions"])
        self.notes = state["notes"] + self._changes(state["machine"])
        for name, value in state["progress"].items():
            setattr(self, name, value)
        self.unseen = []

    def _changes(self, before: Mapping[str, str]) -> tuple[str, ...]:
        """What a reader must know who wants to repeat this: the second half ran elsewhere."""
        now = self.machine.facts
        changed = [f"{name} {now[name]} instead of {before[name]}" for name in now if now[name] != before.get(name)]
        where = f"{self.settings.name} went on after iteration {self.iteration:,} with"
        return (f"{where} {', '.join(changed)}: its last digits may differ from a run in one place",) if changed else ()

    def _interrupted(self) -> None:
        self._save()
        self.progress.say(
            f"Interrupted after iteration {self.iteration:,} of {self.settings.iterations:,}. A checkpoint was kept in "
            f"{self.folder}; the same command goes on from there."
        )

    def _back_off(self) -> None:
        """Go back to the last checkpoint with smaller portions, or say what would fit."""
        self.optimizer.zero_grad(set_to_none=True)
        release(self.machine.device)
        smaller = self.portions.shrink()
        if not smaller:
            raise self.portions.too_much(self.machine.device, self._fits)
        _log.warning("The memory of %s ran out: %s.", self.machine.device, smaller)
        portions = self.portions.state()
        checkpoint = read_checkpoint(self.folder, self.facts)
        if checkpoint is None:
            raise LnkitError(f"The checkpoint in {self.folder} was removed while it was needed. Run again.")
        self._restore(checkpoint)
        self.portions.restore(portions)

    def _fits(self, items: int) -> bool:
        """Whether a step with so many items goes through; what it does to the network is not used."""
        order = EpochSampler(self.task.items, items, self.settings.seed)
        try:
            batch = to_device(self.task.load(order.batch(0), order.draw(0)), self.machine.device)
            with self.machine.autocast():
                loss = self.task.losses(self.network, batch)["loss"]
            loss.backward()  # type: ignore[no-untyped-call]
        except torch.OutOfMemoryError:
            return False
        finally:
            self.optimizer.zero_grad(set_to_none=True)
            release(self.machine.device)
        return True
