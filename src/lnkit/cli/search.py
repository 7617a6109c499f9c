"""`lnkit search`: find the point, or the mixture of points, and confirm it on other items."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from lnkit.cli._numbers import SEED
from lnkit.cli._output import echo, emit_json, json_option, note, print_sentence
from lnkit.cli.recommend import Amount
from lnkit.errors import UsageError

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry
    from lnkit.progress import Progress
    from lnkit.search.point_search import SearchRequest, SearchResult

FOLDER = click.Path(path_type=Path, file_okay=False)
SEARCHED = ("backbones", "combine", "folds", "share", "resamples", "macs_below")  # fields of a SearchRequest
# Options that say nothing to a benchmark that trains, and to one that does not.
MEASURING = (
    "distance", "combine", "folds", "share", "resamples", "macs_below", "batch_norm", "transfer", "figure", "engine",
    "batch_size",
)  # fmt: skip
TRAINING = ("budget", "losses", "length")
CACHED = "cached"
LAYER_WEIGHTS = ("equal", "nonnegative")  # of a combination; other values of --weights are those of the network


@click.command("search")
@click.option("--backbone", "backbones", multiple=True, metavar="NAME", help="May be repeated.")
@click.option("--bench", default="bapps", show_default=True, metavar="NAME", help="Benchmark that decides.")
@click.option(
    "--point",
    "points",
    multiple=True,
    metavar="PATTERN",
    help="Only these points and nodes; * for any part of a name (features.*). May be repeated.  [default: all]",
)
@click.option("--distance", metavar="NAMES", help="Distances to try, such as spatial,mean_pool,l1.")
@click.option("--combine", type=click.IntRange(1, 10), default=1, show_default=True, help="Layers to combine at most.")
@click.option(
    "--weights",
    multiple=True,
    metavar="equal|nonnegative|FILE|random",
    help="Of the layers of a combination: `equal` (the default), or `nonnegative`, learned from the judgments. Of the "
    "network: as for eval. May be repeated.",
)
@click.option("--folds", type=click.IntRange(0), default=0, metavar="K", help="Nested cross-validation with K folds.")
@click.option("--share", type=float, default=0.5, show_default=True, help="Of the items, for the choice.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Of the split and all samples, or of trainings.")
@click.option(
    "--samples", "resamples", type=click.IntRange(20), default=200, show_default=True, help="That repeat the search."
)
@click.option("--macs-below", type=Amount(), help="Most multiply-adds up to the point, at 224 x 224.")
@click.option("--batch-norm/--no-batch-norm", default=None, help="Only backbones with or without batch norm.")
@click.option("--protocol", "variant", default="", metavar="VARIANT", help="Protocol variant.  [default: paper]")
@click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Change a field of the protocol.")
@click.option("--data", type=FOLDER, help="Folder with the data; otherwise they are downloaded into the cache.")
@click.option("--sample", is_flag=True, help="Use the small built-in sample, which only shows that everything runs.")
@click.option(
    "--transfer",
    multiple=True,
    metavar="BENCH[=DIR]|cached",
    help="Score the result on this benchmark too, or on each whose data are in the cache. May be repeated.",
)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write the loss with evidence.")
@click.option("--figure", type=click.Path(path_type=Path, dir_okay=False), help="Draw the scores against macs.")
@click.option("--plan", "plan_only", is_flag=True, help="Say what would be measured or trained, and stop.")
@click.option("--results", type=FOLDER, help="The results folder.  [default: $LNKIT_RESULTS or ./results]")
@click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="DEVICE",
    help="auto, cuda, mps or cpu; or several, with a task for each backbone or training: cuda:0,cuda:1.",
)
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True)
@click.option("--engine", default="auto", show_default=True, metavar="NAME", help="As for eval.")
@click.option("--batch-size", type=click.IntRange(1), metavar="N", help="As for eval.")
@click.option("--budget", default="", metavar="TIME", help="For trainings: time of one device in all, such as 4h.")
@click.option("--loss", "losses", multiple=True, metavar="LOSS|FILE", help="For trainings: this loss too.")
@click.option("--length", default="", metavar="FIELD", help="For trainings: the field that says how long one is.")
@click.option(
    "--on", default="local", show_default=True, metavar="NAME", help="Where several tasks run; as for sweep run."
)
@click.option(
    "--option", "executor", multiple=True, metavar="KEY=VALUE", help="Of --on: partition=gpu. May be repeated."
)
@click.option("--failed", is_flag=True, help="Also try again what failed twice.")
@json_option
def search(**options: Any) -> None:
    """Search for the point, the mixture of points, or the loss that serves a benchmark best.

    Where people judge, every node of the backbones is measured in as few passes over the data as memory allows. The
    choice is made on a part of the items, whole references at a time, and confirmed on the others; it counts only if
    it is better there than the standard points. A benchmark that trains has short trainings of all, longer ones of the
    better half, and several seeds at the end. The same command again goes on where it stopped.
    """
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - not for --help

    registry, context = open_registry(), click.get_current_context()
    trains = registry.benchmark(options["bench"]).trains
    given = {name for name in options if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    _refuse_useless(options["bench"], given, trains)
    if trains:
        _search_trainings(options)
    else:
        _search_nodes(options, registry)


def _refuse_useless(bench: str, given: set[str], trains: bool) -> None:
    """Refuse options that say nothing to this kind of benchmark."""
    useless = sorted(given & set(MEASURING if trains else TRAINING))
    if useless:
        names = {"resamples": "samples", "losses": "loss", "executor": "option"}
        kind = "trains" if trains else "measures, and is searched without trainings"
        raise UsageError(f"{bench} {kind}: leave out --{names.get(useless[0], useless[0]).replace('_', '-')}.")


def _search_trainings(options: dict[str, Any]) -> None:
    from lnkit.cli._search_training import search_training  # noqa: PLC0415 - not for --help
    from lnkit.cli.eval import assignment  # noqa: PLC0415
    from lnkit.losses.given import given_weights  # noqa: PLC0415
    from lnkit.search.halving import TrainingSearchOptions  # noqa: PLC0415

    if not options["budget"]:
        raise UsageError(
            f"{options['bench']} trains, so a search needs a budget: the time of one device for all trainings, such as "
            "--budget 4h."
        )
    named = {name: value for name, value in options.items() if name not in MEASURING}
    named["overrides"] = dict(assignment(text) for text in named["overrides"])
    named["executor"] = _executor(named["executor"])
    named["weights"] = given_weights(named["weights"])
    search_training(TrainingSearchOptions(**named))


def _executor(texts: Sequence[str]) -> dict[str, str]:
    from lnkit.cli.eval import assignment  # noqa: PLC0415 - not for --help

    return dict(assignment(text, "--option KEY=VALUE, for example partition=gpu") for text in texts)


def _search_nodes(options: dict[str, Any], registry: Registry) -> None:
    from lnkit.cli._progress import make_progress, show_loading  # noqa: PLC0415 - after the names were checked

    for name in TRAINING:
        del options[name]
    output, figure, plan_only, as_json = (options.pop(name) for name in ("output", "figure", "plan_only", "as_json"))
    if not options["backbones"]:
        raise UsageError("Expected one or more backbones to search, got none: give --backbone.")
    transfers = [found for text in options.pop("transfer") for found in _transfers(text, options["bench"], registry)]
    if figure:
        from lnkit.report.figures.files import writer_for  # noqa: PLC0415 - refuses a wrong ending before the work

        writer_for(figure)
    options["backbones"] = _backbones(options.pop("backbones"), options.pop("batch_norm"), registry)
    show_loading()
    from lnkit.cli._search_results import planned, show_plan, show_result  # noqa: PLC0415 - torch
    from lnkit.plugins.output import stdout_to_stderr  # noqa: PLC0415
    from lnkit.search.evidence import all_candidates, facts, to_toml  # noqa: PLC0415
    from lnkit.search.point_search import plan_search, run_search  # noqa: PLC0415
    from lnkit.search.transfer import score_elsewhere  # noqa: PLC0415

    progress = make_progress()
    if waiting := _measure_elsewhere(options, plan_only, registry, progress):
        print_sentence(f"{waiting} The same command chooses once the tasks have ended.")
        return
    request = _request(options)
    with stdout_to_stderr():
        plan = plan_search(request, registry, progress)
    if plan_only:
        show_plan(plan, as_json)
        return
    note(planned(plan))
    with stdout_to_stderr():
        result = run_search(plan, registry, progress)
        moved = [score_elsewhere(result, bench, data, registry, progress) for bench, data in transfers]
    if output:
        from lnkit.data.atomic import atomic_write_text  # noqa: PLC0415

        atomic_write_text(output, to_toml(result))
    if figure:
        _draw(result, figure)
    if as_json:
        emit_json(facts(result) | {"transfer": moved, "all_candidates": all_candidates(result)})
        return
    show_result(result, moved)
    _say_files(output, figure)


def _measure_elsewhere(options: dict[str, Any], plan_only: bool, registry: Registry, progress: Progress) -> str:
    """Measure each backbone in a task of its own where several devices or an executor are named.

    Returns:
        What to wait for; "" if everything is measured or will be here.
    """
    on, executor, failed = (options.pop(name) for name in ("on", "executor", "failed"))
    device, _, others = options["device"].partition(",")
    if plan_only or (on == "local" and not others):
        options["device"] = device
        return ""
    from lnkit.cli._search_sweep import measure_in_a_sweep  # noqa: PLC0415 - torch

    named = {**options, "on": on, "failed": failed}
    waiting = measure_in_a_sweep(named, options["backbones"], _executor(executor), registry, progress)
    options["device"] = device
    return waiting


def _say_files(output: Path | None, figure: Path | None) -> None:
    """Print which files were written, and what to do with a loss."""
    for file, what in ((output, "Loss"), (figure, "Figure")):
        if file:
            echo(f"{what}: {file}")
    if output:
        place = shlex.quote(str(output))
        print_sentence(f"Next: `lnkit eval --loss {place} --bench tid2013` scores it on other data.", "  ")


def _backbones(names: Sequence[str], batch_norm: bool | None, registry: Registry) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(names))
    specs = [registry.backbone(name) for name in names]
    if batch_norm is None:
        return names
    from lnkit.networks.attributes import measure_attributes  # noqa: PLC0415 - torch

    kept = tuple(spec.name for spec in specs if bool(measure_attributes(spec, ()).backbone["batch_norm"]) is batch_norm)
    if not kept:
        raise UsageError(f"None of {', '.join(names)} is {'with' if batch_norm else 'without'} batch norm.")
    return kept


def _request(options: dict[str, Any]) -> SearchRequest:
    """Take the options of a search, and leave those of a run."""
    from lnkit.cli.eval import assignment  # noqa: PLC0415
    from lnkit.evaluation.request import RunRequest  # noqa: PLC0415
    from lnkit.losses.given import given_weights  # noqa: PLC0415
    from lnkit.search.point_search import SearchRequest  # noqa: PLC0415

    if options["sample"] and options["data"]:
        raise UsageError("--sample uses data of its own, and --data names other data: give one of the two.")
    weights = options.pop("weights")
    of_layers = [text for text in weights if text in LAYER_WEIGHTS]
    if len(of_layers) > 1:
        raise UsageError(f"Expected one kind of weights of the layers, got {' and '.join(of_layers)}.")
    changes = dict(assignment(text) for text in options.pop("overrides"))
    distances = [*_split_names(changes.pop("distance", "")), *_split_names(options.pop("distance") or "")]
    searched = {name: options.pop(name) for name in SEARCHED}
    searched |= {"patterns": options.pop("points"), "split_seed": options.pop("seed")}
    of_network = given_weights(tuple(text for text in weights if text not in LAYER_WEIGHTS))
    return SearchRequest(
        RunRequest("", overrides=changes, weights=of_network, **options),
        **searched,
        distances=tuple(dict.fromkeys(distances)),
        layer_weights=of_layers[0] if of_layers else LAYER_WEIGHTS[0],
    )


def _split_names(text: str) -> list[str]:
    """Split ``spatial,charbonnier(eps=1e-3)`` at the commas outside of brackets."""
    names, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            names.append("")
        else:
            names[-1] += letter
    return [name.strip() for name in names if name.strip()]


def _transfers(text: str, searched: str, registry: Registry) -> list[tuple[str, Path | None]]:
    """Return benchmarks on which the result is scored too, each with its folder of data."""
    if text == CACHED:
        from lnkit.evaluation.suites import is_cached  # noqa: PLC0415 - not for --help

        others = (benchmark for name, benchmark in registry.benchmarks.items() if name != searched)
        return [(benchmark.name, None) for benchmark in others if not benchmark.trains and is_cached(benchmark)]
    name, _, folder = text.partition("=")
    benchmark = registry.benchmark(name)
    if benchmark.trains:
        raise UsageError(f"--transfer scores a loss without training, and {name} trains: run `lnkit eval` for it.")
    return [(benchmark.name, Path(folder) if folder else None)]


def _draw(result: SearchResult, figure: Path) -> None:
    from lnkit.report.figures.files import save_figure  # noqa: PLC0415 - altair
    from lnkit.report.figures.searched import score_of_candidates  # noqa: PLC0415

    save_figure(score_of_candidates(result), figure)
