"""A training that is stopped at any moment and resumed gives the same bits as one that was never interrupted."""

from __future__ import annotations

import json
import math
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import toytraining
from toytraining import SETTINGS, Toy, digest, train

from lnkit.errors import DataError, LnkitError
from lnkit.training import loop
from lnkit.training.checkpoints import Checkpoint, read_checkpoint, write_checkpoint
from lnkit.training.outcome import TrainingOutcome, read_outcome, write_outcome
from lnkit.training_task import Batch, Validation

PRECISIONS = ("fp32", "bf16", "fp16")


class StoppedError(Exception):
    pass


class Stopping(Toy):
    """Fails at an iteration, as a bug or a power cut would."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def losses(self, network: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        if not self.left:
            raise StoppedError
        self.left -= 1
        return super().losses(network, batch)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every step."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)


def stop_after(folder: Path, steps: int, precision: str = "fp32") -> None:
    with pytest.raises(StoppedError):
        train(folder, Stopping(steps), precision)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_goes_on_to_the_same_bits(precision: str, tmp_path: Path, often: None) -> None:
    whole = train(tmp_path / "whole", precision=precision)
    for steps in (4, 9, 1):  # in the first epoch, right before a validation, once more
        stop_after(tmp_path / "stopped", steps, precision)
    assert read_checkpoint(tmp_path / "stopped", {**vars_of(SETTINGS)}).iteration == 14  # type: ignore[union-attr]
    again = train(tmp_path / "stopped", precision=precision)
    assert digest(again) == digest(whole)
    assert again.iterations == SETTINGS.iterations


def vars_of(settings: Any) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__slots__}


def test_goes_back_to_the_last_checkpoint(tmp_path: Path) -> None:
    """Without a checkpoint after every step, the steps since the last one are repeated."""
    whole = train(tmp_path / "whole")
    stop_after(tmp_path / "stopped", 9)
    assert read_checkpoint(tmp_path / "stopped", vars_of(SETTINGS)).iteration == 0  # type: ignore[union-attr]
    assert digest(train(tmp_path / "stopped")) == digest(whole)


@pytest.mark.parametrize("part", ["network", "optimizer", "scheduler", "generators", "log", "iteration"])
def test_needs_every_part_of_the_state(part: str, tmp_path: Path, often: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resetting one part of the state changes the result, so the tests above would notice a missing part."""
    whole = train(tmp_path / "whole")
    stop_after(tmp_path / "begun", 0)
    first = read_checkpoint(tmp_path / "begun", vars_of(SETTINGS))
    stop_after(tmp_path / "stopped", 16)
    assert first is not None

    def without(folder: Path, facts: dict[str, Any]) -> Checkpoint | None:
        found = read_checkpoint(folder, facts)
        assert found is not None
        if part == "iteration":
            return replace(found, iteration=found.iteration - 1)
        forgotten = {"sums": {"loss": 1.0}, "count": 1} if part == "log" else first.state[part]
        return replace(found, state=found.state | {part: forgotten})

    monkeypatch.setattr(loop, "read_checkpoint", without)
    assert digest(train(tmp_path / "stopped")) != digest(whole)


def test_remembers_the_best_from_before(tmp_path: Path, often: None) -> None:
    class Worsening(Stopping):
        def validate(self, network: torch.nn.Module) -> Validation:
            return Validation(float(network[1].num_batches_tracked))  # type: ignore[index, union-attr, arg-type]

    with pytest.raises(StoppedError):
        train(tmp_path, Worsening(16))
    trained = train(tmp_path, Worsening(99))
    assert (trained.best_iteration, trained.best_value) == (7, 7.0)


def test_the_scale_of_fp16_is_kept(tmp_path: Path, often: None) -> None:
    stop_after(tmp_path, 5, "fp16")
    kept = read_checkpoint(tmp_path, vars_of(SETTINGS))
    assert kept is not None
    assert kept.state["scaler"]["_growth_tracker"] == 5
    assert kept.state["scaler"]["scale"] == torch.amp.GradScaler("cpu").get_scale()


