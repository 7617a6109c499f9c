"""What a benchmark returns is checked and converted when it returns, and its author named."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lnkit.benchmark import BenchmarkData, BenchmarkSpec, Outcome, Score, ScoreSpec
from lnkit.errors import PluginError
from lnkit.plugins.outcome_check import ReturnCheck
from lnkit.specs import LossNetworkId


@dataclass(frozen=True)
class Protocol:
    pass


SPEC = BenchmarkSpec("mine", "mine", "1", "", {"paper": Protocol()}, (ScoreSpec("s", "a score"),), print, print)  # type: ignore[arg-type]
CHECK = ReturnCheck("Benchmark 'mine' of lnkit-mine 1.0", SPEC)
NETWORK = LossNetworkId("pixel", ("image",))


def scored(**fields: Any) -> Outcome:
    return Outcome({"s": Score(**{"value": 0.5, **fields})})


@pytest.mark.parametrize(
    "number", [np.float32(0.5), np.float64(0.5), torch.tensor(0.5), np.array(0.5), np.float16(0.5)]
)
def test_numbers_of_numpy_and_torch_become_pythons(number: Any) -> None:
    score = CHECK.outcome(scored(value=number, n=np.int64(3), interval=(number, np.float32(1)))).scores["s"]
    assert (score.value, score.n, score.interval) == (0.5, 3, (0.5, 1.0))
    assert [type(score.value), type(score.n)] == [float, int]


@pytest.mark.parametrize(
    "fields",
    [
        *({"value": value} for value in (True, np.True_, Decimal("0.5"), Fraction(1, 2), "0.5", None, 1j, np.ones(2))),
        *({"value": value} for value in (float("nan"), float("inf"), 10**400)),
        *({"n": n} for n in (True, -1, 1.5, "3", None)),
        *({"interval": i} for i in ((0.6, 0.4), (0.6, 0.9), (0.1, 0.5, 0.9), (float("nan"), 1.0), "ab", 0.5)),
        *({"ceilings": c} for c in ({"human": float("nan")}, {"": 0.5}, {1: 0.5}, [0.5], {"human": "high"})),
        {"baselines": {"zero": Decimal(0)}},
        {"aggregation": "a|b"},
        {"cases": 0.5},
    ],
)
def test_scores_that_cannot_be_stored(fields: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match=r"^Benchmark 'mine' of lnkit-mine 1\.0 returned "):
        CHECK.outcome(scored(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"notes": "a text"},
        {"notes": (1,)},
        {"arrays": {"a": [1, 2]}},
        {"arrays": {"a": np.array([None])}},
        {"arrays": {"a": torch.ones(2)}},
        {"arrays": {"../a": np.ones(2)}},
        {"collapsed": None},
        *({"files": {name: Path(__file__)}} for name in ("../../../x", "/x", "", "a\nb", "a/../../x", "dataset.json")),
        {"files": {"x": Path("/no/such/file")}},
        {"files": {"x": Path(__file__).parent}},
        {"files": {"a": Path(__file__), "a/b": Path(__file__)}},
    ],
)
def test_outcomes_that_cannot_be_stored(fields: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match=r"^Benchmark 'mine' of lnkit-mine 1\.0 returned "):
        CHECK.outcome(Outcome({"s": Score(0.5)}, **fields))


@pytest.mark.parametrize("name", ["t", "", "s\n", "s|", None, "s\x1b"])
def test_names_of_scores(name: Any) -> None:
    with pytest.raises(PluginError, match=r"^Benchmark 'mine' of lnkit-mine 1\.0 returned "):
        CHECK.outcome(Outcome({name: Score(0.5)}))


@pytest.mark.parametrize(
    "returned", [None, [], {}, {NETWORK: None}, {NETWORK: scored(), "more": scored()}, {str(NETWORK): scored()}]
)
def test_outcomes_of_all_networks_and_no_others(returned: Any) -> None:
    with pytest.raises(PluginError, match=r"^Benchmark 'mine' of lnkit-mine 1\.0 returned "):
        CHECK.outcomes(returned, [NETWORK])


@pytest.mark.parametrize(
    "opened",
    [
        None,
        ("content", {}),
        *(BenchmarkData(0, f) for f in ({"a": None}, {1: "ab"}, ["ab"])),  # type: ignore[arg-type]
        BenchmarkData(0, {}, "note"),  # type: ignore[arg-type]
        *(BenchmarkData(0, {}, (), size) for size in (0, -1, 64.0, True, "64")),  # type: ignore[arg-type]
    ],
)
def test_opened_data(opened: Any) -> None:
    with pytest.raises(PluginError, match=r"^Benchmark 'mine' of lnkit-mine 1\.0 returned "):
        CHECK.data(opened)
