"""`lnkit earlystop train`: a small-image network, with a perceptual score for every checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import lnkit
from lnkit.commands import make_progress, note, print_table
from lnkit_earlystop.cli._options import recipe_options, recipe_with

if TYPE_CHECKING:
    from lnkit.progress import Progress
    from lnkit_earlystop.labelled.packed import LabelledData
    from lnkit_earlystop.scoring import Judges
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
    progress: Any = make_progress()
    run = _train(parsed, recipe, data, folder, options, progress)
    if run is not None:
        _show(run)


def _train(parsed: Any, recipe: Any, data: Path, folder: Path, options: dict[str, Any], progress: Any) -> Run | None:
    from lnkit_earlystop.distributed import world  # noqa: PLC0415 - torch
    from lnkit_earlystop.training import Wanted, train_classifier  # noqa: PLC0415

    place = world()
    opened = open_data(data, parsed.resolution, options, progress)
    every = options["checkpoint_every"] or default_interval(len(opened.train), recipe.epochs, options)
    wanted = Wanted(
        parsed, recipe, options["batch_size"], every, options["seed"], options["stop_after"], options["device"],
        options["precision"],
    )  # fmt: skip
    judges = find_judges(options, folder) if place.is_first else None
    run = train_classifier(wanted, opened, folder, judges, progress, place)
    return run if place.is_first else None


def default_interval(images: int, epochs: float, options: dict[str, Any]) -> int:
    """Steps between checkpoints, so that there are about twenty."""
    length: float = min(epochs, options["stop_after"] or epochs)
    batch_size: int = options["batch_size"]
    return max(round(length * images / batch_size / CHECKPOINTS), 1)


def open_data(data: Path, resolution: int, options: dict[str, Any], progress: Progress) -> LabelledData:
    """The labelled images, with the classes that were asked for."""
    from lnkit.data.cache import cache_dir  # noqa: PLC0415 - not for help
    from lnkit_earlystop.history import read_ranking  # noqa: PLC0415
    from lnkit_earlystop.labelled.packed import open_labelled  # noqa: PLC0415
    from lnkit_earlystop.labelled.selection import choose_classes, with_classes  # noqa: PLC0415

    opened = open_labelled(data, resolution, cache_dir(), progress)
    count, way, ranking = options["classes"], options["classes_by"], options["class_ranking"]
    if way != "random" and (count is None or ranking is None):
        raise lnkit.UsageError(f"--classes-by {way} needs --classes and --class-ranking, a finished run on these data.")
    if count is None:
        return opened
    known = read_ranking(ranking) if ranking else ()
    return with_classes(opened, choose_classes(opened.classes, count, way, options["seed"], known))


def find_judges(options: dict[str, Any], folder: Path) -> Judges | None:
    """The human judgments at hand; without any, the training goes on and says so."""
    from lnkit_earlystop.scoring import Judges, bapps_is_at_hand  # noqa: PLC0415 - not for help

    if options["no_ps"]:
        return None
    if options["ps_data"] is None and not bapps_is_at_hand():
        note(
            "Note: no human judgments are at hand, so checkpoints get no perceptual score and none is the best. "
            f"`lnkit data fetch bapps` and then `lnkit earlystop score {folder}` score them later; --ps-data names "
            "other data in BAPPS's layout."
        )
        return None
    return Judges(options["ps_data"], folder / "results", options["device"])


def _show(run: Run) -> None:
    show_rows(run.rows)
    if run.collapsed:
        note(f"Note: the training collapsed: {run.collapsed}.")
    for remark in run.notes:
        note(f"Note: {remark}.")
    click.echo(f"Run: {run.folder}")


def show_rows(rows: list[dict[str, float]]) -> None:
    """The checkpoints as a table, the best marked."""
    from lnkit_earlystop.history import best_of  # noqa: PLC0415 - not for help

    best = best_of(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    shown = [[_cell(name, row.get(name)) for name in columns] + ["best" * (row is best)] for row in rows]
    print_table([*columns, ""], shown)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if name == "step" else f"{value:.2f}"
