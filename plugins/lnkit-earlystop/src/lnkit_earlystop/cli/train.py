"""`lnkit earlystop train`: a small-image network, with a perceptual score for every checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import lnkit
from lnkit.commands import SEED, FiniteRange, echo, make_progress, note
from lnkit_earlystop.cli._options import MOST, recipe_options, recipe_with
from lnkit_earlystop.cli._tables import print_rows

if TYPE_CHECKING:
    from lnkit.datasets.labelled import LabelledData
    from lnkit.progress import Progress
    from lnkit_earlystop.networks.architecture import Architecture
    from lnkit_earlystop.perceptual_score import PerceptualScorer
    from lnkit_earlystop.recipes import Recipe
    from lnkit_earlystop.run import TrainingRun

FOLDER = click.Path(path_type=Path, file_okay=False)
CHECKPOINTS = 20  # of a training by default
BATCH_SIZE = 128  # fits a laptop; the learning rate is scaled to it


@click.command("train")
@click.argument("architecture")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Labelled images: a folder or an archive.")
@click.option("--output", "-o", type=FOLDER, help="Folder of the run.  [default: earlystop/ARCHITECTURE]")
@click.option(
    "--batch-size", type=click.IntRange(1, MOST), default=BATCH_SIZE, show_default=True, help="Images per step."
)
@click.option("--checkpoint-every", type=click.IntRange(1, MOST**2), metavar="STEPS",
              help="Steps between checkpoints.  [default: a twentieth of the training]")  # fmt: skip
@click.option("--stop-after", type=FiniteRange(0, MOST, min_open=True), metavar="EPOCHS",
              help="Stop here, in a schedule of --epochs.")  # fmt: skip
@recipe_options
@click.option("--classes", type=click.IntRange(min=2), help="Train on this many classes only.")
@click.option("--classes-by", type=click.Choice(["random", "top", "bottom"]), default="random", show_default=True,
              help="Choice of classes: at random, or the easiest or hardest of --class-ranking.")  # fmt: skip
@click.option("--class-ranking", type=click.Path(path_type=Path, exists=True), help="A finished run on the same data.")
@click.option("--ps-data", type=FOLDER, help="Human judgments in BAPPS's layout.  [default: BAPPS, if it was fetched]")
@click.option("--no-ps", is_flag=True, help="Do not score checkpoints.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of weights, order, crops and classes.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps or auto.")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True,
              help="Precision of the computation; weights stay float32.")  # fmt: skip
@click.option("--force", is_flag=True, help="Start again: remove an earlier training from the folder of the run.")
def command(architecture: str, data: Path, output: Path | None, **options: Any) -> None:
    """Train ARCHITECTURE (resnet6, vit_b_8, ...), and save a checkpoint with its scores every so many steps.

    Data are folders of classes (train/<class>/, val/<class>/), Tiny ImageNet's layout, or the batches of downsampled
    ImageNet, or an archive of one of these. Defaults are those of Kumar et al. 2022 for the family, with the learning
    rate scaled to the batch size. The same command resumes an interrupted training. Under torchrun, several GPUs train
    one network.
    """
    from lnkit_earlystop.networks.architecture import parse  # noqa: PLC0415 - not for help
    from lnkit_earlystop.recipes import recipe_of  # noqa: PLC0415

    parsed = parse(architecture)
    recipe = recipe_with(recipe_of(parsed), options)
    folder = output or Path("earlystop") / parsed.name
    run = _train(parsed, recipe, data, folder, options)
    if run is not None:
        _show(run)


def _train(
    architecture: Architecture, recipe: Recipe, data: Path, folder: Path, options: dict[str, Any]
) -> TrainingRun | None:
    """Train; of several processes, only the first returns its run."""
    from lnkit.data import locked  # noqa: PLC0415 - not for help
    from lnkit.progress import SilentProgress  # noqa: PLC0415
    from lnkit_earlystop.distributed import World  # noqa: PLC0415 - torch
    from lnkit_earlystop.run import LOOP_FOLDER, TrainingRequest, remove_training, train_classifier  # noqa: PLC0415 - torch

    world = World.from_environment()
    progress = make_progress() if world.is_first else SilentProgress()
    images = _open_data(data, architecture.resolution, options, progress)
    request = TrainingRequest(
        architecture=architecture,
        recipe=recipe,
        batch_size=options["batch_size"],
        checkpoint_every=options["checkpoint_every"] or _interval(len(images.train), recipe.epochs, options),
        seed=options["seed"],
        stop_after=options["stop_after"],
        device=options["device"],
        precision=options["precision"],
    )
    if not world.is_first:
        train_classifier(request, images, folder, None, progress, world)
        return None
    scorer = _find_scorer(options, folder)
    with locked(folder / LOOP_FOLDER, f"training in {folder}", progress):
        if options["force"]:
            remove_training(folder)
        return train_classifier(request, images, folder, scorer, progress, world)


def _open_data(data: Path, resolution: int, options: dict[str, Any], progress: Progress) -> LabelledData:
    """Open the labelled images of the chosen classes."""
    from lnkit.data import cache_dir  # noqa: PLC0415 - not for help
    from lnkit.datasets.labelled import open_labelled  # noqa: PLC0415
    from lnkit_earlystop.class_selection import choose_classes, with_classes  # noqa: PLC0415
    from lnkit_earlystop.history import read_ranking  # noqa: PLC0415

    images = open_labelled(data, resolution, cache_dir(), progress)
    count, way, ranking = options["classes"], options["classes_by"], options["class_ranking"]
    if way != "random" and (count is None or ranking is None):
        raise lnkit.UsageError(f"--classes-by {way} needs --classes and --class-ranking, a finished run on these data.")
    if count is None:
        return images
    ranked = read_ranking(ranking) if ranking else ()
    return with_classes(images, choose_classes(images.classes, count, way, options["seed"], ranked))


def _find_scorer(options: dict[str, Any], folder: Path) -> PerceptualScorer | None:
    """Return the scorer of the chosen judgments; without judgments, print a note and return None."""
    from lnkit_earlystop.perceptual_score import PerceptualScorer, has_bapps  # noqa: PLC0415 - not for help

    if options["no_ps"]:
        return None
    if options["ps_data"] is None and not has_bapps():
        note(
            "Note: there are no human judgments, so checkpoints get no perceptual score and none is the best. To score "
            f"them later, run `lnkit data fetch bapps` and then `lnkit earlystop score {folder}`; to use other data in "
            "BAPPS's layout, give --ps-data."
        )
        return None
    return PerceptualScorer(options["ps_data"], folder / "results", options["device"])


def _interval(images: int, epochs: float, options: dict[str, Any]) -> int:
    """Return the steps between checkpoints for about twenty of them."""
    length: float = min(epochs, options["stop_after"] or epochs)
    batch_size: int = options["batch_size"]
    return max(round(length * images / batch_size / CHECKPOINTS), 1)


def _show(run: TrainingRun) -> None:
    print_rows(run.rows, run.best)
    if run.collapsed:
        note(f"Note: the training collapsed: {run.collapsed}.")
    for text in run.notes:
        note(f"Note: {text}.")
    echo(f"Run: {run.folder}")
