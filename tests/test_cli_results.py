"""`lnkit results`: list, show, export, compare and rescore."""

from __future__ import annotations

import io
import json
import resource
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import make_record

from lnkit.cli import run
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunRecord

Capture = pytest.CaptureFixture[str]


def keep(tmp_path: Path, *records: RunRecord) -> Path:
    folder = tmp_path / "results"
    for record in records:
        ResultsFolder(folder).write(record, {})
    return folder


def test_list_shows_real_runs_and_counts_the_others(tmp_path: Path, capsys: Capture) -> None:
    keep(tmp_path, make_record(), make_record(seed=1, sample=True), make_record(backbone="vgg16"))
    assert run(["results", "list"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("squeezenet1_1:mid") == 1
    assert "vgg16:mid" in captured.out
    assert "1 more on sample data" in captured.err
    assert run(["results", "list", "--sample", "--json"]) == 0
    (sample,) = json.loads(capsys.readouterr().out)
    assert sample["sample"] is True


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        (["--backbone", "vgg16"], 1),
        (["--point", "mid"], 2),
        (["--point", "late"], 0),
        (["--bench", "other"], 0),
        (["--protocol", "paper"], 2),
    ],
)
def test_list_filters(wish: list[str], found: int, tmp_path: Path, capsys: Capture) -> None:
    keep(tmp_path, make_record(), make_record(backbone="vgg16"))
    assert run(["results", "list", "--json", *wish]) == 0
    assert len(json.loads(capsys.readouterr().out)) == found


def test_list_names_what_is_damaged(tmp_path: Path, capsys: Capture) -> None:
    folder = keep(tmp_path, make_record())
    (folder / "broken").mkdir()
    (folder / "broken" / "result.json").write_text('{"schema": 7}')
    assert run(["results", "list"]) == 0
    captured = capsys.readouterr()
    assert "written by another version of lnkit with schema 7" in captured.err
    assert "squeezenet1_1:mid" in captured.out


def test_show_prints_every_score_with_its_signature(tmp_path: Path, capsys: Capture) -> None:
    record = make_record(notes=("partial: 1 of 6",), deviations=("resolution is 32 instead of 64",))
    keep(tmp_path, record)
    assert run(["results", "show", "squeezenet1_1:mid"]) == 0
    out = capsys.readouterr().out
    for text in (
        record.id,
        "0.7000 [0.6900, 0.7100]",
        "0.7000 = 2afc|",
        "partial: 1 of 6",
        "resolution is 32",
        "ab" * 32,
    ):
        assert text in out


def test_csv_holds_what_was_measured(tmp_path: Path, capsys: Capture) -> None:
    keep(tmp_path, make_record(0.1234567890123), make_record(0.2, backbone="vgg16"))
    assert run(["results", "export"]) == 0
    frame = pd.read_csv(io.StringIO(capsys.readouterr().out)).set_index("backbone")
    assert frame.loc["squeezenet1_1", "value"] == pytest.approx(0.1234567890123, abs=1e-13)
    assert frame.loc["vgg16", "low"] == pytest.approx(0.19)


def test_parquet_holds_the_same_as_csv(tmp_path: Path, capsys: Capture) -> None:
    keep(tmp_path, make_record(), make_record(backbone="vgg16"))
    files = {form: tmp_path / f"table.{form}" for form in ("csv", "parquet")}
    for form, file in files.items():
        assert run(["results", "export", "--format", form, "--output", str(file)]) == 0
    parquet, csv = pd.read_parquet(files["parquet"]), pd.read_csv(files["csv"])
    pd.testing.assert_frame_equal(parquet, csv, check_dtype=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "table.csv", "table.parquet"]


