"""The datasets of the benchmarks, with their terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lnkit.data.fetch.dataset_download import announced_size
from lnkit.data.storage import human_size
from lnkit.datasets.photographs import TERMS
from lnkit.plugins.registry import Registry
from lnkit.specs import DatasetSpec
from sitepages.markup import code, lines, link, phrase, table

MOST = 5  # files that are listed by name


def all_datasets(registry: Registry) -> str:
    """Return a table of every dataset of every benchmark."""
    known = {dataset.name: dataset for bench in registry.benchmarks.values() for dataset in bench.datasets}
    return dataset_table(known.values())


def dataset_table(datasets: Iterable[DatasetSpec]) -> str:
    return table(
        ["dataset", "description", "download", "terms", "files"],
        [_row(dataset) for dataset in datasets],
    )


def photograph_table() -> str:
    """Return a table of the photographs that samples are made from."""
    return table(["photograph", "terms"], [[code(name), terms] for name, terms in TERMS.items()])


def _row(dataset: DatasetSpec) -> Sequence[str]:
    size = human_size(announced_size(dataset)) if dataset.files or dataset.list_files else "by hand"
    title = link(dataset.homepage, dataset.title) if dataset.homepage else phrase(dataset.title)
    return [code(dataset.name), title, size, phrase(dataset.license), lines(_files(dataset))]


def _files(dataset: DatasetSpec) -> list[str]:
    """Return links to a few files, or the number of many files and their folders."""
    files = dataset.files
    if len(files) <= MOST:
        shown: list[str] = [link(file.url, file.url.rpartition("/")[2]) for file in files]
    else:
        folders = dict.fromkeys(file.url.rpartition("/")[0] for file in files)
        shown = [f"{len(files):,} files", *(code(f"{folder}/") for folder in list(folders)[:MOST])]
    return [*shown, "and the files of its listing"] if dataset.list_files else shown
