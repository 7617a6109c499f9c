"""The published tables of metrics: their rows, the rules of what compares, and own results among them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from helpers import make_record

import lnkit.published
from lnkit.analysis.collect import Selection, gather
from lnkit.analysis.published.audit import PublishedTables, audit
from lnkit.analysis.published.audit_finding import AuditFinding
from lnkit.analysis.published.metric_positions import MetricPosition, StudyRank, metric_positions
from lnkit.analysis.published.metric_rows import published_metrics, rule_of
from lnkit.analysis.published.metric_rules import IQA, METRIC_SETS, OPINION_SETS, PSYCHOPHYSICS, ROW_RULES
from lnkit.analysis.published.tables import read_rows
from lnkit.cli import cli
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord, ScoreRecord

SCORE = make_record().scores["2afc"]

# |SRCC| of the squared pixel difference with mean opinions at native size, which PSNR has too: facts of iqa.md
PIXELS = {
    ("TID2013", "all 3000"): 0.686911,
    ("CSIQ", "all 866"): 0.808691,
    ("LIVE", "all 779"): 0.872971,
    ("KADID-10k", "all 10125"): 0.6757,
    ("KADID-10k", "JLD test: 65 references, 8125"): 0.673067,
    ("PIPAL", "train 23200"): 0.406559,
    ("PIPAL", "val 1000"): 0.254758,
    ("TID2008", "all 1700"): 0.5245,
}


def correlation(value: float, n: int, *, primary: bool = True, half_width: float | None = 0.02) -> ScoreRecord:
    interval = None if half_width is None else (value - half_width, value + half_width)
    return replace(SCORE, value=value, n=n, unit="correlation", interval=interval, primary=primary, ceilings={})


def opinions(bench: str, n: int, value: float = 0.9, variant: str = "native", **changes: Any) -> RunRecord:
    """A record of a benchmark on mean opinions."""
    scores = {
        "srcc": correlation(value, n),
        "krcc": correlation(0.75 * value, n, primary=False),
        "plcc": correlation(0.95 * value, n, primary=False),
        "plcc_logistic5": correlation(value, n),
        "plcc_logistic4": correlation(value, n, primary=False),
        "rmse_logistic5": replace(correlation(0.1, n), higher_is_better=False),
        "srcc/jpeg": correlation(value, n // 5, primary=False),
    }
    protocol = changes.pop("protocol", {"split": "all"})
    own = {"backbone": "net", "points": {"mid": "x"}, "scores": scores} | changes
    return make_record(benchmark=bench, variant=variant, protocol=protocol, **own)


def write(folder: Path, *records: RunRecord) -> Path:
    for record in records:
        ResultsFolder(folder).write(record, {})
    return folder


def placed(folder: Path, record: RunRecord, score: str = "srcc", *, anyway: bool = False) -> MetricPosition:
    selection = Selection(sample=record.sample)
    found = metric_positions(gather(write(folder, record), "both", selection), record.id, anyway=anyway)
    (position,) = [position for position in found if position.score == score]
    return position


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [arguments[0], "--results", str(folder), *arguments[1:]])


def rank_in(position: MetricPosition, study: str) -> StudyRank:
    (ranked,) = [ranked for ranked in position.ranks if ranked.study == study]
    return ranked


def counts(position: MetricPosition) -> dict[str, int]:
    totals: dict[str, int] = {}
    for left in position.left_out:
        totals[left.what] = totals.get(left.what, 0) + len(left.metrics)
    return totals


# The tables


def test_all_rows_are_there_and_those_that_nobody_printed_are_marked() -> None:
    frame = lnkit.published.table(IQA)
    assert len(frame) == 1400
    assert frame.groupby("score").size().to_dict() == {"2afc": 71, "krcc": 357, "plcc": 236, "srcc": 736}
    marked = frame.note.str.startswith("COMPUTED here") | frame.note.str.startswith("mean computed here")
    assert (frame.computed == marked).all()
    assert frame.computed.sum() == 384 + 144 + 4  # ZS-IQA, DeepWSD and its kin, means of ST-LPIPS
    models = lnkit.published.table(PSYCHOPHYSICS)
    assert models.is_baseline.value_counts().to_dict() == {False: 43, True: 2}
    pixels = models[models.family == "No Encoder"].iloc[0]
    assert (pixels.csf_gabor_achromatic, pixels.csf_area, pixels.matching_rmse) == (0.4688, 0.8981, 0.2657)


@pytest.mark.parametrize("images", PIXELS)
def test_psnr_has_the_value_of_the_squared_pixel_difference(images: tuple[str, str]) -> None:
    rows = [m for m in published_metrics(IQA) if (m.dataset, m.split) == images and m.score == "srcc"]
    values = [m.value for m in rows if m.metric.lower() == "psnr" and m.size == "native size" and not m.caveat]
    assert values
    for value in values:
        assert value == pytest.approx(PIXELS[images], abs=1e-4)


def test_signs_are_turned_so_that_higher_agrees_with_people() -> None:
    raw = {row["value"] for row in read_rows(IQA) if row["source"].startswith("SmilingWolf")}
    assert any(value.startswith("-") for value in raw)
    turned = [m for m in published_metrics(IQA) if m.study == "SmilingWolf"]
    assert len(turned) == 36
    assert all(m.value > 0 and not m.absolute for m in turned)
    assert {f"{m.value:.3f}" for m in turned} == {f"{abs(float(value)):.3f}" for value in raw}


def test_every_rule_is_that_of_some_row() -> None:
    used = {rule_of(row) for row in read_rows(IQA)}
    assert [rule for rule in ROW_RULES if rule not in used] == []


def test_data_sets_splits_and_studies_of_the_rules_are_in_the_table() -> None:
    frame = lnkit.published.table(IQA)
    studies = {m.study for m in published_metrics(IQA)}
    for known in METRIC_SETS.values():
        if known.table == IQA:
            splits = {*known.splits.values(), *known.labels.values()}
            assert splits <= set(frame.split[frame.dataset == known.dataset])
            assert {study for protocol in known.protocols.values() for study in protocol.studies} <= studies


# Own results among them


def test_a_rank_against_pandas(tmp_path: Path) -> None:
    position = placed(tmp_path, opinions("csiq", 866, 0.91))
    frame = lnkit.published.table(IQA).query("source == 'pyiqa' and dataset == 'CSIQ' and score == 'srcc'")
    ranks = pd.concat([frame.set_index("metric").value, pd.Series({"own": 0.91})]).rank(ascending=False)
    ranked = rank_in(position, "pyiqa")
    assert (ranked.rank, ranked.of) == (ranks["own"], 18)
    assert [one.metric.metric for one in ranked.all] == list(frame.sort_values("value", ascending=False).metric)
    open_ = frame.value.between(0.91 - 0.02 - 0.003, 0.91 + 0.02 + 0.003)  # the interval, and .003 between libraries
    assert ranked.best_rank == (frame.value > 0.91)[~open_].sum() + 1
    assert ranked.worst_rank == (frame.value > 0.91).sum() + open_[frame.value < 0.91].sum() + 1


@pytest.mark.parametrize(
    ("bench", "n", "variant", "studies"),
    [
        ("csiq", 866, "native", ["JLD", "JLD sizes", "FoMo", "pyiqa", "SmilingWolf"]),
        ("csiq", 866, "jld", ["JLD"]),
        ("csiq", 866, "dists256", ["JLD", "JLD sizes"]),
        ("tid2008", 1700, "pyiqa", ["pyiqa"]),
        ("kadid10k", 10_125, "native", ["piq", "SmilingWolf"]),
        ("kadid10k", 8125, "jld", ["JLD"]),
        ("pipal", 23_200, "native", ["JLD", "ZS-IQA"]),
        ("pipal", 1000, "fomo", ["JLD", "FoMo"]),
    ],
)
def test_only_rows_of_the_same_images_and_size_are_ranked(
    bench: str, n: int, variant: str, studies: Sequence[str], tmp_path: Path
) -> None:
    position = placed(tmp_path, opinions(bench, n, variant=variant))
    assert [ranked.study for ranked in position.ranks] == studies
    ranked = [one.metric for ranked in position.ranks for one in ranked.all]
    assert {metric.split for metric in ranked} == {position.split}
    assert str(n) in position.split
    sizes = {"native": "native size", "pyiqa": "native size", "dists256": "256 px"}
    if variant in sizes:
        assert {metric.size for metric in ranked} == {sizes[variant]}
    published = [row for row in read_rows(IQA) if row["dataset"] == position.dataset and row["score"] == "srcc"]
    assert len(ranked) + sum(counts(position).values()) == len(published)


def test_a_metric_that_was_measured_on_a_part_of_the_images_is_ranked_with_nothing(tmp_path: Path) -> None:
    """JLD's file has iem on 2,032 images of KADID-10k, under the heading of 8,125."""
    position = placed(tmp_path, opinions("kadid10k", 8125, variant="jld"))
    assert "iem" not in {one.metric.metric for one in rank_in(position, "JLD").all}
    assert "iem" in {metric.metric for left in position.left_out for metric in left.metrics}


