"""`lnkit distance`: compare images, folders of images or a list of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lnkit.cli._numbers import FiniteRange
from lnkit.cli._output import echo, emit_json, json_option, note, print_sentence, print_table
from lnkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lnkit.losses.definition import Loss
    from lnkit.pairs.find import Found
    from lnkit.pairs.measure import MapOptions, SizedPair
    from lnkit.pairs.sizes import Fit

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("distance")
@click.argument("first", type=click.Path(path_type=Path), required=False)
@click.argument("second", type=click.Path(path_type=Path), required=False)
@click.option(
    "--pairs", "pair_list", type=FILE, help="CSV file with two columns of paths, in place of FIRST and SECOND."
)
@click.option(
    "--loss",
    metavar="LOSS|FILE",
    help="A loss (`vgg16:late, l1`), a TOML file, or lpips, lpips-vgg, lpips-squeeze, dists.  [default: lpips]",
)
@click.option("--backbone", metavar="NAME", help="A backbone in place of --loss.")
@click.option(
    "--point", metavar="POINT", help="Extraction point of --backbone, or several (early+mid).  [default: late]"
)
@click.option("--distance", metavar="NAME", help="Distance where the loss names none.  [default: spatial]")
@click.option("--normalization", metavar="NAME", help="Of --backbone: backbone, imagenet, lpips or none.")
@click.option(
    "--weights",
    multiple=True,
    metavar="FILE|random",
    help="Weights: a file, `random`, or `pretrained` (the default); BACKBONE=FILE for one of several in a loss.",
)
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cuda, mps or cpu.")
@click.option(
    "--batch-size", type=click.IntRange(1), metavar="N", help="Pairs in a batch; changes distances by rounding only."
)
@click.option(
    "--resize", metavar="SIZE", help="Resize to the first image of each pair (`first`), or all to 256 or 320x240."
)
@click.option("--crop", is_flag=True, help="Cut images of a pair around their centers to the size that both have.")
@click.option("--skip-unpaired", is_flag=True, help="Leave out images that have no partner in the other folder.")
@click.option("--csv", "table", type=FILE, help="Write a table; the same command resumes one that was interrupted.")
@click.option("--map", "map_folder", type=FOLDER, help="Save a picture of where each pair differs in this folder.")
@click.option(
    "--map-max", type=FiniteRange(0, min_open=True), help="Distance of the last color; by default that of each map."
)
@json_option
def distance(
    first: Path | None,
    second: Path | None,
    pair_list: Path | None,
    skip_unpaired: bool,
    table: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare images: two files, two folders, one reference and a folder, or a list.

    Images in two folders are paired by name, in sub-folders too. The mean comes with its 95 % interval.
    """
    found = _find(first, second, pair_list)
    if found.unpaired:
        _handle_unpaired(found, skip_unpaired)
    measured = _measure(found, table, [place for place in (first, second) if place is not None], options)
    if as_json:
        emit_json(_as_json(measured))
    else:
        _show(measured)
        if table is not None:
            echo(f"Table: {table}")


class _Measured(NamedTuple):
    loss: Loss
    fit: Fit
    pairs: Sequence[SizedPair]
    distances: Sequence[float]


def _find(first: Path | None, second: Path | None, pair_list: Path | None) -> Found:
    from lnkit.pairs.find import find_pairs, read_list  # noqa: PLC0415 - not for --help

    if pair_list is not None and first is None:
        return read_list(pair_list)
    if pair_list is not None or first is None or second is None:
        raise UsageError("Expected two images or folders, or --pairs FILE: `lnkit distance a.png b.png`.")
    return find_pairs(first, second)


def _handle_unpaired(found: Found, skip: bool) -> None:
    from lnkit.pairs.find import unpaired_message  # noqa: PLC0415 - not for --help

    message = unpaired_message(found.unpaired)
    if not found.pairs:
        raise UsageError(f"{message} Images are paired by their names below the folders; rename them, or use --pairs.")
    if not skip:
        raise UsageError(f"{message} Remove them, or leave them out with --skip-unpaired.")
    note(message)


