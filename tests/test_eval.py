"""`lnkit eval`, whole: what it prints, what it keeps, what it finds again, and what it says when something is wrong."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from realdata import RealData
from safetensors.torch import save_file

from lnkit.cli import run
from lnkit.datasets.two_afc_layout import BAPPS_DATASET
from lnkit.distances.comparer import ImageComparer
from lnkit.networks.weights import build_random
from lnkit.plugins.load import default_registry

Capture = pytest.CaptureFixture[str]

PIXEL = ["eval", "--backbone", "pixel", "--sample"]


def run_json(arguments: list[str], capsys: Capture) -> Any:
    """Run a command that must succeed, and read the JSON that it prints."""
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The results folder of the test."""
    return tmp_path / "results"


def test_a_run_ends_with_a_table_signatures_and_the_folder(results: Path, capsys: Capture) -> None:
    assert run(PIXEL) == 0
    out = capsys.readouterr().out
    assert re.search(r"^pixel:image +0\.\d{4} \[0\.\d{4}, 0\.\d{4}\]", out, re.MULTILINE)
    assert "SAMPLE DATA" in out
    assert re.search(r"^0\.\d{4} = 2afc\|pixel:image\|", out, re.MULTILINE)
    (folder,) = [path for path in results.iterdir() if not path.name.startswith(".")]
    assert out.rstrip().endswith(f"Results: {folder}")


def test_a_finished_run_is_found_again_and_force_runs_anew(results: Path, capsys: Capture) -> None:
    (first,) = run_json(PIXEL, capsys)
    (second,) = run_json(PIXEL, capsys)
    (third,) = run_json([*PIXEL, "--force"], capsys)
    assert [run["reused"] for run in (first, second, third)] == [False, True, False]
    assert first["created"] == second["created"]
    assert first["scores"] == third["scores"]
    assert first["id"] == third["id"]


def test_scores_are_those_of_the_kept_distances(results: Path, capsys: Capture) -> None:
    (record,) = run_json(PIXEL, capsys)
    with np.load(Path(record["folder"]) / "distances.npz") as kept:
        family = "sample_blur"
        judge, d0, d1 = (kept[f"2afc/{family}/{name}"] for name in ("judge", "d0", "d1"))
    agreed = np.where(d1 < d0, judge, np.where(d0 < d1, 1 - judge, 0.5)).mean()
    assert record["scores"][f"2afc/{family}"]["value"] == pytest.approx(agreed, abs=1e-12)


def test_a_record_says_what_it_is(results: Path, capsys: Capture) -> None:
    (record,) = run_json([*PIXEL, "--set", "resolution=32"], capsys)
    assert record["sample"] is True
    assert record["deviations"] == ["resolution is 32 instead of 64"]
    assert record["key"]["protocol"]["resolution"] == 32
    assert record["key"]["protocol"]["distance"] == "squared"
    assert any("constructions" in note for note in record["notes"])
    assert {"python", "torch", "numpy", "device", "engine", "threads", "lnkit"} <= set(record["environment"])
    assert re.fullmatch("[0-9a-f]{64}", record["key"]["weights_sha256"])
    signature = record["scores"]["2afc"]["signature"]
    assert "|bapps.1/paper|squared|input:backbone|32px,bilinear|mean of 5 families|data:" in signature


def test_every_score_carries_a_signature_and_is_declared(results: Path, capsys: Capture) -> None:
    (record,) = run_json(PIXEL, capsys)
    for name, score in record["scores"].items():
        assert score["signature"].startswith(f"{name}|pixel:image|")


def test_random_weights_follow_the_seed(results: Path, capsys: Capture) -> None:
    command = ["eval", "--backbone", "squeezenet1_1", "--point", "early", "--sample", "--weights", "random"]
    hashes = [run_json([*command, "--seed", seed], capsys)[0]["key"]["weights_sha256"] for seed in "001"]
    assert hashes[0] == hashes[1] != hashes[2]