def test_live_ranks_by_its_label_file(tmp_path: Path) -> None:
    realigned = placed(tmp_path, opinions("live", 779, protocol={"labels": "realigned"}))
    assert {one.metric.split for ranked in realigned.ranks for one in ranked.all} == {"all 779"}
    original = placed(tmp_path / "b", opinions("live", 779, protocol={"labels": "original"}))
    assert (original.split, original.ranks) == ("779, labels of dmos.mat", ())  # published at a size that is not stated
    unknown = placed(tmp_path / "c", opinions("live", 779))
    assert (unknown.split, unknown.ranks) == ("", ())


def test_correlations_after_a_fit_meet_those_after_the_same_fit(tmp_path: Path) -> None:
    record = opinions("tid2013", 3000)
    unfitted = placed(tmp_path, record, "plcc")
    assert {ranked.study for ranked in unfitted.ranks} == {"pyiqa", "SmilingWolf", "ZS-IQA"}
    five = placed(tmp_path, record, "plcc_logistic5")
    assert {ranked.study for ranked in five.ranks} == {"FoMo"}
    four = placed(tmp_path, record, "plcc_logistic4")
    assert four.ranks == ()
    assert set(counts(four)) == {"another fit before Pearson's correlation"}


def test_scores_of_one_distortion_and_errors_meet_nothing(tmp_path: Path) -> None:
    found = metric_positions(gather(write(tmp_path, opinions("csiq", 866)), "both"), "net")
    assert {position.score for position in found} == {"srcc", "krcc", "plcc", "plcc_logistic5", "plcc_logistic4"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sample": True}, "made on sample data"),
        ({"deviations": ("resolution=128",)}, "made with deviations from the protocol"),
        ({"notes": ("partial: 800 distorted images, and the official set has 866",)}, "made on other data"),
        ({"notes": ("other labels: they lie in 0..5, and those of CSIQ in 0..1",)}, "made with other labels"),
        ({"variant": "quick"}, "made with the cut-down protocol 'quick'"),
        ({"variant": "mine"}, "its protocol is 'mine', and published values are of native, pyiqa"),
        ({"n": 750}, "its 750 items are no published split"),
    ],
)
def test_other_results_are_refused_with_the_reason(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    record = opinions("csiq", **({"n": 866} | changes))
    position = placed(tmp_path, record)
    assert position.ranks == ()
    (left,) = position.left_out
    assert left.what == "the own result"
    assert reason in left.reason


def test_deviations_are_ranked_when_asked_for(tmp_path: Path) -> None:
    record = opinions("csiq", 866, deviations=("resolution=128",))
    position = placed(tmp_path, record, anyway=True)
    assert len(position.ranks) == 5
    assert position.refusal == "made with deviations from the protocol"
    said = run(tmp_path, "place", "net", "--anyway")
    assert "so these ranks mean nothing: the result was made with deviations from the protocol." in said.stdout
    assert "--anyway ranks it nevertheless" in run(tmp_path, "place", "net").stdout


def test_a_sample_says_that_it_is_one(tmp_path: Path) -> None:
    write(tmp_path, opinions("csiq", 80, sample=True))
    said = run(tmp_path, "place", "--sample").stdout
    assert "not ranked: it was made on sample data, and its 80 items are no published split." in said


def test_a_distance_that_goes_the_wrong_way_shows_it(tmp_path: Path) -> None:
    position = placed(tmp_path, opinions("csiq", 866, -0.9))
    assert position.wrong_way
    assert all(ranked.rank == ranked.of for ranked in position.ranks)  # and not that of .9
    said = run(tmp_path, "place", "net", "--score", "srcc")
    assert "-0.9 [-0.92, -0.88] (wrong way)" in said.stdout
    assert "absolute values, which hide a metric that goes the wrong way" in said.stdout


def test_bapps_is_ranked_family_by_family(tmp_path: Path) -> None:
    scores = {"2afc": replace(SCORE, value=0.7), "2afc/cnn": replace(SCORE, value=0.83, primary=False)}
    record = make_record(scores=scores)
    mean, cnn = (placed(tmp_path, record, score) for score in scores)
    table = lnkit.published.table(IQA).query("source == 'ST-LPIPS'")
    for position, split in ((mean, "val, mean of 6 families"), (cnn, "val/cnn")):
        values = table.value[table.split == split]
        (ranked,) = position.ranks
        assert ranked.rank == (values > position.value).sum() + 1
        assert ranked.of == 5


def test_nights_is_ranked_by_its_split(tmp_path: Path) -> None:
    for split, best in (("test", 0.962), ("val", 0.969)):
        record = make_record(0.95, benchmark="nights", protocol={"split": split}, backbone=f"net_{split}")
        (ranked,) = placed(tmp_path, record, "2afc").ranks
        assert (ranked.study, ranked.of, ranked.all[0].metric.value) == ("DreamSim", 9, best)


# Psychophysics


def psychophysics(variant: str = "reference", **values: float) -> RunRecord:
    scores = {name: correlation(value, 200, half_width=None) for name, value in values.items()}
    if "matching_rmse" in scores:
        scores["matching_rmse"] = replace(scores["matching_rmse"], higher_is_better=False, unit="log10 contrast")
    return make_record(benchmark="psychophysics", variant=variant, scores=scores, backbone="net", points={"mid": "x"})


def test_psychophysics_against_pandas(tmp_path: Path) -> None:
    models = lnkit.published.table(PSYCHOPHYSICS)
    detection = models[[name for name in models if name.startswith("csf_")]].mean(axis=1)
    masking = models[["masking_phase_coherent", "masking_phase_incoherent"]].mean(axis=1)
    record = psychophysics(csf_area=0.9, matching_rmse=0.3, detection_spearman=0.5, masking_spearman=0.7)
    expected = {
        "csf_area": (models.csf_area > 0.9).sum(),
        "matching_rmse": (models.matching_rmse < 0.3).sum(),  # lower is better
        "detection_spearman": (detection > 0.5).sum(),
        "masking_spearman": (masking > 0.7).sum(),
    }
    for score, better in expected.items():
        (ranked,) = placed(tmp_path, record, score).ranks
        assert (ranked.rank, ranked.of, ranked.study) == (better + 1, 46, "Cai et al. 2025")
        assert {one.metric.computed for one in ranked.all} == {score.endswith("spearman")}
    (area,) = placed(tmp_path, record, "csf_area").ranks  # float32 angles: .03 for this test, .01 for the others
    assert sum(one.undecided for one in area.all) == models.csf_area.between(0.87, 0.93).sum()


def test_the_usual_protocol_of_psychophysics_is_not_ranked(tmp_path: Path) -> None:
    position = placed(tmp_path, psychophysics("default", csf_area=0.9), "csf_area")
    assert position.ranks == ()
    assert position.left_out[0].reason == "its protocol is 'default', and published values are of reference"


# The command


def test_the_command_ranks_all_sets_of_the_suite_under_both_names(tmp_path: Path) -> None:
    write(tmp_path, opinions("csiq", 866), opinions("tid2013", 3000), make_record())
    said = run(tmp_path, "place", "--bench", "iqa")
    assert said.exit_code == 0, said.output
    assert [line.partition(":")[0] for line in said.stdout.splitlines() if "own results (" in line] == [
        *("csiq", "csiq", "tid2013", "tid2013"),
    ]
    assert run(tmp_path, "compare", "--bench", "iqa").stdout == said.stdout
    one = run(tmp_path, "compare", "--bench", "iqa/csiq", "--score", "krcc").stdout
    assert one.startswith("csiq: krcc of own results (csiq/native@")
    assert "tid2013" not in one
    assert "  compare " not in CliRunner().invoke(cli, ["--help"]).stdout


def test_the_command_lists_ranked_and_other_rows_with_reasons(tmp_path: Path) -> None:
    write(tmp_path, opinions("csiq", 866, 0.91))
    assert "--rows lists them." in run(tmp_path, "place", "--score", "srcc").stdout
    lines = run(tmp_path, "place", "--score", "srcc", "--rows").stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:2] == ["metric", "srcc"])
    end = lines.index("", start)
    assert [line.split()[:3] for line in lines[start:end] if line.startswith(">")] == [[">", "net:mid", "0.91"]]
    values = [float(re.search(r" (0\.\d+)", line)[1]) for line in lines[start + 1 : end]]  # type: ignore[index]
    assert len(values) == 14 + 14 + 6 + 17 + 3 + 1
    assert values == sorted(values, reverse=True)
    text = "\n".join(lines)
    assert "other images: 750 without contrast" in text
    assert "another image size: 256 px" in text
    assert "DeepDC's value is near that of the authors' resolution study" in text


