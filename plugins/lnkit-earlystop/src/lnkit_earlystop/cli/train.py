"""`lnkit earlystop train`: a small-image network, with a perceptual score for every checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.commands import make_progress, note
from lnkit_earlystop.cli._inputs import find_judges, open_data
from lnkit_earlystop.cli._options import recipe_options, recipe_with
from lnkit_earlystop.cli._tables import show_checkpoints

if TYPE_CHECKING:
    from lnkit_earlystop.networks.architecture import Architecture
    from lnkit_earlystop.recipes import Recipe
    from lnkit_earlystop.training import Run

FOLDER = click.Path(path_type=Path, file_okay=False)
CHECKPOINTS = 20  # in a training, unless asked otherwise
USUAL_BATCH = 128  # that fits a laptop; the learning rate is scaled to it


@click.command("train")
@click.argument("architecture")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Labelled images: a folder or an archive.")
@click.option("--output", type=FOLDER, help="Folder of the run.  [default: earlystop/ARCHITECTURE]")
@click.option("--batch-size", type=click.IntRange(min=1), default=USUAL_BATCH, show_default=True, help="Images a step.")
@click.option("--checkpoint-every", type=click.IntRange(min=1), metavar="STEPS",
              help="Steps between checkpoints.  [default: a twentieth of the training]")  # fmt: skip
@click.option("--stop-after", type=click.FloatRange(min=0, min_open=True), metavar="EPOCHS",
              help="Stop here, in a schedule that is made for --epochs.")  # fmt: skip
@recipe_options
@click.option("--classes", type=click.IntRange(min=2), help="Train on so many classes only.")
@click.option("--classes-by", type=click.Choice(["random", "top", "bottom"]), default="random", show_default=True,
              help="Which: at random, or those that --class-ranking tells apart best or worst.")  # fmt: skip
@click.option("--class-ranking", type=click.Path(path_type=Path, exists=True), help="A finished run on the same data.")
@click.option("--ps-data", type=FOLDER, help="Human judgments in BAPPS's layout.  [default: BAPPS, if it was fetched]")
@click.option("--no-ps", is_flag=True, help="Score no checkpoint.")
@click.option("--seed", default=0, show_default=True, help="Of weights, order, crops and classes.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps or auto.")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True,
              help="Of the computation; weights stay float32.")  # fmt: skip
@click.option("--force", is_flag=True, help="Train anew, and remove what lies in the folder of the run.")
def command(architecture: str, data: Path, output: Path | None, **options: Any) -> None:
    """Train ARCHITECTURE (resnet6, vit_b_8, ...), and keep a checkpoint with its scores every so many steps.

    Data are folders of classes (train/<class>/, val/<class>/), Tiny ImageNet's layout, or the batches of downsampled
    ImageNet; an archive of these will do. Defaults are those of Kumar et al. 2022 for the family, the learning rate
    scaled to the batch. The same command goes on where it stopped. Under torchrun, several GPUs train one network.
    """
    from lnkit_earlystop.networks.architecture import parse  # noqa: PLC0415 - not for help
    from lnkit_earlystop.recipes import recipe_of  # noqa: PLC0415

    parsed = parse(architecture)
    recipe = recipe_with(recipe_of(parsed), options)
    folder = output or Path("earlystop") / parsed.name
    run = _train(parsed, recipe, data, folder, options)
    if run is not None:
        _show(run)


def _train(architecture: Architecture, recipe: Recipe, data: Path, folder: Path, options: dict[str, Any]) -> Run | None:
    """Train; of several processes only the first has something to show."""
    from lnkit.progress import SilentProgress  # noqa: PLC0415 - not for help
    from lnkit_earlystop.distributed import world  # noqa: PLC0415 - torch
    from lnkit_earlystop.training import Wanted, forget, train_classifier  # noqa: PLC0415 - torch

    place = world()
    progress = make_progress() if place.is_first else SilentProgress()
    opened = open_data(data, architecture.resolution, options, progress)
    wanted = Wanted(
        architecture=architecture,
        recipe=recipe,
        batch_size=options["batch_size"],
        checkpoint_every=options["checkpoint_every"] or _interval(len(opened.train), recipe.epochs, options),
        seed=options["seed"],
        stop_after=options["stop_after"],
        device=options["device"],
        precision=options["precision"],
    )
    judges = find_judges(options, folder) if place.is_first else None
    if options["force"] and place.is_first:
        forget(folder)
    run = train_classifier(wanted, opened, folder, judges, progress, place)
    return run if place.is_first else None


def _interval(images: int, epochs: float, options: dict[str, Any]) -> int:
    """Steps between checkpoints, so that there are about twenty."""
    length: float = min(epochs, options["stop_after"] or epochs)
    batch_size: int = options["batch_size"]
    return max(round(length * images / batch_size / CHECKPOINTS), 1)


def _show(run: Run) -> None:
    show_checkpoints(run.rows)
    if run.collapsed:
        note(f"Note: the training collapsed: {run.collapsed}.")
    for remark in run.notes:
        note(f"Note: {remark}.")
    click.echo(f"Run: {run.folder}")
