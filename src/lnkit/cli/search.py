"""`lnkit search`: find the point, or the mixture of points, and confirm it on other items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._numbers import SEED
from lnkit.cli._output import echo, emit_json, json_option, note, print_sentence, print_table, warn
from lnkit.cli.recommend import Amount
from lnkit.errors import UsageError

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry
    from lnkit.search.confirmation import Assessed, Difference, Interval
    from lnkit.search.search import Plan, SearchRequest, SearchResult

FOLDER = click.Path(path_type=Path, file_okay=False)
LAYER_WEIGHTS = ("equal", "nonnegative")  # of a combination; other values of --weights are those of the network


@click.command("search")
@click.option("--backbone", "backbones", multiple=True, required=True, metavar="NAME", help="May be repeated.")
@click.option("--bench", default="bapps", show_default=True, metavar="NAME", help="Benchmark that judges.")
@click.option(
    "--point",
    "patterns",
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
@click.option("--seed", type=SEED, default=0, show_default=True, help="Of the split and of all samples.")
@click.option("--samples", type=click.IntRange(20), default=200, show_default=True, help="That repeat the search.")
@click.option("--macs-below", type=Amount(), help="Most multiply-adds up to the point, at 224 x 224.")
@click.option("--batch-norm/--no-batch-norm", default=None, help="Only backbones with or without batch norm.")
@click.option("--protocol", "variant", default="", metavar="VARIANT", help="Protocol variant.  [default: paper]")
@click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Change a field of the protocol.")
@click.option("--data", type=FOLDER, help="Folder with the data; otherwise they are downloaded into the cache.")
@click.option("--sample", is_flag=True, help="Use the small built-in sample, which only shows that everything runs.")
@click.option(
    "--transfer",
    multiple=True,
    metavar="BENCH[=DIR]",
    help="Score the result on this benchmark too, with data of their own. May be repeated.",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the loss, with its evidence.")
@click.option("--figure", type=click.Path(path_type=Path, dir_okay=False), help="Draw the scores against macs.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be measured, and stop.")
@click.option("--results", type=FOLDER, help="The results folder.  [default: $LNKIT_RESULTS or ./results]")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cuda, mps or cpu.")
@click.option("--engine", default="auto", show_default=True, metavar="NAME", help="As for eval.")
@click.option("--batch-size", type=click.IntRange(1), metavar="N", help="As for eval.")
@json_option
def search(
    output: Path | None, figure: Path | None, only_plan: bool, as_json: bool, transfer: tuple[str, ...], **options: Any
) -> None:
    """Search for the point, or the mixture of points, that agrees with people best.

    Every node of the backbones is measured in as few passes over the data as memory allows. The choice is made on a
    part of the items, whole references at a time, and confirmed on the others; it counts only if it is better there
    than the standard points. The same command again goes on where it stopped.
    """
    from lnkit.cli._progress import make_progress, show_loading  # noqa: PLC0415 - not for --help
    from lnkit.cli._registry import open_registry  # noqa: PLC0415

    registry, progress = open_registry(), make_progress()
    transfers = [_transfer(text, registry) for text in transfer]
    if figure:
        from lnkit.report.figures.files import writer_for  # noqa: PLC0415 - refuses a wrong ending before the work

        writer_for(figure)
    registry.benchmark(options["bench"])
    options["backbones"] = _backbones(options.pop("backbones"), options.pop("batch_norm"), registry)
    show_loading()
    from lnkit.plugins.output import stdout_to_stderr  # noqa: PLC0415
    from lnkit.search.evidence import all_candidates, facts, to_toml  # noqa: PLC0415 - torch
    from lnkit.search.search import plan_search, search as run_search  # noqa: PLC0415

    request = _request(**options)
    with stdout_to_stderr():
        plan = plan_search(request, registry, progress)
    if only_plan:
        _show_plan(plan, as_json)
        return
    note(_planned(plan))
    with stdout_to_stderr():
        result = run_search(plan, registry, progress)
        moved = [_score_elsewhere(result, bench, data, registry, progress) for bench, data in transfers]
    if output:
        from lnkit.data.atomic import atomic_write_text  # noqa: PLC0415

        atomic_write_text(output, to_toml(result))
    if figure:
        _draw(result, figure)
    if as_json:
        emit_json(facts(result) | {"transfer": moved, "all_candidates": all_candidates(result)})
        return
    _show(result, moved)
    for file, what in ((output, "Loss"), (figure, "Figure")):
        if file:
            echo(f"{what}: {file}")
    if output:
        print_sentence(f"Next: `lnkit eval --loss {output} --bench tid2013` scores it on other data.", "  ")


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


def _request(
    backbones: tuple[str, ...],
    bench: str,
    patterns: tuple[str, ...],
    distance: str | None,
    combine: int,
    weights: tuple[str, ...],
    folds: int,
    share: float,
    seed: int,
    samples: int,
    macs_below: float | None,
    overrides: tuple[str, ...],
    **shared: Any,
) -> SearchRequest:
    from lnkit.cli.eval import assignment  # noqa: PLC0415
    from lnkit.evaluation.request import RunRequest  # noqa: PLC0415
    from lnkit.losses.given import given_weights  # noqa: PLC0415
    from lnkit.search.search import SearchRequest  # noqa: PLC0415

    if shared["sample"] and shared["data"]:
        raise UsageError("--sample uses data of its own, and --data names other data: give one of the two.")
    of_layers = [text for text in weights if text in LAYER_WEIGHTS]
    if len(of_layers) > 1:
        raise UsageError(f"Expected one kind of weights of the layers, got {' and '.join(of_layers)}.")
    of_network = tuple(text for text in weights if text not in LAYER_WEIGHTS)
    changes = dict(assignment(text) for text in overrides)
    distances = [changes.pop("distance")] if "distance" in changes else []
    run = RunRequest("", bench=bench, overrides=changes, weights=given_weights(of_network), **shared)
    return SearchRequest(
        run,
        backbones,
        patterns,
        tuple(dict.fromkeys([*distances, *_split_names(distance or "")])),
        combine,
        of_layers[0] if of_layers else LAYER_WEIGHTS[0],
        share,
        folds,
        seed,
        samples,
        macs_below,
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


def _transfer(text: str, registry: Registry) -> tuple[str, Path | None]:
    name, _, folder = text.partition("=")
    benchmark = registry.benchmark(name)
    if benchmark.trains:
        raise UsageError(f"--transfer scores a loss without training, and {name} trains: run `lnkit eval` for it.")
    return name, Path(folder) if folder else None


def _planned(plan: Plan) -> str:
    nodes = ", ".join(f"{len(found.nodes)} of {name}" for name, found in plan.nodes.items())
    left = "; ".join(f"{count} with {reason}" for reason, count in plan.left_out.items())
    passes = len(plan.passes)
    return (
        f"Measuring nodes: {nodes}{f' (left out: {left})' if left else ''}. {plan.candidates} candidates in {passes} "
        f"pass{'es' * (passes > 1)} over the data."
    )


def _show_plan(plan: Plan, as_json: bool) -> None:
    passes = [(part.backbone, part.distance, len(part.nodes)) for part in plan.passes]
    if as_json:
        names = ("backbone", "distance", "nodes")
        found = {"candidates": plan.candidates, "left_out": dict(plan.left_out)}
        emit_json(found | {"passes": [dict(zip(names, part, strict=True)) for part in passes]})
        return
    print_table(["pass", "backbone", "distance", "nodes"], [(i, *part) for i, part in enumerate(passes, start=1)])
    print_sentence(_planned(plan))


def _score_elsewhere(result: SearchResult, bench: str, data: Path | None, registry: Registry, progress: Any) -> dict[str, Any]:
    """Score the choice and the best standard point on another benchmark."""
    from lnkit.search.transfer import score_elsewhere  # noqa: PLC0415

    return score_elsewhere(result, bench, data, registry, progress)


def _draw(result: SearchResult, figure: Path) -> None:
    from lnkit.report.figures.files import save_figure  # noqa: PLC0415 - altair
    from lnkit.report.figures.searched import score_of_candidates  # noqa: PLC0415

    save_figure(score_of_candidates(result), figure)


def _show(result: SearchResult, moved: Sequence[dict[str, Any]]) -> None:
    from lnkit.search.evidence import as_good_and_cheaper, front, verdict  # noqa: PLC0415
    from lnkit.search.search import loss_of  # noqa: PLC0415

    confirmed, candidates = result.confirmation, result.measured.candidates
    rows = [("choice", str(result.loss), *_cells(confirmed.chosen), "")]
    for assessed, difference in zip(confirmed.standards, confirmed.differences, strict=True):
        rows.append(("standard", str(loss_of(assessed.combination, candidates)), *_cells(assessed), _apart(difference)))
    echo(_title(result))
    print_table(["", "loss", "chosen on", "confirmed", "choice is better by"], rows)
    echo()
    print_sentence(verdict(result))
    print_sentence(f"- {_search_cost(result)}", "  ")
    print_sentence(f"- {_stability(result)}", "  ")
    cheaper = as_good_and_cheaper(result)
    if cheaper is not None:
        print_sentence(f"- {_cheaper(result, cheaper)}", "  ")
    for row in moved:
        print_sentence(f"- {_moved(row)}", "  ")
    if result.plan.request.run.sample:
        warn("SAMPLE DATA: these scores show that everything runs, and say nothing about quality.")
    on_front = front(result)
    if len(on_front) > 1:
        echo()
        print_table(
            ["macs", "best node up to this cost", "chosen on", "confirmed"],
            [
                (_amount(candidates[i].node.macs), str(candidates[i]), *(f"{value:.4f}" for value in result.scores[:, i]))
                for i in on_front
            ],
        )


def _title(result: SearchResult) -> str:
    judgments, request = result.measured.judgments, result.plan.request
    total, used = len(result.development), int(result.development.sum())
    groups = int(judgments.clusters.max()) + 1
    split = (
        f"{request.folds} nested folds" if request.folds else f"{used:,} to choose on, {total - used:,} to confirm"
    )
    return f"{request.run.bench}, {judgments.score}: {total:,} {judgments.unit} with {groups:,} references; {split}"


def _cells(assessed: Assessed) -> tuple[str, str]:
    return f"{assessed.development:.4f}", f"{assessed.confirmation:.4f}{_interval(assessed.interval)}"


def _apart(difference: Difference) -> str:
    return f"{difference.value:+.4f}{_interval(difference.interval)}"


def _interval(interval: Interval | None) -> str:
    return f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""


def _search_cost(result: SearchResult) -> str:
    confirmed = result.confirmation
    selection, count = confirmed.selection, len(result.measured.candidates)
    return (
        f"{count} candidates were tried. The search itself adds {selection.optimism:.4f} to the score that it chose by: "
        f"without that it is {selection.corrected:.4f}{_interval(selection.interval)}, over "
        f"{result.plan.request.resamples} samples on which the whole search was repeated."
    )


def _stability(result: SearchResult) -> str:
    from lnkit.search.search import loss_of  # noqa: PLC0415
    from lnkit.search.choice import Combination  # noqa: PLC0415

    confirmed, candidates = result.confirmation, result.measured.candidates
    shares = [
        f"{loss_of(Combination(tuple((i, 1.0) for i in members)), candidates)} in {share:.0%}"
        for members, share in confirmed.selection.shares[:3]
    ]
    return (
        f"The samples choose {'; '.join(shares)}. On the items that confirm, {len(confirmed.not_told_apart)} of the "
        f"{len(candidates)} candidates cannot be told from the choice."
    )


def _cheaper(result: SearchResult, index: int) -> str:
    candidates = result.measured.candidates
    own = max(candidates[i].node.macs for i in result.confirmation.chosen.combination.members)
    return (
        f"The cheapest of these is {candidates[index]}, with {_amount(candidates[index].node.macs)} macs, "
        f"{candidates[index].node.macs / own:.0%} of the choice's {_amount(own)}."
    )


def _moved(row: dict[str, Any]) -> str:
    scores = "; ".join(
        f"{loss} {found['value']:.4f}{_interval(found['interval'])}" for loss, found in row["losses"].items()
    )
    return f"On {row['benchmark']}, {row['score']}: {scores}."


def _amount(macs: float) -> str:
    from lnkit.analysis.recommend.constraints import amount  # noqa: PLC0415 - not for help

    return amount(macs)
