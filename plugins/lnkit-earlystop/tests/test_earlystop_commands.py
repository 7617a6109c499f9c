"""`lnkit earlystop` as it is used: train, score, sweep, and wrong usage."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from earlystopdata import make_folders, make_judgments
from safetensors.torch import load_file
from scipy import stats
from warm_process import Environment, WarmProcess

from lnkit.cli import run
from lnkit_earlystop.cli import COMMANDS, earlystop
from lnkit_earlystop.networks.architecture import parse
from lnkit_earlystop.sweeps.hyperparameters import HYPERPARAMETERS, command_words, sweep_values

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


def stamps(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in sorted(folder.glob("**/checkpoints/*.safetensors"))}


def test_a_sweep_finds_an_optimum_and_goes_on(lnkit: Lnkit, images: Path, judgments: Path, tmp_path: Path) -> None:
    words = ["--data", images, "--epochs", "1", "--batch-size", "12", "--checkpoint-every", "2", "--devices", "cpu"]
    words += ["--ps-data", judgments, "--output", tmp_path]
    done = lnkit("earlystop", "sweep", "width", NETWORK, *words, "--values", "0.125,0.25")
    table = rows(tmp_path / "sweep.csv")
    assert [row["value"] for row in table] == ["0.125", "0.25"]
    assert "best_ps_se" not in table[0]
    assert (tmp_path / "width-0.25-seed0/checkpoints.csv").is_file()
    assert done.stdout.count("best\n") == 1
    before = stamps(tmp_path)
    lnkit("earlystop", "sweep", "width", NETWORK, *words, "--values", "0.25", "--repeats", "2")
    assert before.items() <= stamps(tmp_path).items()
    (row,) = rows(tmp_path / "sweep.csv")
    assert (row["value"], row["trainings"]) == ("0.25", "2")
    last = [rows(tmp_path / f"width-0.25-seed{seed}/checkpoints.csv")[-1] for seed in (0, 1)]
    scores = [float(checkpoint["ps_spatial"]) for checkpoint in last]
    assert float(row["last_ps"]) == pytest.approx(np.mean(scores))
    assert float(row["last_ps_se"]) == pytest.approx(stats.sem(scores))
    weights = [load_file(file) for file in stamps(tmp_path) if "width-0.25" in str(file)]
    assert not torch.equal(weights[0]["classifier.weight"], weights[-1]["classifier.weight"])
    for figure in ("accuracy_ps.png", "hyperparameter.png"):
        assert (tmp_path / figure).read_bytes().startswith(b"\x89PNG")


def test_a_failed_training_of_a_sweep_is_named(lnkit: Lnkit, images: Path, tmp_path: Path) -> None:
    words = ["--data", images, "--epochs", "1", "--batch-size", "12", "--devices", "cpu", "--output", tmp_path]
    done = lnkit("earlystop", "sweep", "classes_random", NETWORK, *words, "--values", "2,9", code=1)
    assert "1 of 2 trainings failed (classes_random 9:" in done.stderr
    assert "Expected a number of classes from 2 to 3, got 9" in done.stderr
    assert (tmp_path / "classes_random-2-seed0/checkpoints.csv").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "resnet1"], "2 to 200"),
        (["train", "resnet6", "--classes-by", "top"], "needs --classes and --class-ranking"),
        (["sweep", "classes_top", "resnet6"], "A sweep over classes_top needs --class-ranking"),
        (["sweep", "autoaugment", "resnet6", "--values", "maybe"], "such as no, yes, got 'maybe'"),
        (["sweep", "width", "resnet6", "--values", "wide"], "Expected a value of width, such as .*, got 'wide'"),
        (["sweep", "depth", "efficientnet_b0", "--values", "0"], "a depth above 0"),
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
    for architecture in map(parse, ("resnet6", "vit_b_8", "vit_l_4", "efficientnet_b5")):
        for name in HYPERPARAMETERS.keys() - ({"skip"} if architecture.family != "resnet" else set()):
            for value in sweep_values(name, architecture):
                assert parse(command_words(name, value, architecture)[0])
    assert command_words("depth", "0.5", parse("efficientnet_b0")) == ["efficientnet_b0_d0.5_64"]
    assert command_words("width", "0.5", parse("efficientnet_b5")) == ["efficientnet_b5_w0.5_64"]
    assert command_words("central_crop", "random", parse("resnet6")) == ["resnet6_64"]
    assert command_words("central_crop", "1", parse("resnet6")) == ["resnet6_64", "--central-crop", "1"]
    assert command_words("autoaugment", "no", parse("resnet6")) == ["resnet6_64", "--no-autoaugment"]
    assert command_words("depth", "6", parse("vit_b_8")) == ["vit_b_8_d6_64"]
    assert command_words("skip", "no", parse("resnet50")) == ["resnet50_noskip_64"]
    assert command_words("classes_top", "10", parse("resnet6"))[1:] == ["--classes", "10", "--classes-by", "top"]


def test_sweeps_have_the_values_of_the_paper() -> None:
    resnet, vit = parse("resnet6"), parse("vit_b_8")
    assert set(map(float, sweep_values("noise", resnet))) == {0, 0.1, 0.2, 0.5, 1.0}  # App. G, and none
    for name in ("classes_random", "classes_top", "classes_bottom"):  # 8.4 and App. E: from 50 to 900
        assert [int(sweep_values(name, resnet)[i]) for i in (0, -1)] == [50, 900]
    depths = set(map(int, sweep_values("depth", resnet)))  # section 5: 2 to 10; section 4: 6 to 200
    assert {2, 3, 6, 10, 18, 50, 200} <= depths
    assert (min(depths), max(depths)) == (2, 200)
    assert {"0.25", "1"} <= set(sweep_values("width", resnet))  # the best of section 6
    assert {"0.06", "0.12"} <= set(sweep_values("width", vit))
    assert "2" in sweep_values("depth", vit)
    assert sweep_values("noise", resnet, ["3", "3", "4"]) == ["3", "4"]
