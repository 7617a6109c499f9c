"""One page for each benchmark: its plugin's README, its scores, and every hyperparameter."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from markupsafe import Markup

from lnkit.benchmark import BenchmarkSpec, ScoreSpec
from lnkit.plugins.registry import Registry
from sitepages.comments import field_comments
from sitepages.datasets import dataset_table
from sitepages.introductions import introduction
from sitepages.markup import Page, code, codes, file_names, page_link, plain, table
from sitepages.plugins import is_one_benchmark
from sitepages.project import readme
from sitepages.sections import for_the_site, section_about, without_title

FOLDER = "benchmarks"


def benchmark_pages(registry: Registry) -> list[Page]:
    """Return the list of benchmarks, then a page for each."""
    names = file_names(registry.benchmarks)
    pages = [
        Page(benchmark.name, f"{FOLDER}/{names[benchmark.name]}.md", _page(registry, benchmark, names[benchmark.name]))
        for benchmark in registry.benchmarks.values()
    ]
    index = introduction(FOLDER, "index") + table(
        ["benchmark", "about", "main scores"],
        [_row(page, registry.benchmark(page.title)) for page in pages],
    )
    return [Page("All benchmarks", f"{FOLDER}/index.md", index), *pages]


def _row(page: Page, benchmark: BenchmarkSpec) -> list[str]:
    main = codes(score.name for score in benchmark.scores if score.primary)
    return [page_link(page, code(page.title)), benchmark.title, main]


def _page(registry: Registry, benchmark: BenchmarkSpec, name: str) -> str:
    return "\n".join(
        (
            f"# {plain(benchmark.name)}: {plain(benchmark.title)}",
            introduction(FOLDER, name),
            _from_readme(registry, benchmark),
            "## Every score",
            _scores(benchmark.scores),
            "## Every hyperparameter",
            "`--set FIELD=VALUE` changes a value; the result names the change as a deviation.",
            _protocol(benchmark),
            *(("## Downloads", dataset_table(benchmark.datasets)) if benchmark.datasets else ()),
            "## Version and source",
            f"Version {plain(benchmark.version)} of this benchmark, by the plugin "
            f"`{registry.provider('benchmark', benchmark.name).name}`. {plain(benchmark.citation)}",
        )
    )


def _from_readme(registry: Registry, benchmark: BenchmarkSpec) -> str:
    """Return the plugin's README, or its section about this benchmark if the plugin has several."""
    plugin = registry.provider("benchmark", benchmark.name)
    text = readme(plugin)
    if not text:  # a benchmark of lnkit itself
        return ""
    return for_the_site(without_title(text) if is_one_benchmark(plugin) else section_about(text, benchmark.name))


def _scores(scores: Sequence[ScoreSpec]) -> str:
    rows = [
        [
            code(score.name),
            score.description,
            score.aggregation,
            score.unit,
            f"{score.lower:g} to {score.upper:g}",
            "higher" if score.higher_is_better else "lower",
        ]
        for score in scores
    ]
    return table(["score", "description", "aggregation", "unit", "range", "better"], rows)


def _protocol(benchmark: BenchmarkSpec) -> str:
    """Return a table of the fields: value in the first variant, differing values in the others, meaning and source."""
    (_, first), *others = benchmark.protocols.items()
    comments = field_comments(type(first))
    rows = [
        [
            code(field.name),
            _value(getattr(first, field.name)),
            *(_changed(getattr(first, field.name), getattr(other, field.name, None)) for _, other in others),
            comments.get(field.name, ""),
        ]
        for field in dataclasses.fields(first)
    ]
    return table(["field", *benchmark.protocols, "meaning and source"], rows)


def _changed(usual: object, value: object) -> Markup:
    return Markup("") if value == usual else _value(value)


def _value(value: object) -> Markup:
    return code(str(value)) if value != "" else Markup("<em>nothing</em>")