def test_scores_do_not_depend_on_how_they_are_computed(results: Path, capsys: Capture) -> None:
    """Batch size, engine, and the points that run along change no score."""
    command = [
        "eval",
        "--backbone",
        "squeezenet1_1",
        "--weights",
        "random",
        "--sample",
        "--set",
        "per_family=20",
        "--force",
    ]
    together = {run["key"]["points"].popitem()[0]: run["scores"] for run in run_json(command, capsys)}
    for how in (["--batch-size", "1"], ["--batch-size", "7"], ["--engine", "onnxruntime"]):
        (alone,) = run_json([*command, "--point", "mid", *how], capsys)
        assert {n: s["value"] for n, s in alone["scores"].items()} == pytest.approx(
            {n: s["value"] for n, s in together["mid"].items()}, abs=1e-12
        )


def test_points_joined_are_one_loss_network(results: Path, capsys: Capture) -> None:
    command = ["eval", "--backbone", "squeezenet1_1", "--weights", "random", "--sample", "--set", "per_family=10"]
    early, mid, both = run_json([*command, "--point", "early,mid,early+mid"], capsys)
    kept = [np.load(Path(record["folder"]) / "distances.npz")["2afc/sample_blur/d0"] for record in (early, mid, both)]
    assert kept[2] == pytest.approx(kept[0] + kept[1], rel=1e-5)
    assert list(both["key"]["points"]) == ["early", "mid"]


def test_real_judgments_agree_with_plain_hooks(real_data: RealData, results: Path, capsys: Capture) -> None:
    """The real weights on real judged images, against the unmodified network and the formula written out."""
    number = 60
    command = [
        "eval",
        "--backbone",
        "squeezenet1_1",
        "--weights",
        str(real_data("weights/squeezenet1_1.safetensors")),
    ]
    command += ["--data", str(real_data("human_2afc")), "--set", f"per_family={number}"]
    records = run_json(command, capsys)
    expected = agreement_by_hooks(real_data, number)
    found = {next(iter(record["key"]["points"])): record["scores"]["2afc"]["value"] for record in records}
    assert found == pytest.approx(expected, abs=1e-9)


def agreement_by_hooks(real_data: RealData, number: int) -> dict[str, float]:
    """2AFC of SqueezeNet 1.1 at its four points, computed the plain way, one image at a time."""
    import torch
    from PIL import Image
    from safetensors.torch import load_file
    from torchvision.models import squeezenet1_1
    from torchvision.transforms.functional import normalize, to_tensor

    nodes = {"early": "features.1", "semi_early": "features.3", "mid": "features.7", "late": "features.12"}
    network = squeezenet1_1().eval()
    network.load_state_dict(load_file(real_data("weights/squeezenet1_1.safetensors")))
    seen: dict[str, torch.Tensor] = {}
    for point, node in nodes.items():
        network.get_submodule(node).register_forward_hook(
            lambda m, i, o, point=point: seen.__setitem__(point, o.clone())
        )

    folder = real_data("human_2afc") / "2afc" / "val" / "materials"

    def features(kind: str, name: str) -> dict[str, torch.Tensor]:
        image = to_tensor(Image.open(folder / kind / f"{name}.png").convert("RGB"))
        with torch.no_grad():
            network(normalize(image, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])[None])
        return {point: f / (f.norm(dim=1, keepdim=True) + 1e-10) for point, f in seen.items()}

    agreed: dict[str, list[float]] = {point: [] for point in nodes}
    for name in sorted(path.stem for path in (folder / "ref").iterdir())[:number]:
        ref, p0, p1 = (features(kind, name) for kind in ("ref", "p0", "p1"))
        judge = float(np.load(folder / "judge" / f"{name}.npy").item())
        for point in nodes:
            d0, d1 = (float(((ref[point] - other[point]) ** 2).sum(1).mean()) for other in (p0, p1))
            agreed[point].append(judge if d1 < d0 else 1 - judge if d0 < d1 else 0.5)
    return {point: float(np.mean(values)) for point, values in agreed.items()}