def _measure(found: Found, table: Path | None, places: Sequence[Path], options: Mapping[str, Any]) -> _Measured:
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - nothing of this for --help
    from lnkit.cli._registry import open_registry  # noqa: PLC0415
    from lnkit.losses.given import given_weights  # noqa: PLC0415
    from lnkit.pairs.choose_loss import choose_loss  # noqa: PLC0415
    from lnkit.pairs.measure import measure_pairs, read_sizes  # noqa: PLC0415
    from lnkit.pairs.sizes import parse_fit  # noqa: PLC0415
    from lnkit.pairs.table import write_table  # noqa: PLC0415
    from lnkit.pairs.unfinished import open_unfinished  # noqa: PLC0415
    from lnkit.plugins.output import stdout_to_stderr  # noqa: PLC0415
    from lnkit.progress import load_torch  # noqa: PLC0415

    fit = parse_fit(options["resize"], options["crop"])
    loss = choose_loss(*(options[name] for name in ("loss", "backbone", "point", "distance", "normalization")))
    maps = _map_options(options["map_folder"], options["map_max"], places)
    registry, progress = open_registry(), make_progress()
    with stdout_to_stderr():  # output of packages is not a result
        sized = read_sizes(found.pairs, fit, progress)
        load_torch()
        from lnkit.pairs.loss_on_images import LossOnImages  # noqa: PLC0415 - torch, once the images are known to fit

        shared = {"device": options["device"], "batch_size": options["batch_size"]}
        metric = LossOnImages(loss, registry, progress, weights=given_weights(options["weights"]), **shared)
        if maps is not None:
            metric.require_map()
        unfinished = open_unfinished(table, [str(loss), metric.sha256, str(fit)])
        distances = measure_pairs(sized, metric, fit, progress, maps=maps, unfinished=unfinished)
        if table is not None:
            write_table(table, sized, distances, str(loss))
        if unfinished is not None:
            unfinished.remove()
    return _Measured(loss, fit, sized, distances)


def _map_options(folder: Path | None, highest: float | None, places: Sequence[Path]) -> MapOptions | None:
    from lnkit.pairs.measure import MapOptions  # noqa: PLC0415 - not for --help

    if folder is None:
        if highest is not None:
            raise UsageError("--map-max belongs to --map DIR.")
        return None
    for place in places:
        if place.is_dir() and folder.resolve().is_relative_to(place.resolve()):
            raise UsageError(f"The maps would lie among the images in {place}: name another folder with --map.")
    return MapOptions(folder, highest)


def _show(measured: _Measured) -> None:
    rows = [[one.pair.name, f"{value:.5g}"] for one, value in zip(measured.pairs, measured.distances, strict=True)]
    print_table(["image", "distance"], rows)
    echo()
    if len(rows) > 1:
        mean, interval = _mean(measured.distances)
        shown = f", 95 % interval {interval[0]:.5g} to {interval[1]:.5g}" if interval else ""
        echo(f"Mean of {len(rows)} pairs: {mean:.5g}{shown}")
    print_sentence(f"Loss: {measured.loss}", "  ")
    for remark in _remarks(measured):
        print_sentence(f"Note: {remark}", "  ")


def _mean(distances: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    import numpy as np  # noqa: PLC0415 - not for --help

    from lnkit.stats import mean_interval  # noqa: PLC0415

    values = np.asarray(distances)
    interval = mean_interval(values)
    return float(values.mean()), interval and (max(0.0, interval[0]), interval[1])  # no distance is below 0


def _remarks(measured: _Measured) -> list[str]:
    """Return what the reader of the distances should know: changed sizes and colors, and too few pairs."""
    from lnkit.stats import FEWEST_ITEMS  # noqa: PLC0415 - not for --help

    modes = sorted({mode for one in measured.pairs for mode in one.modes})
    remarks = [f"the images were {measured.fit}."] if str(measured.fit) else []
    if modes:
        remarks.append(f"images of Pillow's mode {', '.join(modes)} became RGB; an alpha channel was dropped.")
    if 1 < len(measured.pairs) < FEWEST_ITEMS:
        remarks.append(f"with fewer than {FEWEST_ITEMS} pairs the interval holds only if distances vary normally.")
    return remarks


def _as_json(measured: _Measured) -> dict[str, Any]:
    mean, interval = _mean(measured.distances)
    rows = [
        {"first": str(one.pair.first), "second": str(one.pair.second), "name": one.pair.name}
        | {"width": one.size[0], "height": one.size[1], "distance": value}
        for one, value in zip(measured.pairs, measured.distances, strict=True)
    ]
    return {
        "loss": str(measured.loss),
        "pairs": rows,
        "mean": mean,
        "interval": interval,
        "sizes": str(measured.fit) or "as they are",
        "notes": _remarks(measured),
    }
