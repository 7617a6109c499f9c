"""`lnkit calibrate`: learn channel weights from human judgments."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import lnkit
from lnkit.commands import SEED, FiniteRange, echo, make_progress, note

if TYPE_CHECKING:
    from lnkit_calibration.calibration import CalibrationRequest, CalibrationResult

REQUEST_OPTIONS = ("backbone", "points", "mode", "weights", "seed", "hold_out", "device", "precision")
MOST = 10**6  # epochs, or triplets in a batch
SCHEDULE_OPTIONS = ("lr", "batch_size", "epochs", "decay_epochs")


@click.command("calibrate")
@click.option("--backbone", required=True, metavar="NAME", help="Backbone.")
@click.option("--point", "points", required=True, metavar="POINT", help="One loss network: lpips, stages, early+late.")
@click.option("--mode", type=click.Choice(["lin", "tune", "scratch"]), default="lin", show_default=True,
              help="Train channel weights only, with the backbone, or with a random backbone.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Judgments in BAPPS's layout: 2afc/train/<family>/{ref,p0,p1,judge}.")  # fmt: skip
@click.option("--split", default="train", show_default=True, help="Split to train on.")
@click.option("--hold-out", type=FiniteRange(min=0, max=1, min_open=True, max_open=True), default=0.2,
              show_default=True, help="Fraction to score on, where there is no other split val.")  # fmt: skip
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File: .safetensors."
)
@click.option("--weights", default="pretrained", show_default=True, metavar="FILE|random", help="Initial weights.")
@click.option("--epochs", type=click.IntRange(1, MOST), default=5, show_default=True, help="At the full learning rate.")
@click.option("--decay-epochs", type=click.IntRange(1, MOST), default=5, show_default=True,
              help="Further epochs, over which the learning rate falls.")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(1, MOST), default=50, show_default=True, help="Triplets per step.")
@click.option("--lr", type=FiniteRange(min=0, min_open=True), default=1e-4, show_default=True,
              help="Learning rate of Adam.")  # fmt: skip
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of weights, order and dropout.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps or auto.")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True,
              help="Precision of the computation.")  # fmt: skip
@click.option("--force", is_flag=True, help="Start again, and replace OUTPUT.")
def calibrate(data: Path, split: str, output: Path, force: bool, **options: Any) -> None:
    """Calibrate a loss network as LPIPS does: learn the distance `lin` from 2AFC judgments.

    The same command resumes an interrupted calibration; until it is finished, its state lies beside OUTPUT.
    """
    _check_output(output, force)
    from lnkit.data import cache_dir, locked  # noqa: PLC0415 - not for help
    from lnkit_calibration.calibration import CalibrationRequest, calibrate as run_calibration  # noqa: PLC0415 - torch
    from lnkit_calibration.task import Schedule  # noqa: PLC0415

    schedule = Schedule(**{name: options[name] for name in SCHEDULE_OPTIONS})
    request = CalibrationRequest(schedule=schedule, **{name: options[name] for name in REQUEST_OPTIONS})
    folder = output.with_name(f"{output.stem}.training")
    progress: Any = make_progress()
    with locked(folder, f"calibrating {output}", progress):
        _check_output(output, force)  # again: another process may have written it in the meantime
        if force:
            shutil.rmtree(folder, ignore_errors=True)
        _show(request, run_calibration(request, data, split, output, folder, cache_dir(), progress))


def _check_output(output: Path, force: bool) -> None:
    if output.suffix != ".safetensors":
        raise lnkit.UsageError(f"Expected an output file that ends with .safetensors, got {output}.")
    if output.exists() and not force:
        raise lnkit.UsageError(f"{output} exists. Name another file, or replace it with --force.")


def _show(request: CalibrationRequest, result: CalibrationResult) -> None:
    if result.collapsed:
        raise lnkit.LnkitError(f"The training collapsed: {result.collapsed}. Nothing was written; try a smaller --lr.")
    scores = f"{result.before:.4f} before, {result.after:.4f} after"
    echo(f"2AFC on {result.held_out:,} held-out triplets: {scores}")
    echo(f"Weights: {result.lin}")
    weights = result.backbone or (request.weights if request.weights != "pretrained" else None)
    if result.backbone:
        echo(f"Backbone: {result.backbone}")
    words = ["--backbone", request.backbone, "--point", request.points, "--distance", "lin"]
    words += ["--set", f"lin_weights={result.lin}", *(["--weights", str(weights)] if weights else [])]
    note(f"Use it: lnkit eval {shlex.join(words)}")
