"""The screens of commands, as a terminal of 80 and of 120 columns shows them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass, replace
from pathlib import Path

import pyte
import pytest
from helpers import make_record, read_terminal
from PIL import Image

from lnkit.cli._layout import draw, fit
from lnkit.cli._scores import show_scores
from lnkit.plugins.load import default_registry
from lnkit.results.folder import ResultsFolder

LINES = 5000
RAW_WIDTH = 1000  # no line of a table is as wide: what is wider than the screen is seen
LISTINGS = [
    "list-backbones", "list-backbones *", "list-benchmarks", "list-distances", "data list", "points squeezenet1_1",
    "published list", "plugins", "weights list", "weights list timm/*",
]  # fmt: skip
HEADERS = {
    "list-backbones": "backbone  ", "list-backbones *": "backbone  ", "list-benchmarks": "benchmark  ",
    "list-distances": "distance  ", "data list": "dataset  ", "points squeezenet1_1": "point  ",
    "published list": "table  ", "plugins": "plugin  ",
    "weights list": "backbone  ", "weights list timm/*": "backbone  ",
}  # fmt: skip


@dataclass
class Shown:
    """What a terminal shows."""

    lines: list[str]  # as written, each on one row of a very wide screen
    code: int


def screen(words: list[str], columns: int, rows: int = LINES, cwd: Path | None = None, **environment: str) -> Shown:
    """Run a command on a terminal and return what it wrote, line by line."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-m", "lnkit", *words]
    process = subprocess.Popen(
        command, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs,
        env=kept | {"TERM": "xterm", "PAGER": "cat"} | environment,
    )  # fmt: skip
    os.close(theirs)
    written = read_terminal(ours)
    emulator = pyte.Screen(RAW_WIDTH, LINES)
    pyte.ByteStream(emulator).feed(written)
    used = max((row for row, cells in emulator.buffer.items() if cells), default=-1) + 1
    lines = ["".join(emulator.buffer[row][i].data for i in range(RAW_WIDTH)).rstrip() for row in range(used)]
    return Shown(lines, process.wait())


def broken_names(lines: list[str], names: set[str]) -> list[str]:
    """Return first words of a listing's rows that are no whole names."""
    rule = next(i for i, line in enumerate(lines) if line.startswith("───"))
    width = len(re.match("─+", lines[rule])[0])  # type: ignore[index]  # the line starts with it
    end = next((i for i, line in enumerate(lines) if " left out: " in line or (i > rule and not line)), len(lines))
    return [cell for line in lines[rule + 1 : end] if (cell := line[:width].strip()) and cell not in names]


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("words", LISTINGS)
def test_no_line_of_a_listing_is_wider_than_the_terminal(words: str, columns: int) -> None:
    shown = screen(words.split(), columns)
    assert shown.code == 0
    assert [line for line in shown.lines if len(line) > columns] == []
    assert any(line.startswith(HEADERS[words]) for line in shown.lines)


TABLES = {  # command -> the start of its header, and words or numbers that stay whole on one line
    "attributes": ("backbone  ", ["efficientnet_b7", "143,667,240", "15,470 M", "84.122 [78.642]"]),
    "attributes --points": ("loss network  ", ["efficientnet_b7:semi_early", "resnext50_32x4d:early"]),
    "recommend --task superres": ("loss network  ", ["squeezenet1_1:early", "resnext50_32x4d:early", "21.3 M"]),
    "recommend --task bapps": ("loss network  ", ["alexnet:mid", "0.691"]),
    "analyze ranks --bench superres": ("backbone  ", ["resnext50_32x4d", "11.12"]),
    "analyze best-points --bench superres": ("backbone  ", ["efficientnet_b7", "x4_psnr_set5"]),
    "analyze front --bench superres": ("score  ", ["x4_psnr_bsd100", "efficientnet_b0:semi_early", "10,838,016"]),
    "analyze correlations --bench bapps": ("score  ", ["2afc", "jnd_map"]),
    "place vgg16:late": ("loss network  ", ["vgg16:late", "15.3 G", "x4_psnr_bsd100", "46.5 of 56"]),
}  # fmt: skip


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("words", TABLES)
def test_tables_of_the_published_study_fit_and_break_no_name_or_number(
    words: str, columns: int, tmp_path: Path
) -> None:
    shown = screen(words.split(), columns, cwd=tmp_path)
    header, whole = TABLES[words]
    assert shown.code == 0
    assert [line for line in shown.lines if len(line) > columns] == []
    assert any(line.startswith(header) for line in shown.lines)
    assert [text for text in whole if not any(text in line for line in shown.lines)] == []


