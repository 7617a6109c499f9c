"""Positions among the published loss networks: against pandas on the same numbers, Table III, and hand-made records."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from helpers import make_record

from lnkit.analysis.collect import ScoreSet, Selection, gather
from lnkit.analysis.published.backbone_position import BackbonePosition, backbone_positions
from lnkit.analysis.published.frames import average_rankings, computed_point_attributes, performance_scores
from lnkit.analysis.published.position import Position, positions
from lnkit.analysis.rankings import loss_network_ranks, mean_ranks, score_ranks
from lnkit.cli import cli
from lnkit.errors import UsageError
from lnkit.results import forms
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord, ScoreRecord

PARTIAL = ("partial: 10 triplets",)
SCORE = make_record().scores["2afc"]


def write(folder: Path, *records: RunRecord) -> Path:
    for record in records:
        ResultsFolder(folder).write(record, {})
    return folder


def both(folder: Path, **selection: Any) -> ScoreSet:
    return gather(folder, "both", Selection(**selection))


def placed(record: RunRecord, folder: Path, *, anyway: bool = False, sample: bool = False) -> Position:
    (one,) = positions(both(write(folder, record), sample=sample), record.id, anyway=anyway)
    return one


def net(value: float = 0.7, point: str = "mid", **changes: Any) -> RunRecord:
    return make_record(value, backbone="net", points={point: "x"}, variant="reference", **changes)


def scored(value: float, **changes: Any) -> RunRecord:
    """With both scores of bapps; ``value`` is that of 2AFC, and that of JND is .1 less."""
    jnd = replace(SCORE, value=value - 0.1, interval=None)
    return net(value, scores={"2afc": replace(SCORE, value=value), "jnd_map": jnd}, **changes)


def column(score: str) -> pd.Series:
    frame = performance_scores().query("score == @score")
    return frame.set_index(frame.backbone + ":" + frame.point).value


# Loss networks


@pytest.mark.parametrize("name", ["vgg16:late", "squeezenet1_1", "efficientnet_b7:early"])
def test_published_loss_networks_have_the_ranks_of_the_published_table(name: str, tmp_path: Path) -> None:
    found = positions(both(tmp_path), name)
    assert len(found) in (19, 4 * 19)
    expected = loss_network_ranks(gather(origin="published").frame()).set_index(["loss_network", "score"])["rank"]
    for one in found:
        assert one.rank == expected[one.loss_network, one.score]
        assert (one.of, one.counterpart, one.refusal) == (56, None, "")
        assert len(one.above) + len(one.equal) + len(one.below) == 55


def test_an_own_one_against_pandas(tmp_path: Path) -> None:
    one = placed(net(0.682, attributes={"point_macs": 5e8}), tmp_path)
    values = column("2afc")
    assert one.rank == pd.concat([values, pd.Series({"net:mid": 0.682})]).rank(ascending=False)["net:mid"]
    assert one.of == 57
    assert {n.loss_network for n in one.above} == set(values[values > 0.682].index)
    assert {n.loss_network for n in one.equal} == set(values[values == 0.682].index) != set()
    assert {n.loss_network for n in one.below} == set(values[values < 0.682].index)
    assert one.above[0].value == values[values > 0.682].min()
    assert one.below[0].value == values[values < 0.682].max()
    assert one.below[0].difference == pytest.approx(0.682 - one.below[0].value)
    assert one.above[0].difference < 0


def test_the_cost_against_pandas(tmp_path: Path) -> None:
    one = placed(net(0.682, attributes={"point_macs": 5e8}), tmp_path)
    points = computed_point_attributes()
    macs = points.set_index(points.backbone + ":" + points.point).point_macs.astype(float)
    for near in (*one.above, *one.equal, *one.below):
        assert near.macs_ratio == pytest.approx(5e8 / macs[near.loss_network])
    values = column("2afc")
    better = values[(values > 0.682) & (macs.reindex(values.index) < 5e8)]
    assert {n.loss_network for n in one.better_and_cheaper} == set(better.index) != set()
    worse = values[(values < 0.682) & (macs.reindex(values.index) > 5e8)]
    assert {n.loss_network for n in one.worse_and_costlier} == set(worse.index) != set()
    assert placed(net(0.682), tmp_path / "other").macs is None


def test_what_the_interval_leaves_open(tmp_path: Path) -> None:
    one = placed(net(0.675), tmp_path)  # .665 to .685
    values = column("2afc")
    assert one.best_rank == (values > 0.685).sum() + 1
    assert one.worst_rank == (values >= 0.665).sum() + 1
    inside = {n.loss_network for n in (*one.above, *one.equal, *one.below) if n.within_interval}
    assert inside == set(values[values.between(0.665, 0.685)].index)
    bare = positions(both(write(tmp_path / "b", scored(0.675))), "net")
    jnd = next(p for p in bare if p.score == "jnd_map")
    assert jnd.best_rank == len(jnd.above) + 1
    assert any("no interval" in remark for remark in jnd.remarks)


def test_a_lower_score_is_better_where_it_says_so(tmp_path: Path) -> None:
    turned = {"2afc": replace(SCORE, value=0.6, higher_is_better=False, interval=(0.5, 0.65))}
    one = placed(net(scores=turned), tmp_path)
    values = column("2afc")
    assert {n.loss_network for n in one.above} == set(values[values < 0.6].index)
    assert all(n.difference < 0 for n in one.above)
    assert one.best_rank == (values < 0.5).sum() + 1


# Comparability


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"notes": PARTIAL}, "other data than the official ones"),
        ({"deviations": ("resolution is 224 instead of 64",)}, "deviations from the protocol"),
        ({"variant": "quick"}, "cut-down protocol 'quick'"),
        ({"sample": True}, "sample data"),
    ],
)
def test_what_may_not_be_compared_is_not_ranked(changes: dict[str, Any], why: str, tmp_path: Path) -> None:
    record = make_record(0.7, backbone="net", **changes)
    one = placed(record, tmp_path, sample=record.sample)
    assert (one.rank, one.best_rank, one.worst_rank) == (None, None, None)
    assert one.above == one.equal == one.below == ()
    assert why in one.refusal
    assert backbone_positions(both(tmp_path, sample=record.sample), "net") == []
    ranked = placed(record, tmp_path, anyway=True, sample=record.sample)
    assert ranked.rank == 1
    assert why in ranked.refusal
    (position,) = backbone_positions(both(tmp_path, sample=record.sample), "net", anyway=True)
    assert why in position.refusal


def test_the_protocol_is_named(tmp_path: Path) -> None:
    paper = placed(make_record(0.7, backbone="net"), tmp_path / "paper")
    assert any("protocol is 'paper'" in remark and "followed by 'reference'" in remark for remark in paper.remarks)
    assert paper.rank == 1
    reference = placed(net(0.7), tmp_path / "reference")
    assert any("which made the published values" in remark for remark in reference.remarks)


def test_published_delineation_carries_its_caveat(tmp_path: Path) -> None:
    quality = {"quality": replace(SCORE, value=60.0, unit="percent", interval=(50.0, 70.0))}
    one = placed(net(benchmark="delineation", scores=quality), tmp_path)
    assert any("running sum" in remark for remark in one.remarks)
    assert all("running sum" not in remark for p in positions(both(tmp_path), "vgg11") if p.benchmark != "delineation"
               for remark in p.remarks)  # fmt: skip


def test_published_accuracies_carry_the_mode_of_the_loss_network(tmp_path: Path) -> None:
    remarks = {p.benchmark: p.remarks for p in positions(both(tmp_path), "vgg11")}
    assert any(
        remark.startswith("On the published values: the reference code leaves the loss network in training mode")
        for remark in remarks["autoencoder"]
    )
    assert not any("training mode" in remark for name in ("bapps", "superres") for remark in remarks[name])


def test_collapses_and_repeats_are_said(tmp_path: Path) -> None:
    one = placed(net(collapsed="epoch 3: black images"), tmp_path / "c")
    assert any("collapsed" in remark for remark in one.remarks)
    first, second = net(0.66), net(0.68, seed=1)
    merged = positions(both(write(tmp_path / "r", first, second)), second.id)
    assert merged == positions(both(tmp_path / "r"), first.id)
    assert merged[0].value == pytest.approx(0.67)
    assert "The value is the mean of 2 runs and has no interval." in merged[0].remarks


def test_the_same_one_of_the_study_is_beside_it(tmp_path: Path) -> None:
    one = placed(make_record(0.7, points={"late": "features.12"}, variant="reference"), tmp_path)
    assert one.counterpart is not None
    assert (one.counterpart.loss_network, one.counterpart.value) == (
        "squeezenet1_1:late",
        column("2afc")["squeezenet1_1:late"],
    )
    assert (
        one.macs
        == computed_point_attributes().query("backbone == 'squeezenet1_1' and point == 'late'").point_macs.item()
    )
    assert one.of == 57


# Names


def test_names_of_all_kinds(tmp_path: Path) -> None:
    records = [net(0.7), net(0.6, point="late"), make_record(0.5), make_record(0.4, weights_sha256="12" * 32)]
    found = both(write(tmp_path, *records))
    assert [one.loss_network for one in positions(found, "net")] == ["net:late", "net:mid"]
    assert [one.value for one in positions(found, "net:mid")] == [0.7]
    for name in (records[0].id, records[0].key.digest()[:12], records[0].key.digest()[:6]):
        assert [one.value for one in positions(found, name)] == [0.7]
    assert {one.loss_network for one in positions(found, "squeezenet1_1:mid")} == {
        "squeezenet1_1@abababab:mid", "squeezenet1_1@12121212:mid",
    }  # fmt: skip
    assert [one.value for one in positions(found, "squeezenet1_1@12121212")] == [0.4]
    assert {one.setting for one in positions(found, "squeezenet1_1:late")} == {"published"}


@pytest.mark.parametrize("name", ["nett", "net:mit", "vgg16:lat", "", ":", "12345"])
def test_unknown_names(name: str, tmp_path: Path) -> None:
    found = both(write(tmp_path, net()))
    with pytest.raises(UsageError, match=r"There are no scores of .* `lnkit results list`"):
        positions(found, name)
    with pytest.raises(UsageError):
        backbone_positions(found, name)


def test_a_benchmark_that_the_study_has_not(tmp_path: Path) -> None:
    found = both(write(tmp_path, net(benchmark="nights")))
    with pytest.raises(UsageError, match=r"net \(nights 2afc\) is in the published study, which has bapps \(2afc, jnd"):
        positions(found, "net")
    assert backbone_positions(found, "net") == []


def test_scores_of_its_own_are_passed_over(tmp_path: Path) -> None:
    more = {"2afc": SCORE, "2afc/cnn": replace(SCORE, value=0.9)}
    assert placed(net(scores=more), tmp_path).score == "2afc"


# Backbones


def test_published_backbones_have_the_positions_of_table_iii() -> None:
    found = gather(origin="published")
    expected = mean_ranks(found.frame())
    printed = average_rankings().set_index("backbone")
    for backbone in printed.index:
        for one in backbone_positions(found, backbone):
            assert one.mean_rank == pytest.approx(expected.loc[backbone, one.benchmark])
            assert one.mean_rank == pytest.approx(printed.loc[backbone, one.benchmark], abs=0.25)
            assert one.position == expected[one.benchmark].round(9).rank()[backbone]
            assert (one.of, one.missing, len(one.measured_points)) == (14, (), 4)


def position_of(name: str, folder: Path) -> BackbonePosition:
    (one,) = backbone_positions(both(folder), name)
    return one


def test_an_own_backbone_has_the_position_that_pandas_computes(tmp_path: Path) -> None:
    write(tmp_path, scored(0.66), scored(0.675, point="late"))
    one = position_of("net:mid", tmp_path)  # all of its points count, whichever is named
    frame = both(tmp_path).frame()
    frame = frame[frame.benchmark == "bapps"].assign(setting="all")
    ranks = score_ranks(frame).query("backbone == 'net'").set_index("score")["rank"]
    assert {best.score: best.rank for best in one.best_points} == ranks.to_dict()
    expected = mean_ranks(frame)["bapps"]
    assert one.mean_rank == pytest.approx(expected["net"])
    assert one.position == expected.round(9).rank()["net"]
    assert one.of == 15
    assert {best.points for best in one.best_points} == {("late",)}
    assert set(one.measured_points) == {"mid", "late"}


def test_no_mean_rank_where_a_score_is_missing(tmp_path: Path) -> None:
    one = position_of("net", write(tmp_path, net(0.7)))
    assert (one.mean_rank, one.position, one.missing) == (None, None, ("jnd_map",))
    assert [best.rank for best in one.best_points] == [1]


# The command


def run(*arguments: str, folder: Path) -> Result:
    return CliRunner().invoke(cli, ["place", *arguments, "--results", str(folder)])


def test_the_command(tmp_path: Path) -> None:
    write(tmp_path, net(0.687, attributes={"point_macs": 5e8}))
    said = run("net", "net:mid", folder=tmp_path)  # named twice, shown once
    assert said.exit_code == 0, said.output
    lines = said.stdout.splitlines()
    assert lines[0].startswith("bapps: own results (bapps/reference@")
    assert lines[0].endswith("beside the 56 loss networks of Pihlgren et al. 2023")
    assert sum(line.startswith("net:mid") for line in lines) == 2  # in the study, and among metrics on BAPPS
    assert "0.687 [0.677, 0.697]" in lines[2]
    assert "~ alexnet:late 0.688, at 76 % of its macs" in lines[2]
    assert "it has no mean rank, because jnd_map of bapps was not measured." in said.stdout
    assert "~ is within the 95 % interval" in said.stdout


def test_the_refusal(tmp_path: Path) -> None:
    write(tmp_path, net(notes=PARTIAL))
    said = run("net", folder=tmp_path)
    assert said.exit_code == 0
    assert "Made on other data than the official ones" in said.stdout
    assert "rank" not in said.stdout.splitlines()[1]
    ranked = run("net", "--anyway", folder=tmp_path)
    assert "1 (1 to 2) of 57 *" in ranked.stdout or "1 (1 to 1) of 57 *" in ranked.stdout
    assert "these ranks mean nothing" in ranked.stdout


def test_sample_data_and_cut_down_protocols_only_when_asked_for(tmp_path: Path) -> None:
    write(tmp_path, net(sample=True), make_record(0.7, backbone="quick", variant="quick"))
    missing = run("net", folder=tmp_path)
    assert missing.exit_code == 1 or isinstance(missing.exception, UsageError)
    assert "of 57 *" in run("net", "--sample", folder=tmp_path).stdout
    assert "of 57" not in run("quick", folder=tmp_path).stdout
    assert "of 57 *" in run("quick", "--protocol", "quick", folder=tmp_path).stdout


def test_json_names_all_that_it_beats(tmp_path: Path) -> None:
    write(tmp_path, net(0.682))
    content = json.loads(run("net", "--json", folder=tmp_path).stdout)
    (one,) = content["positions"]
    assert len(one["above"]) + len(one["equal"]) + len(one["below"]) == 56
    assert content["backbones"][0]["best_points"][0]["points"] == ["mid"]
    assert pd.DataFrame(one["below"]).value.is_monotonic_decreasing


def test_hostile_names_do_not_steer_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "_is_name", lambda text: True)  # else such names are refused when they are read
    hostile = make_record(0.7, backbone="evil\x1b[31m\nnet", weights="[red]", family="\x07")
    said = run("evil\x1b[31m\nnet", folder=write(tmp_path, hostile))
    assert said.exit_code == 0
    assert "\x1b" not in said.stdout
    assert "evil [31m net:mid" in said.stdout


def test_damaged_and_foreign_files_are_named(tmp_path: Path) -> None:
    write(tmp_path, net())
    (tmp_path / "foreign.json").write_text("[1, 2]")
    (tmp_path / "bapps_net_mid_000000000000").mkdir()
    (tmp_path / "bapps_net_mid_000000000000" / "result.json").write_text("{")
    said = run("net", folder=tmp_path)
    assert said.exit_code == 0
    assert "foreign.json" in said.stderr
    assert "It was left alone." in said.stderr


def test_a_record_without_scores_that_count(tmp_path: Path) -> None:
    nothing = ScoreRecord(0.5, "fraction", True, True, "mean", "s")
    with pytest.raises(UsageError, match="is in the published study"):
        positions(both(write(tmp_path, net(scores={"own": nothing}))), "net")
