"""A benchmark that trains in milliseconds, for tests of searches: scores by point, length and seed as a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakeplugins import FakePlugins, fake_plugins

from lnkit.plugins.load import default_registry
from lnkit.search.halving import HalvingSearch, TrainingSearchOptions
from lnkit.search.halving.times import TrainingTimes

__all__ = ["contest", "fake_plugins", "search_in", "with_times"]

# Points a to h. The score of a point at a length is a line: where it begins, and what it gains over the full length.
CONTEST = """
    import json
    import os
    from dataclasses import dataclass
    from pathlib import Path

    import lnkit

    STARTS = {"a": 10, "b": 20, "c": 30, "d": 40, "e": 50, "f": 60, "g": 70, "h": 5}
    GAINS = {"a": 0, "b": 0, "c": 0, "d": 90, "e": 0, "f": 0, "g": 0, "h": 150}

    @dataclass(frozen=True)
    class Protocol:
        iterations: int = 64
        distance: str = "squared"
        normalization: str = "none"
        spread: float = 0.0  # of the items
        seeds_spread: float = 0.0  # of the trainings
        items: int = 40
        lower: bool = False  # a lower score is better
        collapses: str = ""  # points
        fails: str = ""

    def build(pretrained):
        from torch import nn
        return nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in STARTS))

    def open_data(context):
        return lnkit.BenchmarkData(None, {"none": "ab" * 32}, image_size=8)

    def log(**facts):
        with open(os.environ["CONTEST_LOG"], "a") as file:
            file.write(json.dumps(facts) + "\\n")

    def run(context, data):
        import numpy as np
        protocol, network = context.protocol, context.networks[0]
        (point,) = network.points
        log(point=point, iterations=protocol.iterations, seed=context.seed)
        if point in protocol.fails:
            raise lnkit.LnkitError(f"{point} cannot be trained.")
        value = STARTS[point] + GAINS[point] * protocol.iterations / 64
        rng = np.random.default_rng([context.seed, ord(point)])
        items = value + protocol.seeds_spread * rng.normal() + protocol.spread * rng.normal(size=protocol.items)
        outcome = rescore({"quality": -items if protocol.lower else items}, protocol, 0)
        collapsed = "the loss was nan at iteration 3" if point in protocol.collapses else ""
        return {network: lnkit.Outcome(outcome.scores, outcome.arrays, collapsed=collapsed)}

    def rescore(arrays, protocol, seed):
        values = arrays["quality"]
        name = "error" if protocol.lower else "quality"
        return lnkit.Outcome({name: lnkit.Score(float(-values.mean() if protocol.lower else values.mean()),
                                                n=len(values))}, dict(arrays))

    def measure(context, data):
        return {network: lnkit.Outcome({"cheap": lnkit.Score(float(STARTS[network.points[0]]), n=5)})
                for network in context.networks}

    @dataclass(frozen=True)
    class Measuring:
        distance: str = "squared"
        normalization: str = "none"

    @lnkit.hookimpl
    def register_backbone(register):
        register(lnkit.BackboneSpec(name="tiny", family="Tiny", load=build, weights="MADE"))

    @lnkit.hookimpl
    def register_extraction_points(register, backbones):
        for number, point in enumerate(STARTS):
            register("tiny", lnkit.ExtractionPoint(point, node=str(number)))

    def spec(name, score, **more):
        return lnkit.BenchmarkSpec(name=name, title=name, version="1", citation="", protocols={"paper": Protocol()},
                                   scores=score, open_data=open_data, run=run, trains=True, **more)

    @lnkit.hookimpl
    def register_benchmark(register):
        scores = (lnkit.ScoreSpec("quality", "", unit="", lower=-1e9, upper=1e9, primary=True),
                  lnkit.ScoreSpec("error", "", unit="", lower=-1e9, upper=1e9, higher_is_better=False, primary=True))
        register(spec("contest", scores, rescore=rescore))
        register(spec("unscored", scores))
        cheap = lnkit.ScoreSpec("cheap", "", unit="", upper=1e9, primary=True)
        register(lnkit.BenchmarkSpec(name="glance", title="glance", version="1", citation="", scores=(cheap,),
                                     protocols={"paper": Measuring()}, open_data=open_data, run=measure))
"""


@pytest.fixture
def contest(fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the file that has one line for each training that was begun."""
    fake_plugins.add("contest_plugin", CONTEST)
    log = fake_plugins.folder / "log.txt"
    log.touch()
    monkeypatch.setenv("CONTEST_LOG", str(log))
    default_registry.cache_clear()
    yield log
    default_registry.cache_clear()


def search_in(results: Path, *, bench: str = "contest", budget: str = "700s", **options: Any) -> HalvingSearch:
    """Return a search among the points of the backbone."""
    return HalvingSearch(TrainingSearchOptions(bench, ("tiny",), results=results, budget=budget, **options))


def with_times(monkeypatch: pytest.MonkeyPatch, seconds: Callable[[int], float], seeds: tuple[int, ...] = (3,)) -> None:
    """Let trainings take as long as a test says, in what a search plans, and have so many seeds at the end."""
    monkeypatch.setattr("lnkit.search.halving.schedule.SEEDS", seeds)
    measured = {length: seconds(length) for length in range(1, 65)}
    times = TrainingTimes({f"tiny:{point}": measured for point in "abcdefgh"})
    monkeypatch.setattr(HalvingSearch, "_times", lambda search: times)
