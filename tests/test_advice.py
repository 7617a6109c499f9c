"""Advice: the ranks behind it against pandas, what it says when the data carry no answer, and that it comes at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import make_record
from scipy.stats import friedmanchisquare

from lnkit.analysis.advice import Advice, Constraints, advise, kendalls_w
from lnkit.analysis.gathering import gather
from lnkit.analysis.rankings import loss_network_ranks
from lnkit.cli import cli
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord

NONE = Constraints()
MAIN = "from lnkit.cli import main; main()"


def published(task: str, constraints: Constraints = NONE) -> Advice:
    (advice,) = advise(gather(origin="published"), task, constraints)
    return advice


def own(folder: Path, *records: RunRecord) -> Advice:
    for record in records:
        ResultsFolder(folder).write(record, {})
    (advice,) = advise(gather(folder, "own"), "bapps", NONE)
    return advice


def test_the_order_is_that_of_the_mean_ranks() -> None:
    frame = gather(origin="published").frame()
    ranks = loss_network_ranks(frame[frame.benchmark == "superres"]).groupby("loss_network")["rank"].mean()
    advice = published("superres")
    assert {one.loss_network: one.mean_rank for one in advice.candidates} == pytest.approx(ranks.to_dict())
    assert advice.answer == ranks.idxmin() == "squeezenet1_1:early"
    assert "12 scores of 56 loss networks" in advice.grounds[0]


def test_constraints_leave_out_and_say_so() -> None:
    advice = published("superres", Constraints(flops_below=2e9, flags={"batch_norm": False}))
    assert {one.loss_network.split(":")[0] for one in advice.candidates} <= {
        "vgg11", "vgg16", "vgg19", "alexnet", "squeezenet1_1",
    }  # fmt: skip
    assert all((one.point_flops or 0) < 2e9 for one in advice.candidates)
    assert sum(int(text.split()[0]) for text in advice.excluded) + len(advice.candidates) == 56
    assert any("batch norm" in text for text in advice.excluded)
    families = published("2afc", Constraints(families=("VGG",), points=("late",)))
    assert len(families.candidates) == 4


def test_what_is_not_in_doubt_and_what_is() -> None:
    assert published("2afc").answer
    delineation = published("delineation")
    assert delineation.answer == ""
    assert any("running sum" in text and "lnkit eval" in text for text in delineation.grounds)
    nothing = published("superres", Constraints(flops_below=10))
    assert (nothing.answer, nothing.candidates) == ("", ())
    few = published("superres", Constraints(backbones=("vgg11",), points=("early", "late")))
    assert few.answer == ""
    assert any("too little to compare" in text for text in few.grounds)


def test_own_results(tmp_path: Path) -> None:
    records = [make_record(value, backbone=name) for name, value in (("a", 0.70), ("b", 0.60), ("c", 0.65))]
    advice = own(tmp_path, *records)
    assert [one.loss_network for one in advice.candidates] == ["a:mid", "c:mid", "b:mid"]
    assert advice.answer == "a:mid"
    assert any("in 1 of 1 scores" in text for text in advice.grounds)  # intervals of .01 on each side


def test_results_of_cut_down_protocols_carry_no_answer(tmp_path: Path) -> None:
    advice = own(tmp_path, *[make_record(0.5, backbone=name, variant="quick") for name in "abc"])
    assert advice.answer == ""


def test_one_record_only(tmp_path: Path) -> None:
    assert own(tmp_path, make_record()).answer == ""


def test_both_are_told_apart(tmp_path: Path) -> None:
    ResultsFolder(tmp_path).write(make_record(), {})
    settings = [one.setting for one in advise(gather(tmp_path), "bapps", NONE)]
    assert len(settings) == 2
    assert settings[1] == "published"


@pytest.mark.parametrize(
    "judges", [[[1, 2, 3, 4], [1, 2, 3, 4]], [[1, 2, 3, 4], [4, 3, 2, 1]], [[1, 2.5, 2.5, 4], [2, 1, 3, 4]]]
)
def test_kendalls_w_is_friedmans_statistic(judges: list[list[float]]) -> None:
    ours = kendalls_w([dict(zip("abcd", map(float, one), strict=True)) for one in judges])
    third = [*judges, judges[0]]  # scipy wants three
    w = kendalls_w([dict(zip("abcd", map(float, one), strict=True)) for one in third])
    by_items = list(zip(*third, strict=True))
    assert w == pytest.approx(friedmanchisquare(*by_items).statistic / (3 * 3))
    assert 0 <= ours <= 1


def test_the_command(tmp_path: Path) -> None:
    arguments = [
        "recommend",
        "--task",
        "superres",
        "--flops-below",
        "2G",
        "--no-batch-norm",
        "--results",
        str(tmp_path),
    ]
    said = CliRunner().invoke(cli, arguments)
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("superres, published: squeezenet1_1:early")
    assert "Kendall's W" in said.stdout
    (answer,) = json.loads(CliRunner().invoke(cli, [*arguments, "--json", "--top", "2"]).stdout)
    assert answer["answer"] == "squeezenet1_1:early"
    assert len(answer["candidates"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "superress"], "Did you mean 'superres'"),
        (["--task", "superres", "--flops-below", "few"], "is no amount"),
        (["--task", "superres", "--flops-below", "-1"], "is no amount"),
        ([], "Missing option '--task'"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "recommend", "--results", str(tmp_path), *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr


def test_it_waits_for_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from lnkit.cli import run; "
        f"code = run(['recommend', '--task', 'superres', '--results', {str(tmp_path)!r}]); "
        "print(code, sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    last = done.stdout.splitlines()[-1]
    assert last.startswith("0 ")
    for name in ("torch", "numpy", "pandas", "scipy", "altair", "rich"):
        assert f"'{name}'" not in last
