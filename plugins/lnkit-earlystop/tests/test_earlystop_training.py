"""Trainings from data to checkpoints: exact resume, scores, averages, several processes, checkpoints as backbones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from earlystopdata import CLASSES, make_folders, make_judgments
from safetensors.torch import load_file, save_file

import lnkit
from lnkit.datasets.labelled import LabelledData, open_labelled
from lnkit.plugins.load import load_registry
from lnkit.progress import SilentProgress
from lnkit_earlystop import checkpoints, history
from lnkit_earlystop.backbones import trained_backbones
from lnkit_earlystop.checkpoints import checkpoints_in, read_header, read_network
from lnkit_earlystop.distributed import World
from lnkit_earlystop.networks.architecture import parse
from lnkit_earlystop.perceptual_score import PerceptualScorer
from lnkit_earlystop.recipes import EFFICIENTNET, RESNET, VIT_B_8, Recipe
from lnkit_earlystop.run import TrainingRequest, TrainingRun, train_classifier
from lnkit_earlystop.weight_average import AveragedNetwork

QUICK = replace(RESNET, epochs=4, lr=0.4)  # at batches of 12: .019
NETWORK = "resnet3_w0.125_32"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> LabelledData:
    root = tmp_path_factory.mktemp("images")
    return open_labelled(make_folders(root / "data"), 32, root / "cache", SilentProgress())


def request(recipe: Recipe = QUICK, name: str = NETWORK, every: int = 3, **changes: object) -> TrainingRequest:
    return replace(TrainingRequest(parse(name), recipe, 12, every, seed=0, device="cpu"), **changes)  # type: ignore[arg-type]


def trained_in(
    folder: Path, data: LabelledData, training: TrainingRequest | None = None, scorer: PerceptualScorer | None = None
) -> TrainingRun:
    return train_classifier(training or request(), data, folder, scorer, SilentProgress(), World())


def tensors(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {file.name: load_file(file) for file, _ in checkpoints_in(folder)}


def test_a_network_learns(data: LabelledData, tmp_path: Path) -> None:
    run = trained_in(tmp_path / "run", data, request(replace(QUICK, epochs=20), every=12))
    assert [row["step"] for row in run.rows] == [12, 24, 36, 48, 60]
    assert run.rows[-1]["top1"] == 100
    assert run.rows[-1]["validation_loss"] < run.rows[0]["validation_loss"]
    assert run.rows[-1]["epoch"] == pytest.approx(20)
    ranking = history.read_ranking(tmp_path / "run")
    assert sorted(ranking) == list(CLASSES)
    assert run.best is None  # nobody judged it


@pytest.mark.parametrize(
    ("recipe", "name"),
    [
        (QUICK, NETWORK),
        (replace(EFFICIENTNET, epochs=2, dropout=0.2, noise=0.1, autoaugment=True), "resnet3_w0.125_32"),
        (replace(VIT_B_8, epochs=2), "vit_b_8_d1_w0.1_32"),
    ],
)
def test_a_killed_training_ends_with_the_same_bits(
    recipe: Recipe, name: str, data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = request(recipe, name, every=2)
    trained_in(tmp_path / "whole", data, training)
    kept = history.write_scores
    calls = []

    def interrupted(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        kept(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(history, "write_scores", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained_in(tmp_path / "killed", data, training)
    trained_in(tmp_path / "killed", data, training)
    whole, killed = tensors(tmp_path / "whole"), tensors(tmp_path / "killed")
    assert whole.keys() == killed.keys()
    for file, expected in whole.items():
        assert expected.keys() == killed[file].keys()
        assert all(torch.equal(expected[key], killed[file][key]) for key in expected), file
    assert (tmp_path / "whole/checkpoints.csv").read_text() == (tmp_path / "killed/checkpoints.csv").read_text()


def test_a_finished_training_is_found_again(data: LabelledData, tmp_path: Path) -> None:
    trained_in(tmp_path, data)
    before = {file: file.stat().st_mtime_ns for file, _ in checkpoints_in(tmp_path)}
    trained_in(tmp_path, data)
    assert {file: file.stat().st_mtime_ns for file, _ in checkpoints_in(tmp_path)} == before


def test_another_training_is_not_overwritten(data: LabelledData, tmp_path: Path) -> None:
    trained_in(tmp_path, data)
    with pytest.raises(lnkit.DataError, match=r"another training: expected recipe\.weight_decay 0.5, got 0.0001\."):
        trained_in(tmp_path, data, request(replace(QUICK, weight_decay=0.5)))


def test_stopping_early_keeps_the_schedule(data: LabelledData, tmp_path: Path) -> None:
    trained_in(tmp_path / "all", data, request(every=3))
    run = trained_in(tmp_path / "some", data, request(every=3, stop_after=2.0))
    assert [row["step"] for row in run.rows] == [3, 6]
    some, everything = tensors(tmp_path / "some"), tensors(tmp_path / "all")
    assert all(torch.equal(tensor, everything[file][key]) for file in some for key, tensor in some[file].items())


def test_scores_are_those_of_lnkit_eval(data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judgments = make_judgments(tmp_path / "judgments")
    scorer = PerceptualScorer(judgments, tmp_path / "run/results", "cpu")
    training = request(replace(QUICK, noise=0.1), every=6)
    run = trained_in(tmp_path / "run", data, training, scorer)
    assert {"ps_spatial", "ps_mean_pool", "ps_style"} <= set(run.rows[0])
    assert run.best == max(run.rows, key=lambda row: (row["ps_spatial"], -row["step"]))
    assert (tmp_path / "run/curves.png").is_file()
    best = read_header(tmp_path / "run/best.safetensors")
    assert best.step == run.best["step"]
    unscored = trained_in(tmp_path / "unscored", data, training)
    losses = [[row["validation_loss"] for row in one.rows] for one in (run, unscored)]
    assert losses[0] == losses[1]  # judging changes no training

    monkeypatch.setenv("LNKIT_EARLYSTOP", str(tmp_path / "run"))
    assert [spec.name for spec in trained_backbones()] == [f"{NETWORK}@step6", f"{NETWORK}@step12", f"{NETWORK}@best"]
    from lnkit.evaluation.python_api import default_registry

    default_registry.cache_clear()
    try:
        (finished,) = lnkit.evaluate(
            f"{NETWORK}@step6", "stage1", data=judgments, results=tmp_path / "own", device="cpu"
        )
    finally:
        default_registry.cache_clear()
    assert 100 * finished.record.scores["2afc"].value == pytest.approx(run.rows[0]["ps_spatial"])


def test_checkpoints_of_two_runs_with_one_name(
    data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second run"):
        trained_in(tmp_path / name, data, request(every=12))
    monkeypatch.setenv("LNKIT_EARLYSTOP", os.pathsep.join(str(tmp_path / name) for name in ("first", "second run")))
    assert [spec.name for spec in trained_backbones()] == [f"{NETWORK}@first.step12", f"{NETWORK}@second_run.step12"]
    monkeypatch.setenv("LNKIT_EARLYSTOP", str(tmp_path))  # a folder of both
    assert [spec.name for spec in trained_backbones()] == [f"{NETWORK}@first.step12", f"{NETWORK}@second_run.step12"]
    monkeypatch.setenv("LNKIT_EARLYSTOP", str(tmp_path / "first"))
    assert [spec.name for spec in trained_backbones()] == [f"{NETWORK}@step12"]


def test_runs_in_a_configuration_file(
    data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trained_in(tmp_path / "run", data, request(every=12))
    monkeypatch.delenv("LNKIT_EARLYSTOP", raising=False)
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "config")
    (tmp_path / "config").mkdir()
    file = tmp_path / "config/earlystop.toml"
    file.write_text(f"runs = [{json.dumps(str(tmp_path / 'run'))}]\n")
    assert [spec.name for spec in trained_backbones()] == [f"{NETWORK}@step12"]
    run = json.dumps(str(tmp_path / "run"))
    for text, said in (
        ("runs = 3", "earlystop.toml cannot be read (runs is 3)"),
        ("runs = [", "earlystop.toml cannot be read"),
        ('runs = ["a\\u0000b"]', "earlystop.toml cannot be read"),
        (f"runs = {'[' * 5000}", "earlystop.toml cannot be read"),
        (f'runs = ["/nowhere/at/all", {run}]', "got /nowhere/at/all, which cannot be used (No such file or directory)"),
        (f'runs = ["~nobody-of-this-name/x", {run}]', "There is no home folder for '~nobody-of-this-name/x'"),
    ):
        caplog.clear()
        file.write_text(text)
        assert [spec.name for spec in trained_backbones()] == [f"{NETWORK}@step12"] * ("run" in text.partition(",")[2])
        assert said in caplog.text
    file.unlink()
    os.mkfifo(file)
    assert list(trained_backbones()) == []
    assert "got a FIFO" in caplog.text


def test_a_user_without_a_home_folder_has_all_other_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_entry(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr("pwd.getpwuid", no_entry)
    for name in ("HOME", "XDG_CONFIG_HOME", "LNKIT_EARLYSTOP"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError):
        Path("~").expanduser()
    assert list(trained_backbones()) == []
    registry = load_registry(strict=True)
    assert any(name.endswith("@tiny60") for name in registry.backbones)


def test_a_damaged_checkpoint_takes_no_other_along(
    data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trained_in(tmp_path, data, request(every=6))
    (first, _), (second, _) = checkpoints_in(tmp_path)
    first.write_bytes(first.read_bytes()[:100])
    monkeypatch.setenv("LNKIT_EARLYSTOP", str(tmp_path))
    assert [spec.name for spec in trained_backbones()] == [f"{NETWORK}@step12"]
    assert f"The header of {first} is damaged" in caplog.text
    caplog.clear()
    registry = load_registry()
    assert f"{NETWORK}@step12" in registry.backbones
    assert "stage1" in registry.points_at(f"{NETWORK}@step12")
    assert caplog.text.count(str(first)) == 1
    assert second.is_file()


def test_checkpoints_are_what_they_say(data: LabelledData, tmp_path: Path) -> None:
    trained_in(tmp_path, data, request(every=12))
    ((file, header),) = checkpoints_in(tmp_path)
    assert (header.architecture, header.classes, header.step, header.data) == (NETWORK, 3, 12, data.sha256)
    assert json.loads(header.recipe)["lr"] == 0.4
    network = read_network(file)
    assert all(torch.equal(tensor, load_file(file)[key]) for key, tensor in network.state_dict().items())


def test_strange_checkpoints_are_refused(data: LabelledData, tmp_path: Path) -> None:
    trained_in(tmp_path, data, request(every=12))
    ((file, header),) = checkpoints_in(tmp_path)
    metadata = {"format": checkpoints.FORMAT} | {name: str(getattr(header, name)) for name in header.__slots__}
    other = tmp_path / "other.safetensors"
    save_file(load_file(file), other, metadata=metadata | {"architecture": "resnet4_w0.125_32"})
    with pytest.raises(lnkit.WeightsError, match="another depth or width"):
        read_network(other)
    save_file(load_file(file), other)
    with pytest.raises(lnkit.WeightsError, match="Expected a checkpoint of `lnkit earlystop train`"):
        read_header(other)
    other.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(lnkit.WeightsError, match=r"is damaged .*Copy it again"):
        read_network(other)
    other.write_bytes(b"nonsense")
    with pytest.raises(lnkit.WeightsError, match="is damaged"):
        read_header(other)


def test_the_average_is_a_weighted_sum() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    averaged = AveragedNetwork(network, 0.9)
    expected = network.weight.item()
    for step in range(1, 30):
        torch.nn.init.constant_(network.weight, step)
        averaged.update(step)
        averaged.update(step)  # once for each step
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    one = torch.ones(1, 1)
    assert averaged.eval()(one).item() == pytest.approx(expected)
    assert averaged.train()(one).item() == 29


@pytest.mark.slow
def test_two_processes_train_as_one_does(data: LabelledData, tmp_path: Path) -> None:
    """Without batch norm and dropout, half batches on two processes make the step of the whole batch."""
    words = ["vit_b_8_d1_w0.1_32", "--data", str(make_folders(tmp_path / "data")), "--epochs", "2", "--dropout", "0"]
    words += ["--batch-size", "12", "--checkpoint-every", "3", "--no-ps", "--device", "cpu"]
    launchers = {"one": [], "two": ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]}
    for name, launcher in launchers.items():
        command = [sys.executable, "-m", *launcher, "lnkit", "earlystop", "train", *words, "--output", tmp_path / name]
        variables = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=variables)
        assert done.returncode == 0, done.stderr
    one, two = tensors(tmp_path / "one"), tensors(tmp_path / "two")
    assert one.keys() == two.keys() == {"step-0000003.safetensors", "step-0000006.safetensors"}
    for file, expected in one.items():
        for key, tensor in expected.items():
            torch.testing.assert_close(two[file][key], tensor, rtol=1e-3, atol=1e-5)


def test_the_launchers_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    assert World.from_environment() == World()
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(lnkit.UsageError, match="WORLD_SIZE"):
        World.from_environment()
    assert World(1, 2).share(5) == slice(1, None, 2)
    with pytest.raises(lnkit.UsageError, match="larger --batch-size"):
        World(0, 4).share(3)


def header_of(changes: dict[str, object]) -> bytes:
    """A safetensors file without tensors whose header is that of a checkpoint, changed."""
    metadata = {
        "format": checkpoints.FORMAT, "architecture": NETWORK, "classes": "3", "step": "6", "epoch": "1.0",
        "top1": "0.5", "data": "ab", "seed": "0", "batch_size": "12", "recipe": "{}",
    }  # fmt: skip
    text = json.dumps({"__metadata__": metadata | changes}).encode()
    return len(text).to_bytes(8, "little") + text


DAMAGED_HEADERS = {
    "empty": b"", "cut": header_of({})[:40], "no JSON": b"\x04" + bytes(7) + b"abcd",
    "no UTF-8": b"\x02" + bytes(7) + b"\xff\xff",
    "long": b"\xff" * 8 + b"{}", "deep": (200_000).to_bytes(8, "little") + b"[" * 200_000,
    "a list": b"\x02" + bytes(7) + b"[]",
    "architecture": header_of({"architecture": "evil"}), "no text": header_of({"architecture": [1]}),
    "step": header_of({"step": "9" * 5000}), "step below 0": header_of({"step": "-1"}),
    "NaN": header_of({"top1": "nan"}),
    "classes": header_of({"classes": "0"}), "half a character": header_of({"data": "\ud800"}),
}  # fmt: skip


@pytest.mark.parametrize("damage", [*DAMAGED_HEADERS, "FIFO", "folder", "dangling"])
def test_a_damaged_checkpoint_is_named_and_passed_over(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    file = folder / "step-0000001.safetensors"
    if damage == "FIFO":
        os.mkfifo(file)
    elif damage == "folder":
        file.mkdir()
    elif damage == "dangling":
        file.symlink_to("nowhere")
    else:
        file.write_bytes(DAMAGED_HEADERS[damage])
    (folder / "step-0000006.safetensors").write_bytes(header_of({}))
    monkeypatch.setenv("LNKIT_EARLYSTOP", str(tmp_path))
    assert [spec.name for spec in trained_backbones()] == [f"{NETWORK}@step6"]
    assert str(file) in caplog.text


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", "[" * 100_000, '{"ps_spatial": NaN}', '{"ps_spatial": "x"}', '{"ps_spatial": 1e999}',
             '{"ps_spatial": {}}', '{"a": 1' + "0" * 400 + "}", "\ufeff", "\x00", "FIFO"], ids=lambda text: text[:20]
)  # fmt: skip
def test_damaged_scores_are_named_and_count_as_none(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "step-0000006.json"
    assert history.read_scores(file.with_suffix(".safetensors")) == {}
    assert caplog.text == ""
    if text == "FIFO":
        os.mkfifo(file)
    else:
        file.write_text(text)
    assert history.read_scores(file.with_suffix(".safetensors")) == {}
    assert str(file) in caplog.text


def test_scores_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    file = tmp_path / "step-0000006.safetensors"
    history.write_scores(file, {"validation_loss": float("nan"), "ps_spatial": 60.5, "other": float("inf")})
    assert json.loads(file.with_suffix(".json").read_text(), parse_constant=pytest.fail) == {"ps_spatial": 60.5}
    assert history.read_scores(file) == {"ps_spatial": 60.5}


def test_a_ranking_keeps_the_names_of_classes_and_no_cell_is_a_formula(tmp_path: Path) -> None:
    names = ("=1+1", "-x", "@a", "'=b", "a,b", 'q"r', "plain")
    history.write_class_accuracy(names, [i / 10 for i in range(len(names), 0, -1)], tmp_path / "class_accuracy.csv")
    assert history.read_ranking(tmp_path) == names
    lines = (tmp_path / "class_accuracy.csv").read_text().splitlines()
    assert not any(line.lstrip('"').startswith(("=", "-", "@")) for line in lines)
    for text in ("class,top1\n" + "x" * 200_000, ""):
        (tmp_path / "class_accuracy.csv").write_text(text)
        with pytest.raises(lnkit.UsageError, match=r"class_accuracy\.csv"):
            history.read_ranking(tmp_path)
    (tmp_path / "class_accuracy.csv").unlink()
    os.mkfifo(tmp_path / "class_accuracy.csv")
    with pytest.raises(lnkit.UsageError, match="FIFO"):
        history.read_ranking(tmp_path)