def test_markdown_and_latex_escape_what_they_must(tmp_path: Path, capsys: Capture) -> None:
    keep(tmp_path, make_record(backbone="a|b_c"))
    assert run(["results", "export", "--format", "markdown", "--wide"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "| loss network | weights | 2afc |",
        "| --- | --- | --- |",
        "| a\\|b_c:mid | IMAGENET1K_V1 | 0.7000 |",
    ]
    assert run(["results", "export", "--format", "latex"]) == 0
    out = capsys.readouterr().out
    assert r"a\textbar{}b\_c:mid & IMAGENET1K\_V1 & 0.7000 {\scriptsize[0.6900, 0.7100]} \\" in out


def test_export_without_results_or_file_is_said(tmp_path: Path, capsys: Capture) -> None:
    assert run(["results", "export"]) == 2
    assert "There are no such results" in capsys.readouterr().err
    keep(tmp_path, make_record())
    assert run(["results", "export", "--format", "parquet"]) == 2
    assert "--output FILE" in capsys.readouterr().err


def test_compare_sets_comparable_runs_side_by_side(tmp_path: Path, capsys: Capture) -> None:
    keep(tmp_path, make_record(0.7), make_record(0.65, backbone="vgg16", weights_sha256="00" * 32, seed=3))
    assert run(["results", "compare", "squeezenet1_1:mid", "vgg16:mid"]) == 0
    title, _, row = (line.split() for line in capsys.readouterr().out.splitlines())
    assert title == ["bapps,", "protocol", "paper"]
    assert row == ["2afc", "0.7000", "0.6500", "-0.0500"]


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (
            make_record(backbone="b", protocol={"distance": "spatial", "resolution": 224}),
            "protocol.resolution: 64 against 224",
        ),
        (
            make_record(backbone="b", protocol={"distance": "style", "resolution": 64}),
            "protocol.distance: spatial against style",
        ),
        (make_record(backbone="b", variant="reference"), "variant: paper against reference"),
        (make_record(backbone="b", data={"2afc/cnn": "ef" * 32}), "data.2afc/cnn: cdcdcdcdcdcd against efefefefefef"),
        (make_record(backbone="b", data={}), "data.2afc/cnn: cdcdcdcdcdcd against nothing"),
        (make_record(backbone="b", benchmark_version="2"), "benchmark version: 1 against 2"),
        (make_record(backbone="b", precision="bf16"), "precision: fp32 against bf16"),
        (make_record(backbone="b", sample=True), "sample: False against True"),
    ],
)
def test_compare_refuses_and_says_in_which_field(other: RunRecord, says: str, tmp_path: Path, capsys: Capture) -> None:
    keep(tmp_path, make_record(), other)
    assert run(["results", "compare", make_record().id, other.id]) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""


def test_a_backbone_with_a_distance_of_its_own_is_compared(tmp_path: Path, capsys: Capture) -> None:
    pixel = make_record(0.6, backbone="pixel", protocol={"distance": "squared", "resolution": 64}, own_distance=True)
    keep(tmp_path, make_record(), pixel)
    assert run(["results", "compare", "squeezenet1_1:mid", "pixel:mid"]) == 0
    assert "-0.1000" in capsys.readouterr().out


def test_rescore_computes_the_kept_scores_again(tmp_path: Path, capsys: Capture) -> None:
    assert run(["eval", "--backbone", "pixel", "--sample"]) == 0
    capsys.readouterr()
    assert run(["results", "rescore", "pixel:image", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert len(scores) > 5
    for score in scores.values():
        assert score["computed"] == score["stored"]


@pytest.mark.parametrize(("option", "shown"), [("--json", '"stored": null'), (None, "2afc                  -")])
def test_rescore_of_a_record_that_lost_a_score(option: str | None, shown: str, tmp_path: Path, capsys: Capture) -> None:
    assert run(["eval", "--backbone", "pixel", "--sample"]) == 0
    (file,) = (tmp_path / "results").glob("*/result.json")
    record = json.loads(file.read_text("utf-8"))
    del record["scores"]["2afc"]
    file.write_text(json.dumps(record), encoding="utf-8")
    capsys.readouterr()
    assert run(["results", "rescore", "pixel:image", *([option] if option else [])]) == 0
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize("command", [["show"], ["compare"], ["rescore"]])
def test_a_result_that_is_not_there_is_said(command: list[str], capsys: Capture) -> None:
    assert run(["results", *command, *["nothing"] * (2 if command == ["compare"] else 1)]) == 2
    assert "There is no result 'nothing'" in capsys.readouterr().err


def test_an_empty_folder_says_how_to_fill_it(capsys: Capture) -> None:
    assert run(["results", "list"]) == 0
    assert "There are no such results in" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_that_cannot_be_written_is_said(form: str, tmp_path: Path, capsys: Capture) -> None:
    keep(tmp_path, make_record())
    place = tmp_path / "nowhere" / "table"
    assert run(["results", "export", "--format", form, "--output", str(place)]) == 1
    said = capsys.readouterr().err
    assert f"Cannot write {place} (No such file or directory)" in said


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_disk_that_fills_up_leaves_no_half_table(form: str, tmp_path: Path, capsys: Capture) -> None:
    """A real limit on file size stands in for a full disk."""
    keep(tmp_path, *(make_record(seed=seed) for seed in range(40)))
    place = tmp_path / "tables"
    place.mkdir()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        assert run(["results", "export", "--format", form, "--output", str(place / "table")]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert "table (File too large)" in capsys.readouterr().err
    assert list(place.iterdir()) == []


def test_kept_distances_of_another_form_are_damage(tmp_path: Path, capsys: Capture) -> None:
    assert run(["eval", "--backbone", "pixel", "--sample", "--protocol", "quick", "--json"]) == 0
    folder = Path(json.loads(capsys.readouterr().out)[0]["folder"])
    np.savez(folder / "distances.npz", a=np.zeros(3))
    assert run(["results", "rescore", "pixel:image"]) == 1
    assert "the stored arrays do not have the form" in capsys.readouterr().err