@pytest.mark.parametrize("columns", [80, 120])
def test_own_results_among_published_metrics_fit(columns: int, tmp_path: Path) -> None:
    score = replace(make_record().scores["2afc"], value=-0.91, n=866, unit="correlation", interval=(-0.93, -0.89))
    record = make_record(benchmark="csiq", variant="native", scores={"srcc": score})
    ResultsFolder(tmp_path / "results").write(record, {})
    shown = screen(["place", "--bench", "iqa", "--rows"], columns, cwd=tmp_path)
    assert shown.code == 0
    assert [line for line in shown.lines if len(line) > columns] == []
    assert any(line.startswith("loss network  ") for line in shown.lines)
    for whole in ("squeezenet1_1:mid", "18 of 18", "-0.91", "lpips-vgg+", "750 without contrast"):
        assert any(whole in line for line in shown.lines), whole


@pytest.mark.parametrize("columns", [80, pytest.param(120, marks=pytest.mark.exhaustive)])
def test_losses_and_distances_of_images_fit(columns: int, tmp_path: Path) -> None:
    described = screen(["loss", "show", "vgg19:conv1_2*0.1+conv2_2*0.1+conv3_4*1+conv4_4*1+conv5_4*1, l1"], columns)
    assert described.code == 0
    assert [line for line in described.lines if len(line) > columns] == []
    assert any(line.startswith("weight  backbone  point") for line in described.lines)
    assert any("19,508.4 M" in line and "vgg19" in line for line in described.lines)
    name = "a_photograph_with_a_rather_long_name_that_says_where.png"
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (64, 64), {"a": (9, 9, 9), "b": (99, 0, 99)}[folder]).save(tmp_path / folder / name)
    compared = screen(["distance", "a", "b", "--backbone", "pixel", "--point", "image"], columns, cwd=tmp_path)
    assert compared.code == 0
    assert [line for line in compared.lines if len(line) > columns] == []
    assert any(line.split() == ["image", "distance"] for line in compared.lines)
    assert any(re.fullmatch(rf"{name}  [\d.e-]+", line) for line in compared.lines)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("words", ["list-backbones", "list-backbones *", "weights list", "weights list *"])
def test_no_name_of_a_backbone_is_broken(words: str, columns: int) -> None:
    names = set(default_registry().backbones)
    lines = screen(words.split(), columns).lines
    assert broken_names(lines, names) == []
    listed = {line.split()[0] for line in lines if line} & names
    assert len(listed) == (len(names) if words.endswith("*") else 14)


def test_the_first_screen_shows_the_study_and_how_to_see_the_others() -> None:
    lines = screen(["list-backbones"], 80).lines
    text = " ".join(lines)
    assert len(lines) < 40
    assert "4 standard points + lpips" in text
    assert "2 columns left out: trained on, plugin; --wide shows all." in text
    assert f"There are {len(default_registry().backbones):,} in all; `lnkit list-backbones '*'` lists them." in text


def test_wide_shows_every_column_and_every_point() -> None:
    lines = screen(["list-backbones", "vgg16", "--wide"], 80).lines
    assert lines[0].split() == ["backbone", "family", "weights", "trained", "on", "points", "plugin"]
    assert "early, semi_early, mid, late, lpips" in " ".join(lines)


