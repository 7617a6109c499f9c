"""The training loop of all benchmarks.

A step depends on the previous state and the iteration only, and every checkpoint holds the whole state. A training that
is killed at any moment and resumed therefore gives the same bits as one that was never interrupted.
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

from lnkit._text_paths import text_paths
from lnkit.errors import LnkitError
from lnkit.networks.device import is_out_of_memory, place
from lnkit.progress import Progress
from lnkit.training.checkpoints import (
    Checkpoint,
    Weights,
    damaged,
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from lnkit.training.collapse import constant_output, not_finite
from lnkit.training.device_setup import DeviceSetup, deterministic
from lnkit.training.interrupts import defer_interrupts
from lnkit.training.loader import EpochSampler, prefetch, to_device
from lnkit.training.log import TrainingLog
from lnkit.training.loss_mode import lend, restore_statistics, set_mode, statistics
from lnkit.training.memory import MicroBatches, release
from lnkit.training.outcome import (
    LOG,
    TrainingOutcome,
    missing_for_curves,
    outcome_files,
    read_outcome,
    write_outcome,
)
from lnkit.training.rng_state import generator_states, restore, seed_all
from lnkit.training_task import Batch, TrainingResult, TrainingSettings, TrainingTask, Validation

CHECKPOINT_SECONDS = 30.0  # between two checkpoints: the most work that a kill can lose
READ_EVERY = 20  # iterations; reading the losses makes a GPU finish all queued work

_log = logging.getLogger("lnkit")


@text_paths
def train(
    task: TrainingTask,
    settings: TrainingSettings,
    folder: Path,
    setup: DeviceSetup,
    progress: Progress,
    facts: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Train a network, or resume an earlier call with the same arguments.

    Args:
        task: The network, its data and its losses.
        settings: Iterations, batch size, seed and so on.
        folder: Folder of this training alone, for its checkpoints, log and outcome.
        setup: The device and the precision.
        progress: Shows every step.
        facts: Everything else that the training depends on; a checkpoint with other facts is refused.

    Returns:
        The best network by validation, with the course of the training. A collapse is a result, not an error.

    Raises:
        DataError: The files in ``folder`` are damaged, or belong to another training.
        LnkitError: The disk is full, or the memory of the device is too small.
        KeyboardInterrupt: After a checkpoint was written.
    """
    all_facts = {**(facts or {}), **asdict(settings)}
    stored = read_outcome(folder, all_facts)
    if stored is None:
        with deterministic(setup.device), lend(task.feature_loss):
            _Training(task, settings, folder, setup, progress, all_facts).finish()
        stored = read_outcome(folder, all_facts)
        assert stored is not None, "finish() has just written it"
    outcome, best = stored
    with deterministic(setup.device):
        network = _rebuild(task, settings, best, setup.device) if best is not None else None
    return TrainingResult(
        network,
        outcome.best_iteration,
        outcome.best_value,
        outcome.iterations,
        outcome.collapsed,
        outcome_files(folder),
        outcome.notes,
    )


