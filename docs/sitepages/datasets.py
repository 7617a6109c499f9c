"""The data that benchmarks need, and under which terms they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lnkit.data.storage import human_size
from lnkit.registry import Registry
from lnkit.specs import DatasetSpec
from sitepages.markup import code, lines, link, phrase, table


def all_datasets(registry: Registry) -> str:
    """The table of every dataset of every benchmark."""
    known = {dataset.name: dataset for bench in registry.benchmarks.values() for dataset in bench.datasets}
    return dataset_table(known.values())


def dataset_table(datasets: Iterable[DatasetSpec]) -> str:
    return table(
        ["dataset", "what it is", "download", "terms", "files"],
        [_row(dataset) for dataset in datasets],
    )


def _row(dataset: DatasetSpec) -> Sequence[str]:
    size = human_size(sum(file.size for file in dataset.files)) if dataset.files else "by hand"
    title = link(dataset.homepage, dataset.title) if dataset.homepage else phrase(dataset.title)
    files = lines(link(file.url, file.url.rpartition("/")[2]) for file in dataset.files)
    return [code(dataset.name), title, size, phrase(dataset.license), files]
