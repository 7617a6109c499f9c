"""Recommendations: ranks and counts against pandas and exact decimals, data without an answer, start-up."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from helpers import make_record
from scipy.stats import friedmanchisquare, rankdata, spearmanr

from lnkit.analysis.collect import gather
from lnkit.analysis.published.frames import computed_point_attributes, performance_scores, read_rows
from lnkit.analysis.rankings import loss_network_ranks
from lnkit.analysis.recommend.constraints import Constraints, amount
from lnkit.analysis.recommend.explanation import times
from lnkit.analysis.recommend.recommend import Recommendation, SettingRecommendation, recommendations
from lnkit.cli import cli
from lnkit.errors import UsageError
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord, ScoreRecord
from lnkit.stats.ranks import kendalls_w, tied_ranks

NONE = Constraints()
MAIN = "from lnkit.cli import main; main()"
HEAVY = ("torch", "numpy", "pandas", "scipy", "altair", "rich")
PARTIAL = ("partial: 10 triplets",)


def published(task: str, constraints: Constraints = NONE) -> SettingRecommendation:
    (result,) = recommendations(gather(origin="published"), [task], constraints)
    (advice,) = result.by_setting
    assert result.answer == advice.answer
    return advice


def write(folder: Path, *records: RunRecord) -> Path:
    for record in records:
        ResultsFolder(folder).write(record, {})
    return folder


def recommended(
    folder: Path, origin: str = "both", task: str = "bapps", constraints: Constraints = NONE
) -> Recommendation:
    (result,) = recommendations(gather(folder, origin), [task], constraints)
    return result


def several(count: int = 3, **changes: Any) -> list[RunRecord]:
    """The first of them is the best by .04, more than intervals of .02 leave open."""
    return [make_record(0.7 - 0.04 * i, backbone=f"net{i}", **changes) for i in range(count)]


def said(advice: SettingRecommendation) -> str:
    return " ".join((*advice.explanation, *advice.left_out))


# Ranks and counts


@pytest.mark.parametrize("task", ["superres", "bapps", "autoencoder", "delineation", "2afc", "x8_ssim_set14"])
def test_the_order_is_that_of_the_mean_ranks(task: str) -> None:
    frame = gather(origin="published").frame()
    found = loss_network_ranks(frame[(frame.benchmark == task) | (frame.score == task)])
    means = found.groupby("loss_network")["rank"].mean()
    advice = published(task)
    assert {one.loss_network: one.mean_rank for one in advice.candidates} == pytest.approx(means.to_dict())
    assert means[advice.candidates[0].loss_network] == means.min()
    wide = found.set_index(["loss_network", "score"])
    for one in advice.candidates:
        for score, rank in one.ranks.items():
            assert (rank, one.values[score]) == tuple(wide.loc[(one.loss_network, score), ["rank", "value"]])


def test_how_often_one_is_better_counts_printed_digits_exactly() -> None:
    values = {(row["backbone"], row["point"], row["score"]): Decimal(row["value"])
              for row in read_rows("performance_scores") if row["benchmark"] == "superres"}  # fmt: skip
    outcomes: Counter[str] = Counter()
    for score in {score for _, _, score in values}:
        gap = values["squeezenet1_1", "early", score] - values["vgg11", "early", score]
        step = Decimal("0.001") if "ssim" in score else Decimal("0.1")
        outcomes["tied" if abs(gap) <= step else "better" if gap > 0 else "worse"] += 1
    advice = published("superres")
    assert advice.answer == "squeezenet1_1:early"
    assert (
        f"Against vgg11:early, the next, by more than the last printed digit: better in {outcomes['better']}, worse in "
        f"{outcomes['worse']}, tied in {outcomes['tied']} of 12 scores."
    ) in advice.explanation


def test_how_often_it_is_the_best() -> None:
    frame = performance_scores().query("benchmark == 'superres'")
    best = frame.groupby("score").value.transform("max") == frame.value
    count = (best & (frame.backbone == "squeezenet1_1") & (frame.point == "early")).sum()
    assert f"alone or tied, in {count} of 12 scores" in said(published("superres"))


def test_a_difference_within_rounding_is_no_difference() -> None:
    advice = published("x4_psnr_set5")
    assert advice.rivals == ("resnet50:semi_early",)  # 31.0 after 31.1
    assert "by 0.1: no more than the last printed digit" in said(advice)
    assert published("2afc", Constraints(points=("late",))).rivals == ()


def test_where_scores_disagree_the_first_is_not_told_from_others() -> None:
    advice = published("bapps")
    frame = performance_scores().query("benchmark == 'bapps'").assign(name=lambda f: f.backbone + ":" + f.point)
    wide = frame.pivot_table(index="name", columns="score", values="value")
    gaps = (wide.loc[advice.answer] - wide).round(6)
    lead = ((gaps > 0.001).sum(axis=1) - (gaps < -0.001).sum(axis=1)).drop(advice.answer)
    assert set(advice.rivals) == set(lead[lead <= 0].index) != set()
    assert "It would not be first without jnd_map." in advice.explanation


def test_agreement_and_its_words() -> None:
    frame = performance_scores().query("benchmark == 'autoencoder'").assign(name=lambda f: f.backbone + ":" + f.point)
    wide = frame.pivot_table(index="name", columns="score", values="value")
    w = (spearmanr(wide.iloc[:, 0], wide.iloc[:, 1]).statistic + 1) / 2  # of two judges
    assert f"Kendall's W is {w:.2f}, and 0.50 by chance" in said(published("autoencoder"))


def test_several_tasks_count_alike_together() -> None:
    conclusions = recommendations(gather(origin="published"), ["bapps", "superres", "bapps"])
    assert [one.task for one in conclusions] == ["bapps", "superres", "bapps + superres"]
    frame = gather(origin="published").frame()
    found = loss_network_ranks(frame[frame.benchmark.isin(["bapps", "superres"])])
    means = found.groupby(["loss_network", "benchmark"])["rank"].mean().groupby("loss_network").mean()
    together = conclusions[-1].by_setting[0].candidates
    assert {one.loss_network: one.mean_rank for one in together} == pytest.approx(means.to_dict())
    assert set(together[0].values) >= {"bapps 2afc", "superres x4_psnr_set5"}


def test_a_doubtful_task_spoils_all_together() -> None:
    conclusions = recommendations(gather(origin="published"), ["bapps", "delineation"])
    assert [one.answer is None for one in conclusions] == [False, True, True]
    assert "--bench delineation`" in said(conclusions[-1].by_setting[0])


# Constraints


def test_constraints_against_pandas() -> None:
    advice = published("superres", Constraints(macs_below=2e9, flags={"batch_norm": False}))
    points = computed_point_attributes()
    plain = points.backbone.isin(["vgg11", "vgg16", "vgg19", "alexnet", "squeezenet1_1"])
    cheap = points.point_macs < 2e9
    allowed = points[plain & cheap]
    assert {one.loss_network for one in advice.candidates} == set(allowed.backbone + ":" + allowed.point)
    assert f"Left out for 'macs below 2 G': {(~cheap).sum()} of 56 loss networks." in advice.left_out
    assert f"Left out for 'no batch norm': {(~plain).sum()} of 56 loss networks." in advice.left_out
    assert "It is also first among all 56 without constraints." in advice.explanation


def test_names_and_parameters() -> None:
    families = published("2afc", Constraints(families=("VGG", "ResNet"), points=("late",)))
    assert len(families.candidates) == 7
    assert "Without constraints alexnet:mid is first" in said(families)
    small = published("bapps", Constraints(parameters_below=1792, backbones=("vgg11", "efficientnet_b0")))
    assert [one.loss_network for one in small.candidates] == ["efficientnet_b0:early"]  # below is not at most
    assert "is the only candidate." in said(small)


def test_nothing_is_left_and_what_would_nearly_do() -> None:
    nothing = published("superres", Constraints(macs_below=10))
    assert (nothing.answer, nothing.candidates, nothing.rivals) == (None, (), ())
    cheapest = computed_point_attributes().sort_values("point_macs").iloc[0]
    assert "Without 'macs below 10', 56 would be left" in said(nothing)
    assert f"nearest is {cheapest.backbone}:{cheapest.point} with 10.8 M" in said(nothing)
    both = published("superres", Constraints(macs_below=10, parameters_below=10))
    assert "Dropping a single constraint would not help" in said(both)
    flag = published("superres", Constraints(backbones=("vgg11",), flags={"batch_norm": True}))
    assert "Without 'with batch norm', 4 would be left." in flag.left_out


def test_equal_ones_are_named_the_cheapest_first() -> None:
    advice = published("bapps", Constraints(macs_below=1e8, parameters_below=1e4, flags={"batch_norm": True}))
    assert [one.mean_rank for one in advice.candidates] == [2, 2, 2]
    costs = [one.point_macs or 0 for one in advice.candidates]
    assert costs == sorted(costs)
    assert any("shares the first rank with" in text for text in advice.explanation)


# No answer


def test_published_delineation_carries_no_answer() -> None:
    advice = published("delineation")
    assert advice.answer is None
    assert "The published data cannot answer this: Table X" in said(advice)
    assert "running sum" in said(advice)
    assert "leaves the loss network in training mode" in said(advice)
    assert "`lnkit eval --backbone NAME --point all --bench delineation`" in said(advice)
    assert not any(
        "last printed digit" in text for text in advice.explanation
    )  # no certainty about what is not certain


@pytest.mark.parametrize("task", ["autoencoder", "svhn_accuracy"])
def test_the_mode_of_the_loss_network_qualifies_an_answer(task: str) -> None:
    advice = published(task)
    assert advice.answer is not None
    assert "But the reference code leaves the loss network in training mode" in said(advice)
    assert "nine backbones with batch norm" in said(advice)


@pytest.mark.parametrize("task", ["superres", "bapps"])
def test_benchmarks_with_a_frozen_loss_network_have_no_such_sentence(task: str) -> None:
    assert "training mode" not in said(published(task))


@pytest.mark.parametrize("changes", [{"variant": "quick"}, {"variant": "sample"}])
def test_cut_down_protocols_carry_no_answer(changes: dict[str, Any], tmp_path: Path) -> None:
    (advice,) = recommended(write(tmp_path, *several(**changes)), "own").by_setting
    assert advice.answer is None
    assert "cut-down protocols show that everything runs" in said(advice)


def test_sample_data_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, *several(sample=True))
    assert [one.setting for one in recommended(tmp_path).by_setting] == ["published"]
    with pytest.raises(UsageError, match="sample"):
        recommended(tmp_path, "own")


def test_one_record_only(tmp_path: Path) -> None:
    (advice,) = recommended(write(tmp_path, make_record()), "own").by_setting
    assert advice.answer is None
    assert "only squeezenet1_1:mid was measured" in said(advice)


# Own results


def test_own_results_that_are_comparable_count_most(tmp_path: Path) -> None:
    conclusion = recommended(write(tmp_path, *several()))
    assert conclusion.answer == "net0:mid"
    own, study = conclusion.by_setting
    assert study.setting == "published"
    assert [one.loss_network for one in own.candidates] == ["net0:mid", "net1:mid", "net2:mid"]
    assert own.sources == tuple(record.id for record in several())
    assert conclusion.remarks == (f"The published study recommends {study.answer}.",)
    assert "by 0.04: more than the uncertainty of their 95 % intervals" in said(own)
    assert "4,720 items" in own.explanation[0]
    assert "seed" not in said(own)  # nothing was trained


def test_a_lower_score_is_better_where_it_says_so(tmp_path: Path) -> None:
    def turned(record: RunRecord) -> RunRecord:
        score = ScoreRecord(record.scores["2afc"].value, "fraction", False, True, "mean", "s", 10, None)
        return make_record(backbone=record.key.backbone, scores={"error": score})

    (advice,) = recommended(write(tmp_path, *map(turned, several())), "own").by_setting
    assert [one.loss_network for one in advice.candidates] == ["net2:mid", "net1:mid", "net0:mid"]


@pytest.mark.parametrize("changes", [{"notes": PARTIAL}, {"deviations": ("resolution is 224 instead of 64",)}])
def test_other_own_results_come_after_the_study(changes: dict[str, Any], tmp_path: Path) -> None:
    conclusion = recommended(write(tmp_path, *several(**changes)))
    assert [one.setting == "published" for one in conclusion.by_setting] == [True, False]
    assert conclusion.setting == "published"
    assert "with each other, not with published values" in said(conclusion.by_setting[1])
    assert ") recommend net0:mid." in conclusion.remarks[0]


def test_two_own_results_do_not_outweigh_the_study(tmp_path: Path) -> None:
    conclusion = recommended(write(tmp_path, *several(2)))
    assert conclusion.setting == "published"
    assert conclusion.by_setting[1].answer == "net0:mid"


def test_own_results_answer_where_the_study_cannot(tmp_path: Path) -> None:
    write(tmp_path, *several(benchmark="delineation", notes=PARTIAL))
    conclusion = recommended(tmp_path, task="delineation")
    assert conclusion.answer == "net0:mid"
    assert conclusion.setting != "published"


def test_intervals_that_overlap(tmp_path: Path) -> None:
    records = [make_record(0.7, backbone="a"), make_record(0.69, backbone="b"), make_record(0.5, backbone="c")]
    (advice,) = recommended(write(tmp_path, *records), "own").by_setting
    assert advice.rivals == ("b:mid",)  # .01 apart, and each half an interval is .01: together .0141
    assert "no more than the uncertainty of their 95 % intervals" in said(advice)


def test_means_of_repeats_have_no_interval(tmp_path: Path) -> None:
    records = [*several(), make_record(0.71, backbone="net0", seed=1)]
    (advice,) = recommended(write(tmp_path, *records), "own").by_setting
    assert advice.answer == "net0:mid"
    assert "their uncertainty is unknown" in said(advice)
    assert len(advice.sources) == 4


def test_unknown_attributes_leave_out_and_say_how_to_get_them(tmp_path: Path) -> None:
    write(tmp_path, *several())
    (advice,) = recommended(tmp_path, "own", constraints=Constraints(macs_below=1e9)).by_setting
    assert advice.answer is None
    assert "`lnkit attributes net0` computes" in said(advice)
    known = write(tmp_path / "known", *several(attributes={"point_macs": 5e8, "point_parameters": 10.0}))
    (advice,) = recommended(known, "own", constraints=Constraints(macs_below=1e9)).by_setting
    assert len(advice.candidates) == 3


def test_a_backbone_of_several_weights_is_meant_by_its_plain_name(tmp_path: Path) -> None:
    write(tmp_path, *several(), make_record(0.6, weights_sha256="1" * 64), make_record(0.5, weights_sha256="2" * 64))
    both = recommended(tmp_path, "own", constraints=Constraints(backbones=("squeezenet1_1",)))
    assert len(both.by_setting[0].candidates) == 2
    one = recommended(tmp_path, "own", constraints=Constraints(backbones=("squeezenet1_1@11111111",)))
    assert [c.loss_network for c in one.by_setting[0].candidates] == ["squeezenet1_1@11111111:mid"]


def test_loss_networks_that_lack_a_score_are_not_ranked(tmp_path: Path) -> None:
    other = make_record(0.6, backbone="more")
    more = {**other.scores, "jnd_map": other.scores["2afc"]}
    write(tmp_path, *several(), make_record(0.6, backbone="more", scores=more))
    (advice,) = recommended(tmp_path, "own").by_setting
    assert "3 of them lack a score and are not ranked." in advice.explanation
    assert [one.loss_network for one in advice.candidates] == ["more:mid"]


# Small parts


def test_ranks_are_scipys() -> None:
    values = [3.0, 1.0, 3.0, 2.0, 5.0, 1.0, 1.0]
    expected = rankdata([-value for value in values])
    assert list(tied_ranks({str(i): value for i, value in enumerate(values)}).values()) == list(expected)


@pytest.mark.parametrize(
    "judges",
    [
        [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]],
        [[1, 2, 3, 4], [4, 3, 2, 1], [1, 3, 2, 4]],
        [[1, 2.5, 2.5, 4], [2, 1, 3, 4], [1, 2, 3.5, 3.5]],
    ],
)
def test_kendalls_w_is_friedmans_statistic(judges: list[list[float]]) -> None:
    ours = kendalls_w([dict(zip("abcd", map(float, one), strict=True)) for one in judges])
    by_items = list(zip(*judges, strict=True))
    assert ours == pytest.approx(friedmanchisquare(*by_items).statistic / (3 * 3))


def test_kendalls_w_of_nothing_but_ties_is_nothing() -> None:
    assert kendalls_w([{"a": 1.5, "b": 1.5}] * 2) == 0


@pytest.mark.parametrize(
    ("value", "text"), [(1.936e9, "1.94 G"), (21_350_000, "21.4 M"), (1792, "1,792"), (2e12, "2 T"), (0.5, "0.5")]
)
def test_amounts(value: float, text: str) -> None:
    assert amount(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.0316, "3.2 % of"), (1.0, "about"), (8.46, "8.5 times"), (130.4, "130 times")]
)
def test_ratios(ratio: float, text: str) -> None:
    assert times(ratio) == text


# The command


def command(*arguments: str, folder: Path) -> str:
    done = CliRunner().invoke(cli, ["recommend", *arguments, "--results", str(folder)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command(tmp_path: Path) -> None:
    arguments = ["--task", "superres", "--macs-below", "2G", "--no-batch-norm"]
    text = command(*arguments, folder=tmp_path)
    assert text.startswith("superres: take squeezenet1_1:early (published study).\n")
    assert "squeezenet1_1:early  1.21       1 to 2" in text
    (answer,) = json.loads(command(*arguments, "--json", "--top", "2", folder=tmp_path))
    assert answer["answer"] == "squeezenet1_1:early"
    assert len(answer["by_setting"][0]["candidates"]) == 2
    assert answer["by_setting"][0]["sources"][0] == "Pihlgren et al. 2023, Table VI"


def test_an_answer_by_psnr_and_ssim_shows_what_agrees_with_people(tmp_path: Path) -> None:
    text = command("--task", "superres", "--top", "56", folder=tmp_path)
    table = performance_scores().query("benchmark == 'bapps' and score == '2afc'")
    people = table.set_index(table.backbone + ":" + table.point).value
    header, *rows = [re.split(" {2,}", line) for line in text.splitlines() if "  " in line and line[0] not in " -"]
    assert header[3] == "2afc"
    assert {row[0]: float(row[3]) for row in rows} == dict(people)
    best, own = people.idxmax(), people["squeezenet1_1:early"]
    rank = people.rank(ascending=False)["squeezenet1_1:early"]
    assert "- The order is by PSNR and SSIM, which fail to account for many nuances of human perception (" in text
    assert f"squeezenet1_1:early has {own:g}, rank {rank:g} of 56; the highest is {people.max():g}, of {best}." in text
    (answer,) = json.loads(command("--task", "superres", "--json", folder=tmp_path))
    assert all(c["bapps_2afc"] == people[c["loss_network"]] for c in answer["by_setting"][0]["candidates"])


@pytest.mark.parametrize("words", ["--task bapps", "--task superres --task bapps --json", "--task delineation"])
def test_other_answers_have_neither(words: str, tmp_path: Path) -> None:
    last = command(*words.split(), folder=tmp_path)
    if "--json" in words:
        last = json.dumps(json.loads(last)[1:])
    assert "bapps_2afc" not in last
    assert "PSNR" not in last
    assert "To train with it" not in last


def test_the_snippet_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    import lnkit

    text = command("--task", "superres", folder=tmp_path)
    snippet = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    assert 'load_loss("squeezenet1_1:early, squared")' in snippet
    random = partial(lnkit.load_loss, weights="random")
    monkeypatch.setattr(lnkit, "load_loss", random)
    output, target = torch.rand(1, 3, 32, 32, requires_grad=True), torch.rand(1, 3, 32, 32)
    names = {"output": output, "target": target, "device": "cpu"}
    exec(snippet, names)
    l1 = torch.nn.functional.l1_loss(output, target)
    expected = l1 + random("squeezenet1_1:early", distance="squared")(output, target)
    assert torch.equal(names["total"], expected)  # type: ignore[arg-type]


def test_no_answer_is_null_and_shows_no_order(tmp_path: Path) -> None:
    text = command("--task", "delineation", folder=tmp_path)
    assert text.startswith("delineation: the published data cannot answer this.\n")
    assert "mean rank" not in text
    (answer,) = json.loads(command("--task", "delineation", "--json", folder=tmp_path))
    assert answer["answer"] is None
    assert answer["by_setting"][0]["candidates"] == []


def test_the_headline_is_no_surer_than_the_data(tmp_path: Path) -> None:
    assert command("--task", "bapps", folder=tmp_path).startswith(
        "bapps: vgg11:late comes first (published study), but the scores do not distinguish it from 4 others.\n"
    )
    assert "but the scores do not distinguish it from resnet50:semi_early.\n" in command(
        "--task", "x4_psnr_set5", folder=tmp_path
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "superress"], "Did you mean 'superres'"),
        (["--task", "ssim"], "Did you mean 'x4_ssim_set5'"),
        (["--task", ""], "got an empty word"),
        (["--task", "superres", "--macs-below", "few"], "Expected a number above 0"),
        (["--task", "superres", "--macs-below", "-1"], "Expected a number above 0"),
        (["--task", "superres", "--macs-below", "nan"], "Expected a number above 0"),
        (["--task", "superres", "--parameters-below", ""], "got an empty word"),
        (["--task", "superres", "--top", "0"], "0 is not in the range"),
        (["--task", "superres", "--family", "VGGG"], "Did you mean 'VGG'?"),
        (["--task", "superres", "--family", "vgg"], "Did you mean 'VGG'?"),
        (["--task", "superres", "--backbone", "vgg61"], "Did you mean 'vgg1"),
        (["--task", "superres", "--point", "latte"], "Did you mean 'late'?"),
        (["--task", "superres", "--from", "own"], "There are no scores"),
        (["--task", "superres", "--from", "mine"], "'mine' is not one of"),
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
    assert done.stdout == ""


@pytest.mark.parametrize("words", ["recommend --task superres --task bapps --macs-below 2e9", "recommend --help"])
def test_it_waits_for_nothing_heavy(words: str, tmp_path: Path) -> None:
    write(tmp_path, *several(), make_record(0.8, seed=3))
    arguments = [*words.split(), "--results", str(tmp_path)]
    code = f"import sys; from lnkit.cli import run; code = run({arguments!r}); print(code, sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    last = done.stdout.splitlines()[-1]
    assert last.startswith("0 ")
    for name in HEAVY:
        assert f"'{name}'" not in last


def test_pandas_reads_the_json(tmp_path: Path) -> None:
    (answer,) = json.loads(command("--task", "bapps", "--json", "--top", "99", folder=tmp_path))
    frame = pd.DataFrame(answer["by_setting"][0]["candidates"])
    assert len(frame) == 56
    assert frame.mean_rank.is_monotonic_increasing
