"""`lnkit data`: fetch, import and verify the data of benchmarks, with or without a network."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._output import echo, emit_json, json_option, note, print_table
from lnkit.data.cache import cache_dir
from lnkit.errors import DataError, UnknownNameError, UsageError, did_you_mean, near_names

if TYPE_CHECKING:
    from lnkit.benchmark import BenchmarkSpec
    from lnkit.data.fetch.datasets import DatasetState
    from lnkit.specs import DatasetSpec


@click.group()
def data() -> None:
    """List, fetch, verify and import the data of benchmarks."""


@data.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List all datasets.

    For each: its size, its license, its folder, and whether it is complete.
    """
    from lnkit.data.fetch.datasets import dataset_state  # noqa: PLC0415 - not for help

    rows = [_row(spec, benchmarks, dataset_state(spec, cache_dir())) for spec, benchmarks in _known_datasets().values()]
    if as_json:
        emit_json(rows)
        return
    from lnkit.data.storage import human_size  # noqa: PLC0415 - not for help

    print_table(
        ["dataset", "benchmarks", "download", "state", "license", "folder"],
        [
            [r["name"], ", ".join(r["benchmarks"]), human_size(r["bytes"]), r["state"], r["license"], r["folder"]]
            for r in rows
        ],
        least=["folder", "license"],
    )


@data.command("fetch")
@click.argument("name")
def fetch_command(name: str) -> None:
    """Download a dataset into the cache and print its folder. Resumes after an interruption."""
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for help
    from lnkit.data.fetch.datasets import ensure_dataset  # noqa: PLC0415

    echo(ensure_dataset(_dataset(name), cache_dir(), make_progress(), whole=True))


@data.command("import")
@click.argument("name")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--partial", is_flag=True, help="Import a part of the dataset too, which is then called partial.")
def import_command(name: str, paths: tuple[Path, ...], partial: bool) -> None:
    """Import a dataset that was downloaded elsewhere into the cache.

    PATH is an archive, an unpacked folder, or a file of the dataset with its original name. Files of the dataset that
    the cache has already count, too.
    """
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for help
    from lnkit.data.fetch.datasets import import_dataset  # noqa: PLC0415

    spec = _dataset(name)
    try:
        echo(import_dataset(spec, paths, cache_dir(), make_progress(), partial=partial))
    except DataError as error:
        meant = [path.name.lower() for path in paths if path.name.lower() in set(_known_datasets()) - {name}]
        raise DataError(f"{error}{did_you_mean(meant)}") from error
    _note_partial(spec)


@data.command("verify")
@click.argument("name")
@click.option("--data", "folder", type=click.Path(path_type=Path), help="Check how the data in this folder are read.")
@json_option
def verify_command(name: str, folder: Path | None, as_json: bool) -> None:
    """Compare a dataset with its checksums and published values.

    NAME is a dataset or a benchmark. Every file in the cache is compared with its checksum; those that changed are
    named. Of mean opinions, the correlation with the mean squared difference of the images is computed, too, where its
    value is published.
    """
    from lnkit.cli._progress import make_progress  # noqa: PLC0415 - not for help
    from lnkit.cli._verify import check_readers, compare_files  # noqa: PLC0415

    progress = make_progress()
    benchmarks = _checked_benchmarks(name)
    facts: dict[str, Any] = {"name": name, "folder": folder}
    if folder is None:
        state = _present(name)
        folder = state.folder
        facts = compare_files(name, state, progress, as_json)
        if not as_json:
            _note_partial(_dataset(name))
    elif not folder.is_dir():
        raise UsageError(f"Expected a folder with the data (--data), got {folder}.")
    elif not benchmarks:
        raise UsageError(
            f"No value is published by which the reading of {name} could be checked. Without --data, its files in the "
            "cache are compared with their checksums."
        )
    checks = check_readers(benchmarks, folder, progress, as_json)
    if as_json:
        emit_json(facts | {"checks": checks})
        if not facts.get("intact", True) or not all(check["right"] or check["partial"] for check in checks):
            raise click.exceptions.Exit(1)


