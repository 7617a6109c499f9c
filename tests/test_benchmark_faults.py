"""Faults of a benchmark plugin are sentences that name the benchmark's mistake."""

from __future__ import annotations

import pytest
from fakeplugins import FakePlugins, fake_plugins  # noqa: F401 - a fixture

from lnkit.cli import run
from lnkit.plugins.load import default_registry

BENCHMARK = """
from dataclasses import dataclass
import lnkit

@dataclass(frozen=True)
class Protocol:
    distance: str = "squared"

def open_data(facts):
    return lnkit.BenchmarkData(None, {{"nothing": "0" * 64}})

def run(context, data):
    {body}

@lnkit.hookimpl
def register_benchmark(register):
    score = lnkit.ScoreSpec("s", "a score", primary=True)
    register(lnkit.BenchmarkSpec("faulty", "faulty", "1", "", {{"paper": Protocol()}}, (score,), {open}, run))
"""
SCORED = "return {{network: lnkit.Outcome({{'{name}': lnkit.Score({value})}}) for network in context.networks}}"
SHARDS = "from lnkit.evaluation import open_shards\n    with open_shards(context, 1, 'pairs'): return {}"


@pytest.mark.parametrize(
    ("body", "open_data", "sentence"),
    [
        (
            "return None",
            "open_data",
            "'faulty' of faulty 1.0 returned no Outcome for pixel:image. Expected a mapping from",
        ),
        ("return {}", "open_data", "'faulty' of faulty 1.0 returned no Outcome for pixel:image."),
        (
            SCORED.format(name="s", value=1.5),
            "open_data",
            "'faulty' of faulty 1.0 returned s = 1.5, outside its bounds [0.0, 1.0].",
        ),
        (
            SCORED.format(name="s", value="float('nan')"),
            "open_data",
            "'faulty' of faulty 1.0 returned s = nan, outside its bounds",
        ),
        (
            SCORED.format(name="t", value=0.5),
            "open_data",
            "'faulty' of faulty 1.0 returned a score 't' that it does not declare.",
        ),
        (SHARDS, "open_data", "a protocol that inherits from lnkit.protocols.Comparing, got Protocol. Inherit from it"),
        (
            "return {}",
            "'no_such_module:open_data'",
            "'no_such_module:open_data' could not be imported: No module",
        ),
        ("return {}", "'json:__name__'", "Expected 'module:name' of a function, got 'json:__name__', which is str."),
        ("return {}", "'json:no_such_function'", "'json:no_such_function' could not be imported: module 'json'"),
    ],
)
def test_faults(
    body: str,
    open_data: str,
    sentence: str,
    fake_plugins: FakePlugins,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_plugins.add("faulty", BENCHMARK.format(body=body, open=open_data))
    default_registry.cache_clear()
    assert run(["eval", "--backbone", "pixel", "--bench", "faulty", "--device", "cpu"]) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("command", [["results", "rescore"], ["analyze", "difference", "pixel:image"]])
def test_a_benchmark_without_rescore_says_so_and_not_that_a_file_is_missing(
    command: list[str],
    fake_plugins: FakePlugins,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_plugins.add("faulty", BENCHMARK.format(body=SCORED.format(name="s", value=0.5), open="open_data"))
    default_registry.cache_clear()
    assert run(["eval", "--backbone", "pixel", "--bench", "faulty", "--device", "cpu"]) == 0
    capsys.readouterr()
    assert run([*command, "pixel:image"]) == 2
    said = capsys.readouterr().err
    assert "Benchmark 'faulty' cannot compute scores from stored arrays: it has no 'rescore'." in said
    assert "lnkit results show" in said