def test_json_has_all_that_is_compared(tmp_path: Path) -> None:
    write(tmp_path, opinions("csiq", 866, 0.91))
    said = json.loads(run(tmp_path, "place", "--json").stdout)
    position = next(item for item in said["metrics"] if item["score"] == "srcc")
    assert (position["dataset"], position["value"], position["low"]) == ("CSIQ", 0.91, 0.89)
    pyiqa = next(item for item in position["ranks"] if item["study"] == "pyiqa")
    assert len(pyiqa["above"]) + len(pyiqa["equal"]) + len(pyiqa["below"]) == 17
    assert pyiqa["above"][0]["metric"]["source"] == "pyiqa"
    left = {(item["what"], item["reason"]): item["count"] for item in position["left_out"]}
    assert left["other images", "750 without contrast"] == 12
    assert left["another image size", "384 px"] == 16
    listed = json.loads(run(tmp_path, "place", "--json", "--rows", "--score", "srcc").stdout)["metrics"][0]["left_out"]
    assert all(len(item["metrics"]) == item["count"] for item in listed)
    assert all("metrics" not in item for item in position["left_out"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--bench", "iqa/csqi"], "There are no scores of benchmark 'iqa/csqi' in"),
        (["--bench", "iqa/csqi"], "Did you mean 'csiq'?"),
        (["--bench", "live_md"], "among the published values of metrics, which are of tid2008, tid2013"),
        (["--score", "sroc"], "No score 'sroc' of these results was published. Did you mean 'srcc'?"),
        (["other"], "There are no scores of 'other'."),
        (["--protocol", "fomo"], "There are no own results of that kind."),
    ],
)
def test_wrong_input_is_a_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    write(tmp_path, opinions("csiq", 866), opinions("live_md", 450))
    said = run(tmp_path, "place", *arguments)
    assert said.exit_code == 1  # click's runner shows the exception; the command line turns it into code 2
    assert sentence in str(said.exception)