def test_a_list_longer_than_the_screen_goes_to_a_pager(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho PAGED\ncat\n")
    pager.chmod(0o755)
    for rows, paged in ((12, True), (60, False)):
        lines = screen(["list-backbones", "--family", "VGG"], 80, rows, PAGER=str(pager)).lines
        assert ("PAGED" in lines) == paged
        assert sum(line.startswith("vgg16 ") for line in lines) == 1


@pytest.mark.parametrize("columns", [80, 120])
def test_the_list_of_results_keeps_its_scores(columns: int, tmp_path: Path) -> None:
    record = make_record()
    ResultsFolder(tmp_path).write(record, {})
    shown = screen(["results", "list", "--results", str(tmp_path)], columns)
    assert [line for line in shown.lines if len(line) > columns] == []
    assert record.key.digest()[:12] in shown.lines[2]
    name, score = next(iter(record.main_scores)), record.scores[next(iter(record.main_scores))]
    assert f"{name} {score.value:.4f}" in " ".join(shown.lines)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_result_is_shown_within_the_width(columns: int, tmp_path: Path) -> None:
    note_ = "the judgments are constructions, in which the weaker distortion is the closer one, not people's answers"
    record = make_record(notes=(note_,))
    ResultsFolder(tmp_path).write(record, {})
    hash_ = record.key.digest()[:12]
    lines = screen(["results", "show", hash_, "--results", str(tmp_path)], columns).lines
    (signature,) = [line for line in lines if " = 2afc|" in line]  # on one line, to be copied
    assert [line for line in lines if len(line) > columns and line != signature] == []
    assert any(line.startswith("score  ") for line in lines)
    assert any("0.7000 [0.6900, 0.7100]" in line for line in lines)
    assert note_ in " ".join(" ".join(lines).split())
    assert record.key.weights_sha256 in " ".join(lines)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_comparison_keeps_the_ends_and_the_difference(columns: int, tmp_path: Path) -> None:
    values = [0.61, 0.62, 0.63, 0.64, 0.65, 0.66, 0.67, 0.68, 0.69]
    records = [make_record(value, backbone=f"efficientnet_b{i}") for i, value in enumerate(values)]
    for record in records:
        ResultsFolder(tmp_path).write(record, {})
    hashes = [record.key.digest()[:12] for record in records]
    lines = screen(["results", "compare", *hashes, "--results", str(tmp_path)], columns).lines
    assert [line for line in lines if len(line) > columns] == []
    row = next(line for line in lines if line.startswith("2afc "))
    values_shown = row.split()[1:]
    assert (values_shown[0], values_shown[-2:]) == ("0.6100", ["0.6900", "+0.0800"])
    text = " ".join(" ".join(lines).split())
    assert "left out: efficientnet_b" in text
    assert "difference" not in text.partition("left out:")[2]


def test_results_of_one_loss_network_are_told_apart_by_their_hash(tmp_path: Path) -> None:
    records = [make_record(value, weights_sha256=letter * 64) for value, letter in ((0.6, "a"), (0.7, "b"))]
    for record in records:
        ResultsFolder(tmp_path).write(record, {})
    hashes = [record.key.digest()[:12] for record in records]
    text = " ".join(screen(["results", "compare", *hashes, "--results", str(tmp_path)], 80).lines)
    assert all(hash_ in text for hash_ in hashes)


def test_intervals_products_and_units_stay_whole() -> None:
    cells = [["vgg16:late", "0.9040 [0.8627, 0.9338]", "64 x 31 x 31", "1.7 M", "a b c d e f g h i j k l m n o p"]]
    columns = ["loss network", "value", "output", "macs", "what it is"]
    for width in range(30, 110):
        shown = fit(columns, cells, width)
        lines = draw([columns[i] for i in shown], [[row[i] for i in shown] for row in cells], width)
        text = "\n".join(lines)
        assert all(len(re.sub("\x1b.*?m", "", line)) <= width for line in lines)
        for i, whole in ((1, "[0.8627, 0.9338]"), (2, "64 x 31 x 31"), (3, "1.7 M")):
            assert (whole in text) == (i in shown)


def test_columns_are_left_out_by_importance() -> None:
    columns, cells = ["name", "plugin", "scores"], [["a" * 30, "b" * 30, "c" * 30]]
    assert fit(columns, cells, 70) == [0, 1]
    assert fit(columns, cells, 70, ["plugin"]) == [0, 2]
    assert fit(columns, cells, 20, ["plugin"]) == [0]


@pytest.mark.parametrize("columns", [80, 120])
def test_a_run_shows_its_table_and_the_shared_signature_on_one_screen(columns: int, tmp_path: Path) -> None:
    words = ["eval", "--backbone", "pixel", "--sample", "--results", "out"]
    folder = tmp_path / "work"
    folder.mkdir()
    lines = screen(words, columns, cwd=folder).lines
    assert len(lines) <= 24
    assert [line for line in lines if len(line) > columns] == []
    text = " ".join(" ".join(lines).split())
    (record,) = ResultsFolder(folder / "out").load()[0]
    assert f"pixel:image {record.scores['2afc'].value:.4f} [" in text
    for name in record.main_scores:
        for part in record.scores[name].signature.split("|"):
            assert part in text
    assert text.count("bapps.1/paper") == 1
    assert " 2afc | mean of 5 families jnd_map | all pairs pooled Results: " in text
    assert text.count("mean of 5 families") == text.count("all pairs pooled") == 1
    assert f"`lnkit results show {record.key.digest()[:12]} --results out`" in text
    assert "Note: made on sample data: not comparable with published or full scores" in text
    whole = screen([*words, "--signatures"], columns, cwd=folder).lines
    assert f"{record.scores['2afc'].value:.4f} = {record.scores['2afc'].signature}" in whole
    assert any(line.startswith("2afc/sample_blur ") for line in whole)


def test_rows_that_differ_in_their_point_share_one_signature(capsys: pytest.CaptureFixture[str]) -> None:
    records = [make_record(points={point: f"features.{i}"}) for i, point in enumerate(("early", "mid", "late"))]
    show_scores(records, whole=False)
    lines = capsys.readouterr().out.splitlines()
    (shared,) = [line for line in lines if line.startswith("Signature: ")]
    for record in records:
        for name in record.main_scores:
            parts = record.scores[name].signature.split("|")
            own = next((line for line in lines if line.startswith(f"  {name} | ")), "")
            assert set(parts[2:]) <= {*shared.removeprefix("Signature: ").split(" | "), *own.split(" | ")}
    assert len(lines) - lines.index(shared) <= 1 + len(records[0].main_scores)


@pytest.mark.parametrize("columns", [80, 120])
def test_many_rows_fold_to_one_screen_that_says_how_to_see_all(columns: int, tmp_path: Path) -> None:
    points = [word for i in range(1, 13) for word in ("--point", f"features.{i}")]
    words = ["eval", "--backbone", "squeezenet1_1", "--weights", "random", "--sample", "--results", "out", *points]
    lines = screen(words, columns, 24, tmp_path).lines
    assert len(lines) <= 24
    assert [line for line in lines if len(line) > columns] == []
    rows = [line for line in lines if line.startswith("squeezenet1_1:features.")]
    assert f"... and {12 - len(rows)} more rows: --wide shows all." in lines
    assert "Results: 12 folders in out" in lines
    assert len(rows) >= 5
    text = " ".join(" ".join(lines).split())
    assert "Next: `lnkit results list --results out` lists all results; --signatures shows all scores here." in text
    taller = screen(words, columns, 40, tmp_path).lines
    assert sum(line.startswith("squeezenet1_1:features.") for line in taller) == 12
    whole = screen([*words, "--wide"], columns, 24, tmp_path).lines
    assert sum(line.startswith("squeezenet1_1:features.") for line in whole) == 12
    assert sum(line.startswith("Results: out/") for line in whole) == 12
    assert not [line for line in whole if line.startswith("... and ")]


def test_an_error_is_wrapped_between_words() -> None:
    lines = screen(["eval", "--backbone", "pixel", "--bench", "tid2013", "--set", "factors=2"], 80).lines
    assert len(lines) > 1
    assert all(len(line) <= 80 for line in lines)
    expected = "The protocol of 'tid2013' has no field 'factors'; it has: distance, channel_norm"
    assert expected in " ".join(lines)


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", ["plan", "plan --tasks", "status"])
def test_sweeps_fit_and_break_no_name(command: str, columns: int, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('backbones = ["@pihlgren2023"]\nbench = ["bapps", "superres"]\n')
    action, *options = command.split()
    lines = screen(["sweep", action, "study.toml", *options, "--results", "here"], columns, cwd=tmp_path).lines
    path = f"Results: {tmp_path}"  # may be longer than the screen, and is not broken
    assert [line for line in lines if len(line) > columns and not line.startswith(path)] == []
    assert lines[0].startswith("benchmark  ")
    assert any(line.startswith("superres ") and " 56 " in line for line in lines)
    if options:
        names = {line.split("  ")[0] for line in lines}
        assert {"bapps efficientnet_b7", "superres resnext50_32x4d:semi_early"} <= names
