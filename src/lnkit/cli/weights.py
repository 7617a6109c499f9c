"""`lnkit weights`: fetch, import and locate the pretrained weights of backbones, with or without a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._output import echo, emit_json, json_option, note, pager, print_sentence, print_table, warn

if TYPE_CHECKING:
    from lnkit.networks.weight_import import ImportedWeights
    from lnkit.networks.weight_sources import WeightFile

STUDY = "@pihlgren2023"
DIGITS = 8  # of a hash in a table; --json has all that are known
STATES = {"none": "none needed", "unknown": "its plugin's own"}
MAX_SHOWN = 10  # unknown files in a note

backbones_argument = click.argument("backbones", nargs=-1, required=True, metavar="BACKBONE...")


@click.group()
def weights() -> None:
    """List, fetch, import and locate the pretrained weights of backbones.

    BACKBONE is a name (vgg16, resnet50.IMAGENET1K_V2), a pattern in quotes ('timm/vit_*'), @pihlgren2023 for the 14
    backbones of the published study, or @FILE for a text file with one of these on each line.
    """


@weights.command("list")
@click.argument("backbones", nargs=-1, metavar="[BACKBONE...]")
@click.option("--ask", is_flag=True, help="Ask the servers for the sizes, and for the hashes where they state them.")
@json_option
def list_command(backbones: tuple[str, ...], ask: bool, as_json: bool) -> None:
    """List the weights of backbones: size, hash, address, place, and whether they are there.

    Without names the command lists the backbones of the published study. Sizes of files that are not there yet are
    about right; --ask asks for the exact ones. A hash may be known by its first digits only.
    """
    from lnkit.networks.weight_sources import ask_servers  # noqa: PLC0415 - not for help

    files = _planned(backbones or (STUDY,))
    if ask:
        files = ask_servers(files)
    if as_json:
        emit_json([_facts(file) for file in files])
        return
    with pager():
        print_table(
            ["backbone", "weights", "size", "state", "SHA-256", "address", "file"],
            [[*_row(f), f.sha256[:DIGITS] or "-", f.address or "-", f.path or "-"] for f in files],
            least=["address", "file", "weights"],
        )
        _summarize(files, backbones)


@weights.command("fetch")
@backbones_argument
@json_option
def fetch_command(backbones: tuple[str, ...], as_json: bool) -> None:
    """Download the weights of backbones and check their hashes. Resumes after an interruption.

    A file that cannot be fetched is named, and the others are fetched nevertheless; the exit code is then 1.
    """
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for help
    from lnkit.networks.weight_sources import fetch  # noqa: PLC0415

    results = fetch(_planned(backbones), make_progress())
    for sentence in dict.fromkeys(result.error for result in results if result.error):
        warn(sentence)
    if as_json:
        emit_json([_facts(r.file) | {"fetched": r.fetched, "error": r.error} for r in results])
    else:
        rows = [
            [*_row(r.file)[:3], "failed" if r.error else "fetched" if r.fetched else _row(r.file)[3]] for r in results
        ]
        print_table(["backbone", "weights", "size", "state"], rows)
        ready = sum(result.file.present for result in results)
        print_sentence(f"{ready:,} of {_backbones(len(results))} can be loaded without a connection.")
    if any(result.error for result in results):
        raise click.exceptions.Exit(1)


@weights.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--backbone", default="", metavar="NAME", help="Whose weights the file holds, if its name does not tell.")
@json_option
def import_command(paths: tuple[Path, ...], backbone: str, as_json: bool) -> None:
    """Copy weights that were downloaded elsewhere to where the backbones look for them.

    PATH is a file or a folder: a copy of another machine's $TORCH_HOME or $HF_HOME, or files as their servers name
    them. Their hashes are checked where they are known, and no code in them runs.
    """
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for help
    from lnkit.cli._registry import open_registry  # noqa: PLC0415
    from lnkit.networks.weight_import import import_weights  # noqa: PLC0415

    outcome = import_weights(open_registry(), paths, make_progress(), backbone)
    for file in outcome.files:
        if file.error:
            warn(f"{file.source} was not imported. {file.error}")
    if as_json:
        emit_json({"files": [_imported(file) for file in outcome.files], "unknown": list(map(str, outcome.unknown))})
    else:
        rows = [
            [f.backbone, f.source.name, _verdict(f), f.known_sha256[:DIGITS] or "-", f.path or "-"]
            for f in outcome.files
        ]
        print_table(["backbone", "file", "state", "SHA-256", "now at"], rows, least=["now at"])
        if any(f.path and not f.known_sha256 for f in outcome.files):
            note(
                "-: no hash is known to compare with. The files hold weights; loading the backbone shows whether they "
                "fit it."
            )
        if outcome.unknown:
            names = ", ".join(path.name for path in outcome.unknown[:MAX_SHOWN])
            more = ", ..." if len(outcome.unknown) > MAX_SHOWN else ""
            note(f"{len(outcome.unknown):,} files belong to no backbone and stayed where they are: {names}{more}.")
    if any(file.error for file in outcome.files):
        raise click.exceptions.Exit(1)


@weights.command("path")
@backbones_argument
@json_option
def path_command(backbones: tuple[str, ...], as_json: bool) -> None:
    """Print where the weights of backbones lie or must lie, one path on each line.

    For weights of the Hugging Face hub that are not there yet it is the folder of their repository. Backbones without a
    file of weights have no line.
    """
    files = _planned(backbones)
    if as_json:
        emit_json([{"backbone": f.backbone, "path": f.path and str(f.path), "present": f.present} for f in files])
        return
    for file in files:
        if file.path:
            echo(file.path)
        else:
            note(f"{file.backbone}: {STATES.get(file.state, 'its package is not installed')}.")
    if missing := [file.backbone for file in files if file.path and not file.present]:
        note(f"Not there yet: {', '.join(missing[:MAX_SHOWN])}{', ...' * (len(missing) > MAX_SHOWN)}.")


def _planned(selectors: Sequence[str]) -> list[WeightFile]:
    from lnkit.analysis.backbone_selection import select_backbones  # noqa: PLC0415 - not for help
    from lnkit.cli._registry import open_registry  # noqa: PLC0415
    from lnkit.networks.weight_sources import plan  # noqa: PLC0415

    registry = open_registry()
    return plan(registry, select_backbones(registry, selectors))


def _row(file: WeightFile) -> list[str]:
    from lnkit.data.storage import human_size  # noqa: PLC0415 - not for help

    size = human_size(file.bytes) if file.bytes else "-"
    return [file.backbone, file.weights or "-", size, STATES.get(file.state, file.state)]


def _facts(file: WeightFile) -> dict[str, Any]:
    return {
        "backbone": file.backbone,
        "weights": file.weights,
        "address": file.address,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "path": file.path and str(file.path),
        "state": file.state,
        "present": file.present,
    }


def _imported(file: ImportedWeights) -> dict[str, Any]:
    return {
        "source": str(file.source),
        "backbone": file.backbone,
        "path": file.path and str(file.path),
        "known_sha256": file.known_sha256,
        "was_there": file.was_there,
        "error": file.error,
    }


def _verdict(file: ImportedWeights) -> str:
    return "refused" if file.error else "was there" if file.was_there else "imported"


def _summarize(files: Sequence[WeightFile], given: Sequence[str]) -> None:
    """Say how much is there, how much is missing and where it goes."""
    import shlex  # noqa: PLC0415 - only here

    from lnkit.data.storage import human_size  # noqa: PLC0415 - not for help

    absent = list({file.path: file for file in files if file.remote and not file.present}.values())
    ready = sum(file.present for file in files)
    print_sentence(f"{ready:,} of {_backbones(len(files))} can be loaded without a connection.")
    if not absent:
        return
    size = sum(file.bytes for file in absent)
    folders = dict.fromkeys(str(file.path.parent) for file in absent if file.path)
    number, go = ("1 file", "goes") if len(absent) == 1 else (f"{len(absent):,} files", "go")
    print_sentence(f"Missing: {number}, about {human_size(size)}, which {go} to {' and '.join(folders)}")
    names = " ".join(map(shlex.quote, given or (STUDY,)))
    print_sentence(f"Next: `lnkit weights fetch {names}`, or `lnkit weights import FOLDER` without a connection.")


def _backbones(number: int) -> str:
    return f"{number:,} backbone{'s' * (number != 1)}"
