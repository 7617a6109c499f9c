"""The check of a GPU, tried on the CPU: every check runs, can fail, and stops no other."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # bench is no part of the package

from bench.gpu import (  # noqa: E402
    checkout,
    command,
    decisions,
    features,
    full_size,
    losses,
    memory,
    throughput,
    trainings,
    two_processes,
)
from bench.gpu.results import Check, CheckResult, Row  # noqa: E402
from bench.gpu.runner import run_checks  # noqa: E402
from bench.gpu.settings import Settings  # noqa: E402
from bench.gpu.trainings import Trained, TrainingError  # noqa: E402


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings("cpu", tmp_path, quick=True, engines=("eager",))


def states(checks: dict[str, Check], settings: Settings, budget: float = 60.0) -> list[tuple[str, str, str]]:
    results = run_checks(checks, settings, budget, lambda _: None)
    return [(result.name, result.state, result.reason) for result in results]


def passing(_: Settings) -> Iterator[Row]:
    yield Row("a subject", {"figure": 1.5})


def failing(_: Settings) -> Iterator[Row]:
    yield Row("one", problem="it is wrong")
    yield Row("two")


def crashing(_: Settings) -> Iterator[Row]:
    yield Row("before")
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


class TestRunner:
    """Isolation, time and files."""

    def test_a_check_that_fails_stops_no_other(self, settings: Settings) -> None:
        checks: dict[str, Check] = {"crash": crashing, "fail": failing, "pass": passing}
        assert states(checks, settings) == [
            ("crash", "failed", "RuntimeError: CUDA error: an illegal memory access was encountered"),
            ("fail", "failed", "one: it is wrong"),
            ("pass", "passed", ""),
        ]

    def test_no_check_begins_after_the_time(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = iter([0.0, *range(0, 1000, 4)])
        monkeypatch.setattr("bench.gpu.runner.time.monotonic", lambda: next(clock))

        def long(_: Settings) -> Iterator[Row]:
            for number in range(100):
                yield Row(str(number))

        results = run_checks({"long": long, "pass": passing}, settings, 30.0, lambda _: None)
        assert [(result.state, result.reason) for result in results] == [
            ("cut short", "out of time"),
            ("not run", "out of time"),
        ]
        assert 0 < len(results[0].rows) < 100

    def test_results_are_reported_after_each_row(self, settings: Settings) -> None:
        seen: list[int] = []

        def report(results: list[CheckResult]) -> None:
            seen.append(sum(len(result.rows) for result in results))

        run_checks({"fail": failing, "pass": passing}, settings, 60.0, report)
        assert seen == [1, 2, 2, 3, 3]


class TestCommand:
    """The command line."""

    def invoke(self, *arguments: str) -> Any:
        return CliRunner().invoke(command.main, arguments)

    def test_without_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
        result = self.invoke()
        assert result.exit_code == 2
        assert "expected a CUDA device, got none; `--device cpu --quick` tries the script" in result.output

    @pytest.mark.parametrize(
        ("device", "sentence"),
        [("cpu", "expected --quick"), ("meta", "expected a CUDA device, got meta"), ("card", "the name of a device")],
    )
    def test_other_devices(self, device: str, sentence: str) -> None:
        result = self.invoke("--device", device)
        assert result.exit_code == 2
        assert sentence in result.output

    @pytest.mark.parametrize(("check", "exit_code", "state"), [(passing, 0, "passed"), (crashing, 1, "failed")])
    def test_exit_code_and_json(
        self, check: Check, exit_code: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LNKIT_CACHE", "restored after this test")
        monkeypatch.setattr(command, "CHECKS", {"features": check})
        file = tmp_path / "results.json"
        result = self.invoke("--device", "cpu", "--quick", "--json", str(file))
        assert result.exit_code == exit_code, result.output
        content = json.loads(file.read_text())
        assert content["machine"]["torch"] == torch.__version__
        assert content["checks"][0]["state"] == state
        assert len(content["checks"][0]["rows"]) == 1
        assert state in result.output


class TestChecks:
    """Each check passes on the CPU, and fails for a wrong device."""

    def test_features(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        assert [row.problem for row in features.check(settings)] == [""]
        exact = features.features

        def as_with_tf32(network: Any, images: Any, device: str) -> Any:
            found = exact(network, images, device)
            noise = 5e-4 if images.dtype == torch.float32 and network.mean.dtype == torch.float32 else 0.0
            return {point: maps * (1 + noise * torch.randn_like(maps)) for point, maps in found.items()}

        monkeypatch.setattr(features, "features", as_with_tf32)
        monkeypatch.setattr(features, "TIMES_REFERENCE", 0.0)  # here, reference and device are the same
        assert "differ by more than the rounding" in next(features.check(settings)).problem

    def test_features_that_are_not_numbers(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(features, "errors", lambda *_: {"late": float("nan")})
        assert next(features.check(settings)).problem

    def test_decisions(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        eager, bf16 = decisions.check(settings)
        assert (eager.problem, eager.figures["differing"], eager.figures["of"]) == ("", 0, 16 * 4)
        assert 0 <= float(bf16.figures["changed decisions"]) < 0.5
        distances = decisions.Distances(np.ones((2, 4)), np.full((2, 4), 2.0))
        turned = decisions.Distances(distances.second, distances.first)
        expected = iter([distances, turned, distances])
        monkeypatch.setattr(decisions, "measure", lambda *_: next(expected))
        assert next(decisions.check(settings)).problem == "8 of 8 decisions differ from the CPU's"

    def test_memory(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = list(memory.check(settings))
        assert [row.problem for row in rows] == ["", ""]
        assert rows[0].figures["items that fit"] == 1
        monkeypatch.setattr("bench.gpu.little_memory.PRETENDED", 1000)
        assert {row.problem for row in memory.check(settings)} == {"the memory did not run out: this checks nothing"}
        assert memory.problem_of(True, 0.1, 1e-3) == "the result differs by 1.0e-01"

    def test_trainings(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        """What each end of the processes means; the processes themselves are those of test_training_benchmarks."""
        monkeypatch.setattr(trainings, "QUICK", {"superres": ()})
        monkeypatch.setattr(trainings, "kill", lambda *_: True)

        def row(*ends: Trained) -> Row:
            left = iter(ends)
            monkeypatch.setattr(trainings, "train", lambda *_: next(left))
            return next(trainings.check(settings))

        one, other = Trained("1", {"psnr": 20.0}, ()), Trained("2", {"psnr": 20.0}, ("scatter",))
        same = row(one, one)
        assert (same.problem, same.figures["same bits"], same.figures["psnr"]) == ("", "yes", 20.0)
        assert "a resumed one differs" in row(one, other, one).problem
        assert "names no reason" in row(one, other, Trained("3", {}, ())).problem
        explained = row(one, other, other)
        assert explained.problem == ""
        assert "not deterministic: scatter" in str(explained.figures["same bits"])

        monkeypatch.setattr(trainings, "kill", lambda *_: False)
        assert row(one).problem == "it ended before it could be killed"

        def fail(*_: object) -> Trained:
            raise TrainingError("lnkit eval ended with 1: Error")

        monkeypatch.setattr(trainings, "train", fail)
        assert next(trainings.check(settings)).problem == "lnkit eval ended with 1: Error"

    def test_a_training_names_what_is_not_deterministic(self) -> None:
        said = (
            "UserWarning: upsample_bicubic2d_backward does not have a deterministic implementation, but you set\n"
            "UserWarning: Deterministic behavior was enabled, but this operation is not deterministic because it uses "
            "CuBLAS and you have CUDA >= 10.2.\n"
        )
        named = [match[1] or match[2] for match in trainings.NOT_DETERMINISTIC.finditer(said)]
        assert named == ["upsample_bicubic2d_backward", "CuBLAS"]

    def test_two_processes(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        def scores(_backbone: str, _device: str, folders: list[Path]) -> list[dict[str, float]]:
            return [{"2afc": 0.6 if folder.name == "second" else 0.7} for folder in folders]

        monkeypatch.setattr(two_processes, "run_at_once", scores)
        assert next(two_processes.check(settings)).problem == "process 2 of 2 gave other scores than one alone"
        monkeypatch.setattr(two_processes, "run_at_once", lambda _b, _d, folders: [{"2afc": 0.7} for _ in folders])
        assert next(two_processes.check(settings)).problem == ""

    def test_losses(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("lpips")
        fp32, bf16 = losses.check(settings)
        assert (fp32.subject, fp32.problem, bf16.problem) == ("LPIPS-lin squeeze, fp32", "", "")
        assert 0 < fp32.figures["gradient error"] < bf16.figures["gradient error"]
        assert fp32.figures["speed relative to lpips"] > 0
        monkeypatch.setitem(losses.ALLOWED, "fp32", 0.0)
        assert "the gradient differs" in next(losses.check(settings)).problem

    def test_throughput(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(throughput, "PRECISIONS", ("fp32",))
        monkeypatch.setattr(throughput, "find_spec", lambda _: None)
        monkeypatch.setattr(throughput, "REPEATS", 1)
        peak, squeezenet, lpips = throughput.check(settings)
        assert float(peak.figures["fp32 TFLOP/s"]) > 0
        assert 0 < float(squeezenet.figures["share of peak"]) < float("inf")
        assert lpips.skipped == "the package lpips is not installed"

    def test_full_size(self, settings: Settings) -> None:
        rows = {row.subject: row.figures for row in full_size.check(settings)}
        assert rows["images"]["2afc"] == 24
        assert float(rows["squeezenet1_1, four points"]["images/s"]) > 0
        assert full_size.FULL_SIZE == {"2afc": 36_344, "jnd": 9_600}
        assert rows["the study's `bapps`, random weights"]["backbones"] == 1


def test_a_checkout_announces_its_plugins(tmp_path: Path) -> None:
    from lnkit.plugins.entrypoints import find_entry_points

    folders = list(checkout.write_metadata(ROOT, tmp_path))
    announced = {entry.name: entry.value for entry in find_entry_points([str(tmp_path)])}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["lnkit"].items() <= announced.items()
    assert "lnkit_timm" in announced
    for package in ("lnkit", "lnkit_bapps", "lnkit_timm"):
        assert any((folder / package / "__init__.py").is_file() for folder in folders), package
