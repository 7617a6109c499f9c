"""`lnkit earlystop` as it is used: train, score, sweep, and wrong usage."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from earlystopdata import make_folders, make_judgments
from warm_process import Environment, WarmProcess

from lnkit.cli import run
from lnkit_earlystop.cli import COMMANDS, earlystop
from lnkit_earlystop.networks.architecture import parse
from lnkit_earlystop.sweeps.hyperparameters import HYPERPARAMETERS, command_words

Lnkit = Callable[..., subprocess.CompletedProcess[str]]
NETWORK = "resnet3_w0.125_32"


@pytest.fixture
def lnkit(warm_process: WarmProcess, tmp_path: Path) -> Lnkit:
    """Run a command of lnkit in a process, and expect its exit code."""

    def call(*words: str | Path, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = Environment.current(OMP_NUM_THREADS="1", **variables)
        done = warm_process.lnkit([*map(str, words)], tmp_path, environment)
        assert done.returncode == code, done.stderr
        return done

    return call


def rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text().splitlines()))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folders(tmp_path_factory.mktemp("images") / "data")


@pytest.fixture(scope="module")
def judgments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_judgments(tmp_path_factory.mktemp("judgments"))


def test_train_score_and_use(lnkit: Lnkit, images: Path, judgments: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["--data", images, "--epochs", "2", "--batch-size", "12", "--checkpoint-every", "3", "--device", "cpu"]
    done = lnkit("earlystop", "train", NETWORK, *words, "--output", out)
    assert "there are no human judgments" in done.stderr
    assert f"Run: {out}" in done.stdout
    assert "ps_spatial" not in rows(out / "checkpoints.csv")[0]
    scored = lnkit("earlystop", "score", out, "--ps-data", judgments, "--device", "cpu")
    assert "best" in scored.stdout
    assert {float(row["ps_spatial"]) <= 100 for row in rows(out / "checkpoints.csv")} == {True}
    assert (out / "best.safetensors").is_file()
    assert (out / "accuracy_ps.png").read_bytes().startswith(b"\x89PNG")
    listed = lnkit("list-backbones", "--json", LNKIT_EARLYSTOP=str(out))
    assert f'"{NETWORK}@step3"' in listed.stdout
    shown = lnkit(
        "eval", "--backbone", f"{NETWORK}@step6", "--point", "stage1", "--data", judgments, "--device", "cpu",
        LNKIT_EARLYSTOP=str(out),
    )  # fmt: skip
    value = float(rows(out / "checkpoints.csv")[1]["ps_spatial"]) / 100
    assert f"{value:.4f}" in shown.stdout


def test_another_training_needs_force(lnkit: Lnkit, images: Path, tmp_path: Path) -> None:
    words = ["earlystop", "train", NETWORK, "--data", images, "--batch-size", "12", "--checkpoint-every", "2"]
    words += ["--no-ps", "--device", "cpu", "--output", tmp_path, "--epochs"]
    lnkit(*words, "2")
    assert "expected recipe.epochs 1.0, got 2.0" in lnkit(*words, "1", code=1).stderr
    lnkit(*words, "1", "--force")
    assert [row["step"] for row in rows(tmp_path / "checkpoints.csv")] == ["2", "3"]


def test_a_sweep_finds_an_optimum_and_goes_on(lnkit: Lnkit, images: Path, judgments: Path, tmp_path: Path) -> None:
    words = ["--data", images, "--epochs", "1", "--batch-size", "12", "--checkpoint-every", "2", "--devices", "cpu"]
    words += ["--ps-data", judgments, "--output", tmp_path]
    done = lnkit("earlystop", "sweep", "width", NETWORK, *words, "--values", "0.125,0.25")
    table = rows(tmp_path / "sweep.csv")
    assert [row["value"] for row in table] == ["0.125", "0.25"]
    assert (tmp_path / "width-0.25/checkpoints.csv").is_file()
    assert done.stdout.count("best\n") == 1
    assert (tmp_path / "accuracy_ps.png").is_file()
    before = (tmp_path / "width-0.125/training.json").read_bytes()
    stamp = next((tmp_path / "width-0.125/checkpoints").glob("*.safetensors")).stat().st_mtime_ns
    lnkit("earlystop", "sweep", "width", NETWORK, *words, "--values", "0.125,0.25")
    assert (tmp_path / "width-0.125/training.json").read_bytes() == before
    assert next((tmp_path / "width-0.125/checkpoints").glob("*.safetensors")).stat().st_mtime_ns == stamp


def test_a_failed_training_of_a_sweep_is_named(lnkit: Lnkit, images: Path, tmp_path: Path) -> None:
    words = ["--data", images, "--epochs", "1", "--batch-size", "12", "--devices", "cpu", "--output", tmp_path]
    done = lnkit("earlystop", "sweep", "classes_random", NETWORK, *words, "--values", "2,9", code=1)
    assert "1 of 2 trainings failed (9:" in done.stderr
    assert "Expected a number of classes from 2 to 3, got 9" in done.stderr
    assert (tmp_path / "classes_random-2/checkpoints.csv").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "resnet1"], "2 to 200"),
        (["train", "resnet6", "--classes-by", "top"], "needs --classes and --class-ranking"),
        (["sweep", "classes_top", "resnet6"], "needs numbers of classes, such as --values"),
        (["sweep", "width", "resnet6", "--values", "wide"], "Expected a value of width, such as .*, got 'wide'"),
        (["sweep", "depth", "efficientnet_b0", "--values", "6"], "b0 to b5|There is no architecture"),
        (["train", "resnet6", "--dropout", "1"], "--dropout"),
    ],
)
def test_wrong_usage(words: list[str], said: str, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import re

    assert run(["earlystop", *words, "--data", str(images)]) == 2
    assert re.search(said, capsys.readouterr().err)


def test_a_folder_without_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["earlystop", "score", str(tmp_path)]) == 2
    assert "Expected the folder of a run of `lnkit earlystop train`" in capsys.readouterr().err


def invoke(*words: str) -> Result:
    return CliRunner().invoke(earlystop, list(words))


def test_help_says_what_the_table_says() -> None:
    for name, (_, line) in COMMANDS.items():
        shown = invoke(name, "--help")
        assert shown.exit_code == 0
        assert line in invoke("--help").output or line[:40] in invoke("--help").output


def test_help_does_without_torch() -> None:
    code = (
        "import sys; from lnkit.cli import run; run(['earlystop', 'train', '--help']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_values_of_all_sweeps_can_be_trained() -> None:
    for name, hyperparameter in HYPERPARAMETERS.items():
        for value in hyperparameter.values:
            words = command_words(name, value, parse("resnet6"))
            assert parse(words[0])
    assert command_words("depth", "6", parse("vit_b_8")) == ["vit_b_8_d6_64"]
    assert command_words("skip", "no", parse("resnet50")) == ["resnet50_noskip_64"]
    assert command_words("classes_top", "10", parse("resnet6"))[1:] == ["--classes", "10", "--classes-by", "top"]
