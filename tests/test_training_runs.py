"""A benchmark that trains, as a third party would write it, run through the command line and from Python."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from fakeplugins import FakePlugins, fake_plugins

from lnkit.cli import run
from lnkit.plugins.load import default_registry

Capture = pytest.CaptureFixture[str]
__all__ = ["fake_plugins"]

COPYING = """
    from dataclasses import dataclass
    import lnkit

    @dataclass(frozen=True)
    class Protocol:
        iterations: int = 40
        batch_size: int = 4
        lr: float = 0.01
        distance: str = "squared"
        normalization: str = "none"
        explodes: int = 0  # at this iteration the loss is no number
        pause: float = 0.0  # seconds in every step

    def open_data(context):
        import numpy as np
        images = np.random.default_rng(context.seed).integers(0, 256, (16, 24, 24, 3), dtype=np.uint8)
        return lnkit.BenchmarkData(images, {"noise": "ab" * 32}, image_size=24)

    def make_task(context, images):
        import time
        import torch
        from torch import nn
        from lnkit.training.collapse import Variation
        from lnkit.training_task import TrainingTask, Validation

        class Copying(TrainingTask):
            items = 12
            feature_loss = context.services.feature_loss(lnkit.DistanceConfig(context.protocol.distance))
            steps = 0

            def build(self):
                return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
                                     nn.Conv2d(8, 3, 3, padding=1), nn.Sigmoid())

            def optimizer(self, network):
                return torch.optim.Adam(network.parameters(), lr=context.protocol.lr)

            def load(self, items, draw):
                return {"image": torch.from_numpy(images[items]).permute(0, 3, 1, 2)}

            def losses(self, network, batch):
                time.sleep(context.protocol.pause)
                self.steps += 1
                image = batch["image"].float() / 255
                factor = float("nan") if self.steps == context.protocol.explodes else 1.0
                return {"loss": factor * self.feature_loss(network(image), image)}

            def validate(self, network):
                image = torch.from_numpy(images[12:]).permute(0, 3, 1, 2).float() / 255
                output, variation = network(image), Variation()
                variation.add(output)
                return Validation(float((output - image).square().mean()), variation=variation.value)

        return Copying()

    def run(context, data):
        from PIL import Image
        from lnkit.training_task import TrainingSettings
        protocol, network = context.protocol, context.networks[0]
        title = f"copying with {network}"
        settings = TrainingSettings("copy", title, protocol.iterations, protocol.batch_size, 10, context.seed)
        trained = context.services.train(make_task(context, data.content), settings)
        files = dict(trained.files)
        if context.keep_images:
            context.folder.mkdir(exist_ok=True)
            Image.fromarray(data.content[0]).save(context.folder / "0.png")
            files["images/0.png"] = context.folder / "0.png"
        scores = {}
        if trained.network is not None:
            scores["error"] = lnkit.Score(trained.best_value, n=4, baselines={"gray": 0.08})
        return {network: lnkit.Outcome(scores, files=files, collapsed=trained.collapsed)}

    @lnkit.hookimpl
    def register_benchmark(register):
        register(lnkit.BenchmarkSpec(
            name="copying", title="copy noise", version="1", citation="",
            protocols={"paper": Protocol(), "sample": Protocol(iterations=20)},
            scores=(lnkit.ScoreSpec("error", "squared error", unit="", higher_is_better=False, primary=True),),
            open_data=open_data, run=run, trains=True,
        ))