def test_without_any_result_the_command_says_what_to_do(tmp_path: Path) -> None:
    said = run(tmp_path, "place")
    assert "There are no own results of that kind. `lnkit results list` lists" in str(said.exception)


def test_sets_of_the_suite_are_those_of_opinions() -> None:
    """The suite `iqa` of lnkit-judgments, which lnkit does not import."""
    assert set(OPINION_SETS) >= {name for name, known in METRIC_SETS.items() if 866 in known.splits or known.labels}


# The audit


def find(name: str, tables: PublishedTables) -> AuditFinding:
    return next(finding for finding in audit(tables) if finding.id == name)


@pytest.fixture(scope="module")
def tables() -> PublishedTables:
    return PublishedTables.shipped()


def test_the_audit_finds_another_psnr(tables: PublishedTables) -> None:
    known = find("metrics-pixel", tables).rows
    assert {row[3:5] for row in known} == {("JLD (arXiv 2610.05967)", "0.68598"), ("JLD (arXiv 2610.05967)", "0.80639")}
    metrics = tables.metrics.copy()
    row = metrics.index[
        (metrics.source == "pyiqa")
        & (metrics.metric == "psnr")
        & (metrics.dataset == "CSIQ")
        & (metrics.score == "srcc")
    ][0]
    metrics.loc[row, "value"] += 0.001
    assert len(find("metrics-pixel", replace(tables, metrics=metrics)).rows) == len(known) + 1