@data.command("path")
@click.argument("name")
@json_option
def path_command(name: str, as_json: bool) -> None:
    """Print the folder of a dataset, whether it exists or not."""
    from lnkit.data.fetch.datasets import dataset_state  # noqa: PLC0415 - not for help

    state = dataset_state(_dataset(name), cache_dir())
    if as_json:
        emit_json({"name": name, "folder": state.folder, "state": state.state})
        return
    echo(state.folder)
    _note_partial(_dataset(name))
    if state.state in {"missing", "begun"}:
        note(f"The dataset is not there yet; `lnkit data fetch {name}` downloads it.")


def _note_partial(spec: DatasetSpec) -> None:
    """Say what a dataset in the cache lacks."""
    from lnkit.data.fetch.datasets import dataset_state  # noqa: PLC0415 - not for help

    if lacks := dataset_state(spec, cache_dir()).missing:
        note(f"{spec.name} is partial: {lacks}.")


def _known_datasets() -> dict[str, tuple[DatasetSpec, list[str]]]:
    """Return all datasets by name, each with the benchmarks that use it."""
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - plugins, not for help

    known: dict[str, tuple[DatasetSpec, list[str]]] = {}
    for benchmark in open_registry().benchmarks.values():
        for spec in benchmark.datasets:
            known.setdefault(spec.name, (spec, []))[1].append(benchmark.name)
    return known


def _checked_benchmarks(name: str) -> list[BenchmarkSpec]:
    """Return the benchmarks of this name, or of the dataset of this name, whose reading can be checked.

    Raises:
        UnknownNameError: No dataset and no benchmark with a check is called so.
    """
    from lnkit.cli._registry import open_registry  # noqa: PLC0415 - plugins, not for help

    checked = [benchmark for benchmark in open_registry().benchmarks.values() if benchmark.checks]
    known = _known_datasets()
    names = {*known, *(benchmark.name for benchmark in checked)}
    if name not in names:
        raise _unknown(name, names)
    users = known[name][1] if name in known else []
    return [benchmark for benchmark in checked if benchmark.name == name or benchmark.name in users]


def _dataset(name: str) -> DatasetSpec:
    known = _known_datasets()
    if name in known:
        return known[name][0]
    raise _unknown(name, known)


def _unknown(name: str, known: Collection[str]) -> UnknownNameError:
    hint = did_you_mean(near_names(name, known))
    return UnknownNameError(f"No dataset is called {name!r}.{hint} There are: {', '.join(sorted(known)) or 'none'}.")


def _present(name: str) -> DatasetState:
    """Return the state of a dataset in the cache.

    Raises:
        DataError: it is not there, or was not made by lnkit.
    """
    from lnkit.data.fetch.datasets import dataset_state  # noqa: PLC0415 - not for help

    if name not in _known_datasets():
        raise UsageError(f"lnkit does not fetch {name}. Name its folder: `lnkit data verify {name} --data DIR`.")
    state = dataset_state(_dataset(name), cache_dir())
    if state.state == "by hand":
        raise DataError(
            f"{state.folder} was not made by lnkit, so there is nothing to compare it with. "
            f"Move it elsewhere and run `lnkit data import {name} FOLDER` with its new path."
        )
    if state.state not in {"ready", "partial"}:
        raise DataError(f"The dataset {name!r} is not in the cache. `lnkit data fetch {name}` downloads it.")
    return state


def _row(spec: DatasetSpec, benchmarks: list[str], state: DatasetState) -> dict[str, Any]:
    from lnkit.data.fetch.dataset_download import announced_size  # noqa: PLC0415 - not for help

    size = announced_size(spec)
    detail = f" ({state.missing.partition(';')[0]})" if state.missing else ""
    if state.state == "begun" and size:
        detail = f" ({min(100, 100 * state.fetched / size):.0f} %)"
    return {
        "name": spec.name,
        "title": spec.title,
        "benchmarks": benchmarks,
        "bytes": size,
        "license": spec.license,
        "state": state.state + detail,
        "missing": state.missing,
        "folder": str(state.folder),
        "urls": [file.url for file in spec.files],
    }