"""
EVAL = ["eval", "--backbone", "pixel", "--bench", "copying", "--data", "."]


@pytest.fixture
def copying(fake_plugins: FakePlugins) -> Any:
    fake_plugins.add("copying_plugin", COPYING)
    default_registry.cache_clear()
    yield fake_plugins
    default_registry.cache_clear()


def evaluated(capsys: Capture, *arguments: str, code: int = 0) -> dict[str, Any]:
    assert run([*EVAL, *arguments, "--json"]) == code, capsys.readouterr().err
    (record,) = json.loads(capsys.readouterr().out)
    return dict(record)


def test_a_record_has_scores_and_files(copying: FakePlugins, capsys: Capture) -> None:
    record = evaluated(capsys)
    folder = Path(record["folder"])
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    kept = {"copy/curves.png", "copy/log.csv", "copy/network.safetensors", "copy/training.json"}
    assert kept <= names
    assert set(record["files"]) == names - {"result.json"}
    assert record["scores"]["error"]["baselines"] == {"gray": 0.08}
    assert record["environment"]["device"] != "none"
    assert not list((folder.parent / ".parts").glob("*/*")), "nothing unfinished is left"
    assert evaluated(capsys)["reused"]


def test_baselines_stand_beside_the_scores(copying: FakePlugins, capsys: Capture) -> None:
    assert run(EVAL) == 0
    assert "Baselines of error: gray 0.0800" in capsys.readouterr().out
    assert run(["results", "show", "pixel:image"]) == 0
    out = capsys.readouterr().out
    assert "gray 0.0800" in out
    assert "Files: copy/curves.png, copy/log.csv" in out


def test_the_sample_has_a_protocol_of_its_own(copying: FakePlugins, capsys: Capture) -> None:
    assert run(["eval", "--backbone", "pixel", "--bench", "copying", "--sample", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["key"]["variant"], record["key"]["protocol"]["iterations"]) == ("sample", 20)


def test_a_collapse_is_neither_a_crash_nor_a_success(copying: FakePlugins, capsys: Capture) -> None:
    record = evaluated(capsys, "--set", "explodes=15", code=1)
    assert record["collapsed"] == "the loss was nan at iteration 15"
    assert set(record["scores"]) == {"error"}, "of the network that was best before"
    assert run([*EVAL, "--set", "explodes=15"]) == 1
    shown = capsys.readouterr()
    assert "Collapsed: pixel:image: the loss was nan at iteration 15" in shown.out
    assert "Warning: pixel:image collapsed: the loss was nan at iteration 15." in shown.err
    assert evaluated(capsys, "--set", "explodes=3", code=1)["scores"] == {}
    assert run([*EVAL, "--set", "explodes=3"]) == 1
    assert run(["results", "list"]) == 0
    assert capsys.readouterr().out.count("(collapsed)") == 2


def test_images_are_kept_on_request_without_training_again(
    copying: FakePlugins, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluated(capsys)
    monkeypatch.setattr("lnkit.training.loop._Training.__init__", None)  # whoever trains again fails
    second = evaluated(capsys, "--images")
    assert (second["id"], second["scores"]) == (first["id"], first["scores"])
    assert set(second["files"]) == {*first["files"], "images/0.png"}
    assert (Path(second["folder"]) / "images" / "0.png").is_file()
    assert evaluated(capsys, "--images")["reused"]


def test_force_trains_again(copying: FakePlugins, capsys: Capture) -> None:
    first, again = evaluated(capsys), evaluated(capsys, "--force")
    assert not again["reused"]
    assert first["scores"] == again["scores"]


def test_what_is_only_for_training_is_refused_elsewhere(capsys: Capture) -> None:
    assert run(["eval", "--backbone", "pixel", "--sample", "--images"]) == 2
    assert "bapps makes no images that could be kept: leave out --images." in capsys.readouterr().err
    assert run(["eval", "--backbone", "pixel", "--sample", "--precision", "fp16"]) == 2
    assert "fp16 is for training" in capsys.readouterr().err


def test_a_benchmark_that_only_measures_may_not_train(fake_plugins: FakePlugins, capsys: Capture) -> None:
    fake_plugins.add("copying_plugin", COPYING.replace("trains=True", "trains=False"))
    default_registry.cache_clear()
    assert run(EVAL) == 1
    assert "its BenchmarkSpec needs trains=True" in capsys.readouterr().err
    default_registry.cache_clear()


def start(copying: FakePlugins, results: Path, pause: float) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(copying.folder)}
    arguments = [*EVAL, "--set", f"pause={pause}", "--results", str(results), "--json"]
    command = [sys.executable, "-c", f"import sys; from lnkit.cli import run; sys.exit(run({arguments!r}))"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(copying: FakePlugins, tmp_path: Path) -> None:
    process = start(copying, tmp_path / "results", pause=0.1)
    while not list(tmp_path.glob("results/.parts/*/copy/checkpoints/*/state.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "A checkpoint is in" in errors
    assert "run the same command again to resume" in errors
    assert "Traceback" not in errors
    (kept,) = tmp_path.glob("results/.parts/*/copy/checkpoints/*")
    assert 0 < int(kept.name) < 40
    process = start(copying, tmp_path / "results", pause=0.1)
    output, errors = process.communicate(timeout=120)
    assert f"Resuming copying with pixel:image after iteration {int(kept.name)}." in errors
    whole, _ = start(copying, tmp_path / "whole", pause=0).communicate(timeout=120)
    values = [json.loads(printed)[0]["scores"]["error"]["value"] for printed in (output, whole)]
    assert values[0] == values[1]


@pytest.mark.slow
def test_two_at_once_train_once(copying: FakePlugins, tmp_path: Path) -> None:
    both = [start(copying, tmp_path / "results", pause=0.05) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    records = [json.loads(output)[0] for output, _ in outputs]
    assert sorted(record["reused"] for record in records) == [False, True]
    assert "Waiting for another process that is running copying on pixel:image." in "".join(e for _, e in outputs)


def test_the_fake_is_python() -> None:
    compile(dedent(COPYING), "copying", "exec")