def test_a_second_interrupt_saves_no_half_step(tmp_path: Path, often: None) -> None:
    class InterruptedTwice(Stopping):
        def losses(self, network: torch.nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
            losses = super().losses(network, batch)  # counts the batch in the batch norm
            if not self.left:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            return losses

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", InterruptedTwice(6))
    assert digest(train(tmp_path / "stopped")) == digest(train(tmp_path / "whole"))


def start(folder: Path, precision: str = "fp32") -> subprocess.Popen[str]:
    """Train in another process, with a checkpoint after every step."""
    environment = {**os.environ, "PYTHONPATH": str(Path(toytraining.__file__).parent)}
    command = [sys.executable, toytraining.__file__, str(folder), precision]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
@pytest.mark.parametrize("most", [3, pytest.param(12, marks=pytest.mark.exhaustive)])
def test_kill_9_at_any_moment(most: int, tmp_path: Path) -> None:
    """Most of the time is spent on writing checkpoints, so most kills fall into it."""
    process = start(tmp_path / "whole")
    whole = process.communicate(timeout=120)[0]
    assert len(whole.strip()) == 64
    chance, kills = random.Random(most), 0
    while True:
        process = start(tmp_path / "killed")
        try:
            process.wait(timeout=chance.uniform(0.05, 0.6))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            if kills < most:
                continue
            process = start(tmp_path / "killed")
        output, errors = process.communicate(timeout=120)
        assert output == whole, errors
        break
    assert kills
    assert not list((tmp_path / "killed").glob("checkpoints/.new-*")) or kills, "what a kill left is nobody's"


@pytest.mark.slow
def test_ctrl_c_keeps_a_checkpoint(tmp_path: Path) -> None:
    process = start(tmp_path)
    while not list(tmp_path.glob("checkpoints/0000000[1-9]")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    if not (tmp_path / "finished").exists():  # it may have been at the end
        assert errors.rstrip().endswith("KeyboardInterrupt")
        (kept,) = [path for path in (tmp_path / "checkpoints").iterdir() if path.name.isdigit()]
        assert int(kept.name) > 0


def test_a_finished_training_is_found_again(tmp_path: Path) -> None:
    first = train(tmp_path)
    assert digest(train(tmp_path, Stopping(0))) == digest(first)


def test_a_validation_that_was_interrupted_is_made_up_for(tmp_path: Path) -> None:
    """An interrupt during a validation writes a checkpoint, and the validation is done after resuming."""
    whole = train(tmp_path / "whole")

    class Interrupted(Toy):
        def validate(self, network: torch.nn.Module) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", Interrupted())
    kept = read_checkpoint(tmp_path / "stopped", vars_of(SETTINGS))
    assert kept is not None
    assert kept.iteration == SETTINGS.validate_every
    assert digest(train(tmp_path / "stopped")) == digest(whole)


def test_a_checkpoint_of_another_protocol_is_refused(tmp_path: Path, often: None) -> None:
    stop_after(tmp_path, 3)
    with pytest.raises(DataError, match=r"expected batch_size 8, got 16; expected seed 4, got 3\. .*--force"):
        train(tmp_path, batch_size=8, seed=4)
    train(tmp_path)
    with pytest.raises(DataError, match="expected iterations 40, got 30"):
        train(tmp_path, iterations=40)


@pytest.mark.parametrize("file", ["state.json", "state.safetensors", "best.safetensors"])
def test_a_damaged_checkpoint_is_named(file: str, tmp_path: Path, often: None) -> None:
    stop_after(tmp_path, 8)
    (path,) = tmp_path.glob(f"checkpoints/*/{file}")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"checkpoints/00000008 is damaged .* Give --force"):
        train(tmp_path)


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, often: None) -> None:
    stop_after(tmp_path, 8)
    (file,) = tmp_path.glob("checkpoints/*/state.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 1}))
    with pytest.raises(DataError, match=r"was written by another version of lnkit\. Give --force to train anew\."):
        train(tmp_path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "half of the facts": lambda folder: (folder / "training.json").write_text("{"),
    "no facts": lambda folder: (folder / "training.json").unlink(),
    "no network": lambda folder: (folder / "network.safetensors").unlink(),
    "half of the network": lambda folder: (folder / "network.safetensors").write_bytes(b"x" * 20),
    "text for a number": lambda folder: change(folder / "training.json", best_value="high"),
    "notes that are a text": lambda folder: change(folder / "training.json", notes="abc"),
    "facts that are a list": lambda folder: change(folder / "training.json", facts=[1, 2]),
    "deep facts": lambda folder: (folder / "training.json").write_text('{"facts": ' + "[" * 100_000),
    "a FIFO": lambda folder: make_fifo(folder / "training.json"),
}


def make_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def change(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_finished_training_is_named(damage: str, tmp_path: Path) -> None:
    train(tmp_path)
    DAMAGES[damage](tmp_path / "finished")
    with pytest.raises(DataError, match="finished is damaged"):
        train(tmp_path)


EMPTY: dict[str, Any] = {"state": {"pairs": []}}


@pytest.mark.parametrize("fields", [{"facts": [1]}, {"iteration": "x"}, {"state": {"pairs": 3}}, {"state": []}, EMPTY])
def test_a_checkpoint_of_another_form_is_named(fields: dict[str, Any], tmp_path: Path, often: None) -> None:
    stop_after(tmp_path, 8)
    (file,) = tmp_path.glob("checkpoints/*/state.json")
    change(file, **fields)
    with pytest.raises(DataError, match=r"checkpoints/00000008 is damaged .* Give --force"):
        train(tmp_path)


def test_a_checkpoint_whose_replacement_was_killed_comes_back(tmp_path: Path, often: None) -> None:
    """Where folders cannot be exchanged, a checkpoint that is written again is away for a moment."""
    whole = train(tmp_path / "whole")
    stop_after(tmp_path / "stopped", 8)
    checkpoints = tmp_path / "stopped" / "checkpoints"
    (checkpoints / "00000008").rename(checkpoints / ".00000008.old")
    kept = read_checkpoint(tmp_path / "stopped", vars_of(SETTINGS))
    assert kept is not None
    assert kept.iteration == 8
    assert digest(train(tmp_path / "stopped")) == digest(whole)


def test_a_training_without_a_validated_network_is_found_again(tmp_path: Path) -> None:
    """Its best value is not a number, which JSON does not have."""
    write_file(tmp_path / "log.csv")
    outcome = TrainingOutcome(0, math.nan, 7, "collapsed", ("a note",))
    write_outcome(tmp_path, outcome, None, {"seed": 3}, "title")
    stored = json.loads((tmp_path / "finished" / "training.json").read_text(), parse_constant=pytest.fail)
    assert stored["best_value"] is None
    found = read_outcome(tmp_path, {"seed": 3})
    assert found is not None
    assert math.isnan(found[0].best_value)
    assert (found[0].iterations, found[0].notes, found[1]) == (7, ("a note",), None)


def write_file(file: Path) -> None:
    file.write_text("iteration,epoch,series,value\n1,0.1,loss,0.5\n")


def test_what_a_kill_left_of_a_checkpoint_is_passed_over(tmp_path: Path, often: None) -> None:
    whole = train(tmp_path / "whole")
    stop_after(tmp_path / "stopped", 8)
    draft = tmp_path / "stopped" / "checkpoints" / ".new-0000"
    draft.mkdir()
    (draft / "state.json").write_text("{")
    assert digest(train(tmp_path / "stopped")) == digest(whole)


def test_a_checkpoint_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a power cut could leave an empty file under the name of a finished checkpoint."""
    flushed, named, flush, rename = set[int](), list[str](), os.fsync, Path.rename

    def fsync(number: int) -> None:
        flush(number)
        flushed.add(os.fstat(number).st_ino)

    def rename_flushed(path: Path, target: Path) -> Path:
        assert {file.stat().st_ino for file in path.iterdir()} <= flushed
        named.extend(sorted(file.name for file in path.iterdir()))
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename_flushed)
    weights = {"weight": torch.ones(2)}
    write_checkpoint(tmp_path, Checkpoint(1, {"network": weights}, weights), {})
    assert named == ["best.safetensors", "state.json", "state.safetensors"]


def test_a_checkpoint_keeps_its_name_before_the_older_one_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a power cut could leave neither."""
    weights = {"weight": torch.ones(2)}
    write_checkpoint(tmp_path, Checkpoint(1, {"network": weights}, weights), {})
    events, flush, remove = list[str](), os.fsync, shutil.rmtree

    def fsync(number: int) -> None:
        flush(number)
        events.extend(["folder flushed"] if stat.S_ISDIR(os.fstat(number).st_mode) else [])

    def rmtree(path: Path, ignore_errors: bool = False) -> None:
        if path.exists():
            events.append(f"{path.name} removed")
        remove(path, ignore_errors)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    write_checkpoint(tmp_path, Checkpoint(2, {"network": weights}, weights), {})
    assert events == ["folder flushed", "folder flushed", "00000001 removed"]  # its own names, and its name


def test_what_a_kill_left_of_an_older_checkpoint_goes(tmp_path: Path) -> None:
    weights = {"weight": torch.ones(2)}
    write_checkpoint(tmp_path, Checkpoint(2, {"network": weights}, weights), {})
    half = tmp_path / "checkpoints" / "00000001"
    half.mkdir()
    (half / "best.safetensors").touch()
    read = read_checkpoint(tmp_path, {})
    assert read is not None
    assert read.iteration == 2
    assert not half.exists()


def test_a_full_disk_is_a_sentence_and_the_last_checkpoint_stays(tmp_path: Path, often: None) -> None:
    whole = train(tmp_path / "whole")
    stop_after(tmp_path / "full", 8)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(LnkitError, match=r"The checkpoint cannot be written to .*: the disk is full\. Earlier"):
            train(tmp_path / "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [path.name for path in (tmp_path / "full" / "checkpoints").iterdir()] == ["00000008"]
    assert digest(train(tmp_path / "full")) == digest(whole)


def test_another_machine_is_noted(tmp_path: Path, often: None) -> None:
    stop_after(tmp_path, 5)
    (file,) = tmp_path.glob("checkpoints/*/state.json")
    content = json.loads(file.read_text().replace(f'"{torch.__version__}"', '"2.6.0"'))
    file.write_text(json.dumps(content))
    trained = train(tmp_path)
    (note,) = trained.notes
    assert note.startswith(f"toy was resumed after iteration 5 with torch {torch.__version__} instead of 2.6.0")
    assert train(tmp_path).notes == (note,)