def test_an_interrupted_run_goes_on(results: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_json(PIXEL, capsys)[0]["scores"]
    real, calls = ImageComparer.compare, []

    def interrupted(self: ImageComparer, *images: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)  # as a person's Ctrl-C does
        return real(self, *images, **options)

    monkeypatch.setattr(ImageComparer, "compare", interrupted)
    assert run([*PIXEL, "--set", "resamples=999"]) == 130
    assert "Run the same command again to resume" in capsys.readouterr().err
    (record,) = run_json([*PIXEL, "--set", "resamples=999"], capsys)
    families = sum("/" in name for name in whole)
    assert len(calls) == families + 1  # the one that was interrupted, and each family once
    assert {n: s["value"] for n, s in record["scores"].items()} == {n: s["value"] for n, s in whole.items()}
    assert not list((results / ".parts").iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--backbone", "squeezenet11"], 2, "Did you mean 'squeezenet1_1'"),
        (["--backbone", "vgg16", "--point", "lat"], 2, "Did you mean 'late'"),
        (["--backbone", "pixel", "--point", "features.3"], 2, "features.3"),
        (["--backbone", "pixel", "--bench", "baps"], 2, "Did you mean 'bapps'"),
        (["--backbone", "pixel", "--protocol", "papr"], 2, "has no protocol 'papr'"),
        (["--backbone", "pixel", "--set", "resolution"], 2, "Expected --set FIELD=VALUE"),
        (["--backbone", "pixel", "--set", "resoluton=3"], 2, "Did you mean 'resolution'"),
        (["--backbone", "pixel", "--distance", "spatal"], 2, "Did you mean 'spatial'"),
        (["--backbone", "pixel", "--engine", "fast"], 2, "No engine is named 'fast'"),
        (
            ["--backbone", "pixel", "--set", "epsilon=small"],
            2,
            "'epsilon': expected one of lpips, reference, torchmetrics",
        ),
        (["--backbone", "pixel", "--device", "tpu"], 2, "device 'tpu'"),
        (["--backbone", "pixel", "--data", "."], 2, "--sample uses data of its own"),
        (["--backbone", "alexnet", "--weights", "nowhere.safetensors"], 1, "nowhere.safetensors"),
        (["--backbone", "alexnet", "--weights", "random", "--set", "resolution=16"], 1, "too small"),
        ([], 2, "Expected either --backbone, such as --backbone vgg16, or --loss"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    arguments: list[str], code: int, says: str, results: Path, capsys: Capture
) -> None:
    assert run(["eval", "--sample", *arguments]) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not [path for path in results.glob("*") if not path.name.startswith(".")]


def test_one_failing_backbone_does_not_stop_the_others(results: Path, capsys: Capture) -> None:
    arguments = ["eval", "--sample", "--set", "resolution=16", "--weights", "random"]
    assert run([*arguments, "--backbone", "alexnet", "--backbone", "pixel"]) == 1
    captured = capsys.readouterr()
    assert "alexnet" in captured.err
    assert "pixel:image" in captured.out


def test_missing_data_name_the_ways_on(results: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable = tuple(replace(f, url="http://127.0.0.1:9/" + f.url.rsplit("/", 1)[1]) for f in BAPPS_DATASET.files)
    monkeypatch.setattr("lnkit_bapps.data.BAPPS_DATASET", replace(BAPPS_DATASET, files=unreachable))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert run(["eval", "--backbone", "pixel"]) == 1
    said = capsys.readouterr().err
    for word in ("127.0.0.1", "lnkit data import", "--sample", "1.3 GB"):
        assert word in said


def test_a_damaged_result_is_named_and_left_alone(results: Path, capsys: Capture) -> None:
    (record,) = run_json(PIXEL, capsys)
    file = Path(record["folder"]) / "result.json"
    file.write_text("{")
    assert run(PIXEL) == 1
    assert str(file) in capsys.readouterr().err
    assert file.read_text() == "{"
    (again,) = run_json([*PIXEL, "--force"], capsys)
    assert again["scores"] == record["scores"]


def test_a_full_disk_is_said(results: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lnkit.results.part_store.write_arrays", full)
    assert run(PIXEL) == 1
    assert "disk is full" in capsys.readouterr().err
    assert not [path for path in results.rglob("*") if path.is_file()]


def test_the_user_chooses_between_raw_and_averaged_weights(results: Path, tmp_path: Path, capsys: Capture) -> None:
    """The scores are those of a file that holds the chosen tensors only."""
    raw = build_random(default_registry().backbone("squeezenet1_1")).state_dict()
    averaged = {name: value + 0.01 for name, value in raw.items()}
    ema, path = {f"module.{name}": value for name, value in averaged.items()}, tmp_path / "checkpoint.pth"
    torch.save({"state_dict": raw, "state_dict_ema": ema}, path)
    save_file(averaged, tmp_path / "alone.safetensors")
    command = ["eval", "--backbone", "squeezenet1_1", "--point", "early", "--sample", "--protocol", "quick", "--json"]
    assert run([*command, "--weights", str(path)]) == 2
    assert "Choose with checkpoint.pth::state_dict or checkpoint.pth::state_dict_ema.module" in capsys.readouterr().err
    found = []
    for weights in (f"{path}::state_dict_ema", str(tmp_path / "alone.safetensors")):
        assert run([*command, "--weights", weights, "--force"]) == 0
        (record,) = json.loads(capsys.readouterr().out)
        found.append((record["scores"]["2afc"]["value"], record["key"]["weights_sha256"]))
        assert record["weights_source"] in ("checkpoint.pth::state_dict_ema.module", "alone.safetensors")
    assert found[0] == found[1]


def test_distances_that_are_no_numbers_are_refused(results: Path, tmp_path: Path, capsys: Capture) -> None:
    weights = build_random(default_registry().backbone("squeezenet1_1")).state_dict()
    weights["features.0.weight"][0, 0, 0, 0] = torch.nan
    save_file(weights, tmp_path / "nan.safetensors")
    network = ["--backbone", "squeezenet1_1", "--weights", str(tmp_path / "nan.safetensors"), "--point", "early"]
    assert run(["eval", "--sample", "--protocol", "quick", *network]) == 1
    assert "squeezenet1_1:early gave distances that are not finite numbers" in capsys.readouterr().err
    assert not [path for path in results.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        (["--weights", "nowhere.pth"], 1, "There is no weights file nowhere.pth"),
        (["--distance", "spatal"], 2, "Did you mean 'spatial'"),
        (["--engine", "fast"], 2, "No engine is named 'fast'"),
    ],
)
def test_what_can_be_known_is_said_before_data_are_fetched(
    wrong: list[str], code: int, says: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: Any, **__: Any) -> None:
        raise AssertionError("data were fetched first")

    monkeypatch.setattr("lnkit.data.fetch.datasets.ensure_dataset", fetch)
    assert run(["eval", "--backbone", "squeezenet1_1", *wrong]) == code
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("below", ["", "below"])
def test_results_that_cannot_be_kept_are_said(below: str, tmp_path: Path, capsys: Capture) -> None:
    """A file in the way stands in for a folder closed to us, which no folder is to root."""
    (tmp_path / "file").write_text("mine")
    elsewhere = ["--results", str(tmp_path / "file" / below)]
    assert run([*PIXEL, "--protocol", "quick", *elsewhere]) in (1, 2)
    said = capsys.readouterr().err
    assert str(tmp_path / "file") in said
    assert "Error:" in said
    assert "[Errno" not in said
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.slow
def test_a_run_leaves_nothing_on_stderr_when_it_ends(tmp_path: Path) -> None:
    """Libraries that look for leaks at the exit find none, whatever the engine."""
    command = ["eval", "--backbone", "pixel", "--sample", "--engine", "inductor", "--set", "per_family=3"]
    done = subprocess.run(
        [sys.executable, "-m", "lnkit", *command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "leaked" not in done.stderr
