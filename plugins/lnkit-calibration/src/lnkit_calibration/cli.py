"""`lnkit calibrate`: learn from human judgments how much each channel counts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

import lnkit
from lnkit.commands import make_progress, note


@click.command("calibrate")
@click.option("--backbone", required=True, metavar="NAME", help="Backbone.")
@click.option("--point", "points", required=True, metavar="POINT", help="One loss network: lpips, stages, early+late.")
@click.option("--mode", type=click.Choice(["lin", "tune", "scratch"]), default="lin", show_default=True,
              help="Learn channel weights alone, with the backbone, or with a random backbone.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Judgments in BAPPS's layout: 2afc/train/<family>/{ref,p0,p1,judge}.")  # fmt: skip
@click.option("--split", default="train", show_default=True, help="To learn from.")
@click.option("--hold-out", type=click.FloatRange(min=0, max=1, min_open=True, max_open=True), default=0.2,
              show_default=True, help="Part to score on, where there is no split val besides.")  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File: .safetensors.")
@click.option("--weights", default="pretrained", show_default=True, metavar="FILE|random", help="To begin with.")
@click.option("--epochs", type=click.IntRange(min=1), default=5, show_default=True, help="With the full learning rate.")
@click.option("--decay-epochs", type=click.IntRange(min=1), default=5, show_default=True, help="In which it falls.")
@click.option("--batch-size", type=click.IntRange(min=1), default=50, show_default=True, help="Triplets a step.")
@click.option("--lr", type=click.FloatRange(min=0, min_open=True), default=1e-3, show_default=True, help="Of Adam.")
@click.option("--seed", default=0, show_default=True, help="Of weights, order and dropout.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps or auto.")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True,
              help="Of the computation.")  # fmt: skip
@click.option("--force", is_flag=True, help="Train anew, and replace OUTPUT.")
def calibrate(data: Path, split: str, output: Path, force: bool, **options: Any) -> None:
    """Calibrate a loss network as LPIPS does: the distance `lin`, learned from 2AFC judgments.

    The same command goes on where it stopped; what it needs for that lies beside OUTPUT until it is done.
    """
    _check_output(output, force)
    from lnkit.data.cache import cache_dir  # noqa: PLC0415 - not for help
    from lnkit_calibration.calibrate import Wanted, learn  # noqa: PLC0415 - torch
    from lnkit_calibration.task import Schedule  # noqa: PLC0415 - torch

    schedule = Schedule(
        lr=options["lr"],
        batch_size=options["batch_size"],
        epochs=options["epochs"],
        decay_epochs=options["decay_epochs"],
    )
    kept = ("backbone", "points", "mode", "weights", "seed", "hold_out", "device", "precision")
    wanted = Wanted(schedule=schedule, **{name: options[name] for name in kept})
    folder = output.with_name(f"{output.stem}.training")
    if force:
        shutil.rmtree(folder, ignore_errors=True)
    learned = learn(wanted, data, split, output, folder, cache_dir(), make_progress())
    _show(wanted, learned)


def _check_output(output: Path, force: bool) -> None:
    if output.suffix != ".safetensors":
        raise lnkit.UsageError(f"{output} has to end with .safetensors, which is what is written.")
    if output.exists() and not force:
        raise lnkit.UsageError(f"{output} exists. Name another file, or replace it with --force.")


def _show(wanted: Any, learned: Any) -> None:
    if learned.collapsed:
        raise lnkit.LnkitError(f"The training collapsed: {learned.collapsed}. Nothing was written; try a smaller --lr.")
    click.echo(f"2AFC on {learned.held:,} held-out triplets: {learned.before:.4f} before, {learned.after:.4f} after")
    click.echo(f"Weights: {learned.lin}")
    weights = learned.backbone or (wanted.weights if wanted.weights != "pretrained" else None)
    if learned.backbone:
        click.echo(f"Backbone: {learned.backbone}")
    use = f"--backbone {wanted.backbone} --point {wanted.points} --distance lin --set lin_weights={learned.lin}"
    note(f"Use it: lnkit eval {use}{f' --weights {weights}' if weights else ''}")