def test_the_audit_lists_what_differs_between_tables(tables: PublishedTables) -> None:
    finding = find("metrics-sources", tables)
    rows = {(row[0], row[2], row[3].lower()): row[4:] for row in finding.rows if row[1].startswith("all")}
    assert rows["TID2013", "srcc", "pieapp"] == ("0.6046 (JLD sizes)", "0.88 (quoted by piq)")
    assert rows["CSIQ", "srcc", "vif"] == ("0.7214 (JLD sizes)", "0.9194 (JLD)")
    assert ("TID2013", "srcc", "haarpsi") not in rows  # .87 and .8732 are the same number, rounded
    assert "no errors as such" in finding.summary


def test_the_audit_finds_copies_means_and_windows(tables: PublishedTables) -> None:
    (copy,) = find("metrics-copies", tables).rows
    assert copy[3] == "LPIPS retrained: alex_vanilla = LPIPS retrained: vgg_vanilla"
    metrics = tables.metrics.copy()
    metrics.loc[metrics.split == "val/cnn", "value"] += 0.01
    assert find("metrics-means", replace(tables, metrics=metrics)).verdict == "differs"
    metrics.loc[metrics.source == "pyiqa", "value"] += 0.01
    assert find("metrics-windows", replace(tables, metrics=metrics)).verdict == "agrees"


def test_the_audit_compares_matching_errors_with_the_curves(tables: PublishedTables) -> None:
    assert [row[0] for row in find("psychophysics-matching", tables).rows] == ["ColorVideoVDP"]
    models = tables.models.assign(matching_rmse=tables.models.matching_rmse_by_frequency_recomputed)
    assert find("psychophysics-matching", replace(tables, models=models)).verdict == "agrees"