def _rebuild(task: TrainingTask, settings: TrainingSettings, weights: Weights, device: torch.device) -> nn.Module:
    seed_all(settings.seed)
    network = place(task.build(), device)
    network.load_state_dict(dict(weights))
    return network.eval().requires_grad_(False)


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an optimizer, each tensor laid out in memory as its parameter, as the optimizer made it.

    Checkpoints store no layouts. On a GPU, an optimizer takes other kernels for tensors of different layouts, which
    round differently.
    """
    optimizer.load_state_dict(state)
    for parameter, tensors in optimizer.state.items():
        for name, tensor in tensors.items():
            if isinstance(tensor, Tensor) and tensor.shape == parameter.shape:
                laid_out = torch.empty_like(parameter, dtype=tensor.dtype, device=tensor.device, requires_grad=False)
                tensors[name] = laid_out.copy_(tensor)


class _Training:
    """The state of a training, and the steps that change it."""

    def __init__(
        self,
        task: TrainingTask,
        settings: TrainingSettings,
        folder: Path,
        setup: DeviceSetup,
        progress: Progress,
        facts: Mapping[str, Any],
    ) -> None:
        self.task, self.settings, self.setup = task, settings, setup
        self.folder, self.progress, self.facts = folder, progress, facts
        task.prepare()
        seed_all(settings.seed)
        self.network = place(task.build(), setup.device).train()
        self.optimizer = task.optimizer(self.network)
        self.scheduler = task.scheduler(self.optimizer)
        self.scaler = setup.scaler()
        self.micro_batches = MicroBatches(self.network, task.feature_loss, settings.batch_size)
        self.iteration = task.iteration = 0  # finished iterations
        self.best: Weights | None = None
        self.best_iteration, self.best_value = 0, math.nan
        self.stale = 0  # validations since the best
        self.collapsed = ""
        self.notes: tuple[str, ...] = ()
        self.validated = 0  # iteration of the last validation
        self.in_step = False
        self.unread: list[tuple[int, float, dict[str, Tensor]]] = []  # iteration, learning rate, losses
        self.last_loss = math.nan
        self.saved = time.monotonic()
        sampler = EpochSampler(task.items, settings.batch_size, settings.seed)
        folder.mkdir(parents=True, exist_ok=True)
        self.log = TrainingLog(folder, settings.iterations, sampler.batches)

    def finish(self) -> None:
        """Train to the end and write the outcome."""
        self._begin_or_resume()
        while not self._ended:
            if self._runs_out_of_memory():
                self._back_off()
        self.log.close()
        outcome = TrainingOutcome(self.best_iteration, self.best_value, self.iteration, self.collapsed, self.notes)
        write_outcome(self.folder, outcome, self.best, self.facts, self.settings.title)
        if packages := missing_for_curves():
            self.progress.say(f"Drawing curves of {self.settings.title} needs {packages}; {LOG} has their values.")

    def _runs_out_of_memory(self) -> bool:
        """Train until the end or until memory runs out; returning frees the tensors that the error refers to."""
        try:
            self._train()
        except KeyboardInterrupt:
            self._save_interrupted()
            raise
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
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

    def _train(self) -> None:
        settings = self.settings
        with (
            self.progress.task(settings.title, settings.iterations, unit="steps") as advance,
            prefetch(self.task, settings, self.iteration, self.setup.device) as batches,
        ):
            advance(self.iteration)
            set_mode(self.network, self.task.feature_loss, training=True)
            self._between_steps()  # a validation may have been interrupted
            while not self._ended:
                batch = next(batches)
                with defer_interrupts():
                    self.in_step = True
                    self._step(batch)
                    self.in_step = False
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
        for part, share in self.micro_batches.parts(batch):
            with self.setup.autocast():
                part_losses = self.task.losses(self.network, part)
            self.scaler.scale(part_losses["loss"] * share).backward()  # type: ignore[no-untyped-call]
            for name, value in part_losses.items():
                losses[name] = losses.get(name, 0) + value.detach() * share
        self.scaler.step(self.optimizer)
        self.scaler.update()
        rate = self.optimizer.param_groups[0]["lr"]
        if self.scheduler is not None:
            self.scheduler.step()
        self.iteration += 1
        self.task.iteration = self.iteration
        self.unread.append((self.iteration, float(rate), losses))
        if self.iteration % READ_EVERY == 0:
            self._read_losses()

    def _read_losses(self) -> None:
        """Log the losses of the last steps; a loss that is not finite is a collapse."""
        for iteration, rate, losses in self.unread:
            values = {name: float(value) for name, value in losses.items()}
            if not math.isfinite(values["loss"]) and not self.collapsed:
                self.collapsed = not_finite("the loss", values["loss"], iteration)
            self.last_loss = values["loss"]
            self.log.add(iteration, values, rate)
        self.unread = []

    def _validate(self) -> None:
        """Validate the network, and store its weights if it is the best so far."""
        with defer_interrupts():
            self._read_losses()
        if self.collapsed:
            return
        set_mode(self.network, self.task.feature_loss, training=False)
        try:
            with torch.no_grad():
                validation = self.task.validate(self.network)
        finally:
            set_mode(self.network, self.task.feature_loss, training=True)
        with defer_interrupts():
            self._update(validation)

    def _update(self, validation: Validation) -> None:
        """Update log, collapse and best network after a validation."""
        settings, self.validated = self.settings, self.iteration
        self.log.add_validation(self.iteration, {settings.validates: validation.value, **validation.others})
        if math.isnan(validation.value):
            self.collapsed = not_finite(f"the validation's {settings.validates}", validation.value, self.iteration)
        else:
            self.collapsed = constant_output(validation.variation, settings.constant_below, self.iteration)
        if not self.collapsed:
            self._update_best(validation.value)

    def _update_best(self, value: float) -> None:
        better = value > self.best_value if self.settings.higher_is_better else value < self.best_value
        if self.best is not None and not better:
            self.stale += 1
            return
        self.best_iteration, self.best_value, self.stale = self.iteration, value, 0
        self.best = {name: tensor.detach().cpu().clone() for name, tensor in self.network.state_dict().items()}

    def _save(self) -> None:
        """Write a checkpoint; interrupts are deferred meanwhile."""
        with defer_interrupts():
            self._read_losses()
            write_checkpoint(self.folder, Checkpoint(self.iteration, self._state(), self.best), self.facts)
            self.saved = time.monotonic()

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler is not None else None,
            "scaler": self.scaler.state_dict(),
            "loss_network": statistics(self.task.feature_loss),
            "generators": generator_states(self.setup.device),
            "log": self.log.state(),
            "micro_batches": self.micro_batches.state(),
            "setup": self.setup.facts,
            "notes": self.notes,
            "progress": {
                "best_iteration": self.best_iteration,
                "best_value": self.best_value,
                "stale": self.stale,
                "validated": self.validated,
                "collapsed": self.collapsed,
            },
        }

    def _begin_or_resume(self) -> None:
        checkpoint = read_checkpoint(self.folder, self.facts)
        if checkpoint is None:
            self.log.begin()
            self._save()  # so that there is a checkpoint to return to when memory runs out
            return
        try:
            self._restore(checkpoint)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise damaged(newest_checkpoint(self.folder), error) from error
        if self.iteration:
            self.progress.say(f"Resuming {self.settings.title} after iteration {self.iteration:,}.")

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Return to the state of a checkpoint."""
        state = checkpoint.state
        self.iteration, self.best = checkpoint.iteration, checkpoint.best
        self.task.iteration = self.iteration
        self.network.load_state_dict(state["network"])
        load_optimizer(self.optimizer, state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.scaler = self.setup.scaler()  # the old one may have stopped in the middle of a step
        self.scaler.load_state_dict(state["scaler"])
        restore_statistics(self.task.feature_loss, state["loss_network"])
        restore(state["generators"], self.setup.device)
        self.log.restore(state["log"], self.iteration)
        self.micro_batches.restore(state["micro_batches"])
        self.notes = state["notes"] + self._changes(state["setup"])
        for name, value in state["progress"].items():
            setattr(self, name, value)
        self.unread = []

    def _changes(self, before: Mapping[str, str]) -> tuple[str, ...]:
        """Return a note for the record if the training is resumed on another device or with another torch."""
        now = self.setup.facts
        changed = [f"{name} {now[name]} instead of {before[name]}" for name in now if now[name] != before.get(name)]
        resumed = f"{self.settings.name} was resumed after iteration {self.iteration:,} with {', '.join(changed)}"
        return (f"{resumed}: its last digits may differ from those of an uninterrupted run",) if changed else ()

    def _save_interrupted(self) -> None:
        if self.in_step:  # a second interrupt, or SIGTERM, is not deferred: the last checkpoint stays
            return
        self._save()
        self.progress.say(
            f"Interrupted after iteration {self.iteration:,} of {self.settings.iterations:,}. A checkpoint is in "
            f"{self.folder}; run the same command again to resume."
        )

    def _back_off(self) -> None:
        """Return to the last checkpoint with smaller micro-batches, or raise an error with a size that fits."""
        self.optimizer.zero_grad(set_to_none=True)
        release(self.setup.device)
        smaller = self.micro_batches.shrink()
        if not smaller:
            raise self.micro_batches.too_much(self.setup.device, self._fits)
        _log.warning("The memory of %s ran out: %s.", self.setup.device, smaller)
        sizes = self.micro_batches.state()
        checkpoint = read_checkpoint(self.folder, self.facts)
        if checkpoint is None:
            raise LnkitError(f"The checkpoint in {self.folder} was removed during the training. Run again.")
        self._restore(checkpoint)
        self.micro_batches.restore(sizes)

    def _fits(self, items: int) -> bool:
        """Return whether the memory is large enough for a step with ``items`` items."""
        sampler = EpochSampler(self.task.items, items, self.settings.seed)
        try:
            batch = to_device(self.task.load(sampler.batch(0), sampler.draw(0)), self.setup.device)
            with self.setup.autocast():
                loss = self.task.losses(self.network, batch)["loss"]
            loss.backward()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            return False
        finally:
            self.optimizer.zero_grad(set_to_none=True)
            release(self.setup.device)
        return True
