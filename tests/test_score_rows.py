"""Own and published scores in one form: what belongs together, what is merged, what is left out and said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import make_record

from lnkit import analysis
from lnkit.analysis.attributes import attributes_frame
from lnkit.analysis.collect import Selection, gather
from lnkit.analysis.score_rows import from_published, from_records, merge_repeats, to_frame
from lnkit.errors import UsageError
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord


def keep(folder: Path, *records: RunRecord) -> Path:
    for record in records:
        ResultsFolder(folder).write(record, {})
    return folder


def test_published_scores() -> None:
    frame = to_frame(from_published())
    assert len(frame) == 19 * 56
    assert frame.loss_network.nunique() == 56
    units = frame.drop_duplicates("score").set_index("score").unit
    assert (units["x4_psnr_set5"], units["x4_ssim_set5"], units["quality"], units["2afc"]) == (
        "dB",
        "fraction",
        "percent",
        "fraction",
    )
    assert frame.groupby("benchmark").caveat.agg(lambda texts: (texts != "").all()).to_dict() == {
        "autoencoder": True,
        "bapps": False,
        "delineation": True,
        "superres": False,
    }


@pytest.mark.parametrize(
    ("change", "together"),
    [
        ({"seed": 1}, True),
        ({"plugins": {"backbone": "lnkit 0.2.0"}}, True),
        ({"weights_sha256": "ee" * 32}, True),
        ({"variant": "quick"}, False),
        ({"protocol": {"distance": "spatial", "resolution": 224}}, False),
        ({"protocol": {"distance": "style", "resolution": 64}}, False),
        ({"data": {"2afc/cnn": "00" * 32}}, False),
        ({"precision": "bf16"}, False),
        ({"benchmark_version": "2"}, False),
    ],
)
def test_settings(change: dict[str, object], together: bool) -> None:
    one, other = (measured.setting for measured in from_records([make_record(), make_record(**change)]))
    assert (one == other) is together
    assert one.startswith("bapps/paper@")


def test_a_backbone_with_its_own_distance_joins_the_others() -> None:
    pixel = make_record(backbone="pixel", own_distance=True, protocol={"distance": "mse", "resolution": 64})
    network, raw = from_records([make_record(), pixel])
    assert network.setting == raw.setting
    style = make_record(protocol={"distance": "style", "resolution": 64})
    settings = {measured.setting for measured in from_records([make_record(), style, pixel])}
    assert len(settings) == 3  # where there are two distances, nobody can say which it belongs to


def test_several_weights_of_one_backbone_are_told_apart() -> None:
    names = [m.loss_network for m in from_records([make_record(), make_record(weights_sha256="ee" * 32)])]
    assert names == ["squeezenet1_1@abababab:mid", "squeezenet1_1@eeeeeeee:mid"]
    lin = [make_record(extra={"lin_weights": digest}) for digest in ("1" * 64, "2" * 64)]
    assert len({m.loss_network for m in from_records(lin)}) == 2


def test_repeats_become_their_mean_and_are_said() -> None:
    merged, remarks = merge_repeats(from_records([make_record(0.6, seed=0), make_record(0.8, seed=1)]))
    assert len(merged) == 1
    assert merged[0].value == pytest.approx(0.7)
    assert (merged[0].seed, merged[0].low) == (None, None)
    assert merged[0].signature.startswith("mean of 2 runs|")
    assert len(remarks) == 1
    assert "squeezenet1_1:mid was run 2 times" in remarks[0]


def test_gather_says_what_it_leaves_out(tmp_path: Path) -> None:
    folder = keep(
        tmp_path,
        make_record(),
        make_record(backbone="vgg11", sample=True),
        make_record(backbone="vgg16", variant="quick"),
        make_record(backbone="vgg19", collapsed="black images"),
    )
    (folder / "old").mkdir()
    (folder / "old" / "result.json").write_text(json.dumps({"schema": 99}))
    (folder / "foreign").mkdir()
    (folder / "foreign" / "result.json").write_text("[1, 2]")
    (folder / "notes.json").write_text("{}")
    found = gather(folder, "own")
    assert {one.backbone for one in found.rows} == {"squeezenet1_1", "vgg16", "vgg19"}
    said = "\n".join(found.remarks)
    for text in (
        "schema 99",
        "foreign/result.json is damaged",
        "expected a JSON object, got list",
        "notes.json",
        "1 record on sample data",
        "cut-down protocol",
        "vgg19:mid collapsed",
    ):
        assert text in said
    assert [one.backbone for one in gather(folder, "own", Selection(sample=True)).rows] == ["vgg11"]


def test_gather_both_and_bench(tmp_path: Path) -> None:
    folder = keep(tmp_path, make_record())
    both = gather(folder, "both", Selection(bench="bapps"))
    assert {one.origin for one in both.rows} == {"own", "published"}
    assert {one.benchmark for one in both.rows} == {"bapps"}
    assert len(both.rows) == 1 + 2 * 56


@pytest.mark.parametrize(("origin", "wishes"), [("own", Selection()), ("published", Selection(bench="nights"))])
def test_nothing_to_analyze_is_said(tmp_path: Path, origin: str, wishes: Selection) -> None:
    with pytest.raises(UsageError, match="There are no scores"):
        gather(tmp_path, origin, wishes)


def test_a_wrong_origin_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Expected one of own, published, both as the origin of scores, got 'mine'"):
        gather(tmp_path, "mine")


def test_attributes_come_from_the_record_first_then_from_the_table() -> None:
    record = replace(make_record(backbone="mine"), attributes={"point_macs": 5.0, "parameters": 7.0})
    unknown = make_record(backbone="other")
    measured = [*from_records([record, unknown]), *from_published()]
    frame = attributes_frame(measured, [record, unknown])
    assert frame.index.is_unique
    assert len(frame) == 2 + 56
    assert frame.loc["mine:mid", ["point_macs", "parameters"]].tolist() == [5.0, 7.0]
    assert frame.loc[["mine:mid", "other:mid", "vgg16:late"], "attributes_from"].tolist() == [
        "own record",
        "unknown",
        "computed table",
    ]
    assert frame.loc["vgg16:late", "batch_norm"] == 0
    assert frame.loc["vgg16_bn:late", "batch_norm"] == 1


def test_gathered_frames(tmp_path: Path) -> None:
    found = analysis.gather(keep(tmp_path, make_record()), "own")
    assert found.frame().loss_network.tolist() == ["squeezenet1_1:mid"]
    assert analysis.mean_ranks(found.frame()).loc["squeezenet1_1", "bapps"] == 1
    with pytest.raises(AttributeError, match="no attribute 'ranks'"):
        analysis.ranks  # noqa: B018 - touching it is the point
    assert all(getattr(analysis, name) for name in analysis.__all__)
