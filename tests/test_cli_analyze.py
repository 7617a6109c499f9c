"""`lnkit analyze`: Tables III and IV again, and what comes of little, strange or no data."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import make_record
from scipy import stats

from lnkit.analysis.published.frames import average_rankings, best_points, performance_scores
from lnkit.cli import run
from lnkit.results import forms
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord, ScoreRecord

Capture = pytest.CaptureFixture[str]
COLUMNS = {  # of Table IV -> the scores that it stands for; BSD100 is what the paper took for super-resolution
    "2afc": ["2afc"],
    "jnd_map": ["jnd_map"],
    "x4_ssim_bsd100": ["x4_ssim_bsd100"],
    "x8_ssim_bsd100": ["x8_ssim_bsd100"],
    "delineation_all": ["correctness", "completeness", "quality"],
    "svhn_accuracy": ["svhn_accuracy"],
    "stl10_accuracy": ["stl10_accuracy"],
}
ATTRIBUTES = {"depth": 10.0, "point_macs": 1e6, "imagenet_top1": 60.0}


def found(capsys: Capture, *arguments: str) -> Any:
    """What a command gives as JSON."""
    assert run(["analyze", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def keep(tmp_path: Path, *records: RunRecord, arrays: Any = None) -> Path:
    folder = tmp_path / "results"
    for record in records:
        ResultsFolder(folder).write(record, arrays or {})
    return folder


def several(count: int = 6) -> list[RunRecord]:
    """Loss networks of backbones a0, a1, ... whose score grows with their depth."""
    return [
        make_record(
            0.5 + i / 20, backbone=f"a{i}", weights_sha256=f"{i:02d}" * 32,
            attributes={**ATTRIBUTES, "depth": float(i), "point_macs": 2.0 ** i},
        )
        for i in range(count)
    ]  # fmt: skip


def test_ranks_are_table_iii(capsys: Capture) -> None:
    ours = pd.DataFrame(found(capsys, "ranks", "--from", "published")).set_index("backbone")
    published = average_rankings().set_index("backbone")
    difference = (ours - published[list(ours.columns)]).abs()
    assert difference.delineation.max() < 0.005  # exactly, as printed
    assert difference.max(axis=None) <= 0.25  # the scores are rounded, so that there are ties
    assert list(ours.columns) == ["bapps", "superres", "delineation", "autoencoder", "all"]


def test_best_points_are_table_iv(capsys: Capture) -> None:
    rows = pd.DataFrame(found(capsys, "best-points", "--from", "published")).set_index(["score", "backbone"])
    published = best_points().set_index("backbone")
    wrong = {
        (column, backbone)
        for column, scores in COLUMNS.items()
        for backbone, point in published[column].items()
        if not any(point in rows.ties[score, backbone].split() for score in scores)
    }
    assert wrong == {("delineation_all", "squeezenet1_1")}


def test_tables_are_shown_for_people_with_what_must_be_known(capsys: Capture) -> None:
    assert run(["analyze", "ranks", "--from", "published"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1].split() == ["vgg11", "2.25", "2.33", "2.67", "6.00", "3.31"]
    assert "Published scores of delineation: Table X is consistent with a running sum" in captured.err
    assert run(["analyze", "best-points", "--from", "published", "--bench", "bapps"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == "bapps, published"
    assert ["alexnet", "mid", "late"] in [line.split() for line in captured.out.splitlines()]
    assert captured.err == ""
    assert run(["analyze", "ranks", "--from", "published", "--by", "loss-network", "--score", "2afc"]) == 0
    out = capsys.readouterr().out.splitlines()
    values = performance_scores().query("score == '2afc'")
    ranks = dict(zip(values.backbone + ":" + values.point, values.value.rank(ascending=False), strict=True))
    assert {line.split()[0]: float(line.split()[1]) for line in out[2:]} == pytest.approx(ranks)
    assert found(capsys, "ranks", "--from", "published", "--by", "score", "--score", "jnd_map")[0].keys() == {
        "setting", "benchmark", "score", "backbone", "point", "value", "rank"
    }  # fmt: skip


def test_correlations_of_own_results_with_their_attributes(tmp_path: Path, capsys: Capture) -> None:
    keep(tmp_path, *several())
    assert run(["analyze", "correlations", "--from", "own", "--resamples", "200"]) == 0
    captured = capsys.readouterr()
    lines = [line.split() for line in captured.out.splitlines()]
    assert lines[0][:2] == ["score", "attribute"]
    assert {line[1]: line[2] for line in lines[1:]} == {"depth": "1.000", "point_macs": "1.000"}
    assert "1 of 16 correlations are undefined: constant." in captured.err  # the accuracy
    assert "13 of 16 correlations are undefined: fewer than 3 pairs." in captured.err  # not in the records
    rows = found(
        capsys, "correlations", "--from", "own", "--method", "all", "--attribute", "point_macs", "--resamples", "200"
    )
    expected = stats.pearsonr([0.5 + i / 20 for i in range(6)], [2.0**i for i in range(6)])
    assert {row["method"]: row["coefficient"] for row in rows}["pearson"] == pytest.approx(expected.statistic)
    assert next(row["p"] for row in rows if row["method"] == "pearson") == pytest.approx(expected.pvalue)


def test_scores_among_each_other_and_proxies(capsys: Capture) -> None:
    quick = ("--resamples", "100")
    (row,) = found(capsys, "correlations", "--from", "published", "--among-scores", "--bench", "bapps", *quick)
    wide = performance_scores().pivot_table(index=["backbone", "point"], columns="score", values="value")
    assert row["coefficient"] == pytest.approx(stats.spearmanr(wide["2afc"], wide.jnd_map).statistic)
    assert (row["n"], row["clusters"]) == (56, 14)
    assert run(["analyze", "correlations", "--from", "published", "--among-scores", "--bench", "bapps", *quick]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["2afc", "jnd_map", "0.805"]
    assert run(["analyze", "proxies", "--from", "published", "--target", "bapps", *quick]) == 0
    captured = capsys.readouterr()
    assert [line.split()[0] for line in captured.out.splitlines()[1:]] == ["superres", "delineation", "autoencoder"]
    assert captured.out.splitlines()[1].split()[-1] == "no"
    assert "running sum" in captured.err
    assert len(found(capsys, "proxies", "--from", "published", "--level", "scores", "--target", "2afc", *quick)) == 18


def test_own_and_published_scores_stand_in_one_frame_and_are_not_ranked_together(
    tmp_path: Path, capsys: Capture
) -> None:
    keep(tmp_path, *several())
    rows = found(capsys, "ranks", "--by", "score", "--score", "2afc")
    by_setting = pd.DataFrame(rows).groupby("setting").backbone.count()
    assert sorted(by_setting) == [6, 14]
    assert run(["analyze", "ranks", "--bench", "bapps"]) == 0
    captured = capsys.readouterr()
    assert "bapps (published)" in captured.out
    assert "20 of 20 backbones lack a score, so they have no rank" in captured.err
    assert run(["analyze", "correlations", "--attribute", "depth", "--score", "2afc"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split()[:3] == ["score", "setting", "attribute"]
    assert len(out) == 3


def test_fronts(tmp_path: Path, capsys: Capture) -> None:
    assert run(["analyze", "front", "--from", "published", "--score", "2afc"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1].split() == ["alexnet:mid", "0.6910", "406,365,888", "yes"]
    assert len(found(capsys, "front", "--from", "published", "--score", "2afc", "--whole")) == 56
    keep(tmp_path, *several(3), make_record(0.9, backbone="unknown"))
    rows = found(capsys, "front", "--from", "own", "--against", "depth")
    assert [row["loss_network"] for row in rows] == ["a0:mid", "a1:mid", "a2:mid"]
    assert run(["analyze", "front", "--from", "own", "--against", "depth"]) == 0
    assert "depth is not known for 1 loss networks; they are on no front." in capsys.readouterr().err
    assert run(["analyze", "front", "--against", "batch_norm"]) == 2
    assert "There is no front against 'batch_norm'" in capsys.readouterr().err
    assert run(["analyze", "front", "--small-images"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1].split()[0] == "alexnet:mid"
    assert "have no published ImageNet accuracy" in captured.err
    assert len(found(capsys, "front", "--small-images", "--whole")) == 59


def pair(tmp_path: Path) -> list[str]:
    rng, names = np.random.default_rng(0), []
    judge = np.ones(400)
    for point, skill in (("early", 0.6), ("late", 0.8)):
        right = rng.random(400) < skill
        arrays = {"2afc/cnn/judge": judge, "2afc/cnn/d0": right * 1.0, "2afc/cnn/d1": 1.0 - right}
        score = replace(make_record().scores["2afc"], value=right.mean(), n=400, interval=None)
        record = make_record(points={point: "x"}, protocol={"resamples": 10}, scores={"2afc": score})
        keep(tmp_path, record, arrays=arrays)
        names.append(record.id)
    return names


def test_a_difference_has_its_interval_and_p(tmp_path: Path, capsys: Capture) -> None:
    names = pair(tmp_path)
    (row,) = found(capsys, "difference", *names)
    assert row["difference"] == pytest.approx(row["second"] - row["first"])
    assert 0.1 < row["low"] < 0.2 < row["high"] < 0.35  # it was made with .2
    assert row["p"] < 0.001
    assert run(["analyze", "difference", "squeezenet1_1:late", "squeezenet1_1:early", "--resamples", "200"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["score", "squeezenet1_1:late", "squeezenet1_1:early"]
    assert lines[1].split()[3].startswith("-0.")
    assert run(["analyze", "difference", names[0], names[0]]) == 2
    assert f"Expected two different runs, got {names[0]} twice" in capsys.readouterr().err
    assert run(["analyze", "difference", names[0], "vgg99:late"]) == 2
    assert "There is no result 'vgg99:late'" in capsys.readouterr().err
    assert run(["analyze", "difference", *names, "--together", "reference"]) == 2
    assert "store no array 'reference' over the items" in capsys.readouterr().err


def test_a_difference_needs_what_was_kept_of_the_same_measurement(tmp_path: Path, capsys: Capture) -> None:
    bare = make_record(points={"bare": "x"}, protocol={"resamples": 10})
    other = make_record(points={"other": "x"}, variant="reference")
    keep(tmp_path, bare)
    keep(tmp_path, other, arrays={"2afc/cnn/d0": np.ones(3)})
    names = pair(tmp_path)
    assert run(["analyze", "difference", names[0], bare.id]) == 1
    assert "distances.npz is missing; run the same command again with --force." in capsys.readouterr().err
    assert run(["analyze", "difference", names[0], other.id]) == 2
    assert "do not measure the same thing. They differ in variant: paper against reference" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["best-points", "ranks", "correlations", "proxies", "front"])
def test_one_record_is_enough_for_a_sentence(tmp_path: Path, capsys: Capture, command: str) -> None:
    keep(tmp_path, make_record())
    assert run(["analyze", command, "--from", "own"]) == 0
    assert "Traceback" not in capsys.readouterr().err
    assert run(["analyze", command, "--from", "own", "--format", "csv"]) == 0
    capsys.readouterr()
    for row in found(capsys, command, "--from", "own"):
        assert row.get("coefficient") is None
    assert run(["analyze", command, "--from", "own", "--sample"]) == 2
    assert "There are no scores in" in capsys.readouterr().err


def test_mixed_and_foreign_json_is_passed_over_and_said(tmp_path: Path, capsys: Capture) -> None:
    folder = keep(tmp_path, *several(3), make_record(seed=1, sample=True))
    (folder / "settings.json").write_text("{}")
    for name, text in (("alien", '{"a": 1}'), ("torn", '{"schema": 2, "sco'), ("future", '{"schema": 99}')):
        (folder / name).mkdir()
        (folder / name / "result.json").write_text(text)
    missing = make_record(backbone="b", scores={"other": ScoreRecord(1.0, "dB", False, True, "mean", "other|b", 5)})
    keep(tmp_path, missing)
    assert run(["analyze", "best-points", "--from", "own"]) == 0
    captured = capsys.readouterr()
    for part in ("alien", "torn", "schema 99", "settings.json", "1 record on sample data left out"):
        assert part in captured.err
    lines = [line.split() for line in captured.out.splitlines()]
    assert lines[1] == ["backbone", "2afc", "other"]
    assert ["b", "-", "mid"] in lines
    assert ["a0", "mid", "-"] in lines
    assert run(["analyze", "correlations", "--from", "own", "--among-scores"]) == 0
    captured = capsys.readouterr()
    assert "No two scores have a loss network in common" in captured.err


def test_runs_that_differ_in_their_seed_count_once(tmp_path: Path, capsys: Capture) -> None:
    keep(tmp_path, *several(3), replace(several(3)[0], key=replace(several(3)[0].key, seed=5)))
    rows = found(capsys, "ranks", "--from", "own", "--by", "loss-network")
    assert len(rows) == 3


def test_tables_leave_in_the_forms_that_papers_take(tmp_path: Path, capsys: Capture) -> None:
    assert run(["analyze", "ranks", "--from", "published", "--format", "csv"]) == 0
    table = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert table.shape == (14, 6)
    file = tmp_path / "out" / "points.csv"
    file.parent.mkdir()
    assert run(["analyze", "best-points", "--from", "published", "--output", str(file)]) == 0
    assert capsys.readouterr().out == ""
    assert len(pd.read_csv(file)) == 19 * 14
    for form, start in (("markdown", "| score"), ("latex", r"\begin{tabular}")):
        assert run(["analyze", "front", "--from", "published", "--score", "2afc", "--format", form]) == 0
        assert start.split()[0] in capsys.readouterr().out
    assert run(["analyze", "ranks", "--from", "published", "--json", "--format", "csv"]) == 2
    assert "--json prints JSON" in capsys.readouterr().err


def test_names_that_are_not_there_are_answered_with_near_ones(capsys: Capture) -> None:
    for arguments, sentence in (
        (["ranks", "--score", "2afd"], "There is no score '2afd' in these measurements. Did you mean '2afc'"),
        (
            ["correlations", "--attribute", "dept"],
            "There is no attribute 'dept' in these measurements. Did you mean 'depth'",
        ),
        (["proxies", "--target", "baps"], "There is no benchmark 'baps' in these measurements. Did you mean 'bapps'"),
        (["ranks", "--bench", "baps"], "There are no scores of benchmark 'baps'"),
    ):
        assert run(["analyze", *arguments]) == 2
        assert sentence in capsys.readouterr().err


def test_hostile_names_do_not_steer_the_terminal(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "_is_name", lambda text: True)  # else such names are refused when they are read
    score = make_record().scores["2afc"]
    keep(tmp_path, replace(make_record(), scores={"2afc\x07\x1b[2J": score}, family="\x07"))
    for command in ("best-points", "ranks", "correlations", "front", "proxies"):
        assert run(["analyze", command, "--from", "own"]) == 0
        captured = capsys.readouterr()
        assert not {"\x1b", "\x07"} & set(captured.out + captured.err)
