"""Tables for papers in LaTeX: numbers, captions, intervals, and signatures as notes."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from helpers import make_record

from lnkit.cli import run
from lnkit.results.latex import Caption, latex_table
from lnkit.results.records import RunRecord, ScoreRecord
from lnkit.results.score_tables import results_tables
from lnkit.results.signature import split_signatures
from lnkit.results.tables import write_table

HOSTILE = r"a_b|c<d>%&#$~^\x{}[*]"


def record(value: float, backbone: str, scores: dict[str, str] | None = None, **changes: Any) -> RunRecord:
    """A record with a signature like a real one for each score: name -> how it was aggregated."""
    plain = make_record(value, backbone=backbone, **changes)
    known = plain.scores["2afc"]
    made: dict[str, ScoreRecord] = {}
    for name, aggregation in (scores or {"2afc": "mean of 6 families"}).items():
        parts = [name, plain.loss_network, f"W@{backbone}", "bapps.1/paper", "spatial", aggregation, "data:1", "fp32"]
        made[name] = replace(known, signature="|".join(parts))
    return replace(plain, scores=made)


TWO = {"2afc": "mean of 6 families", "jnd_map": "all pairs pooled"}
RECORDS = [record(0.7, "vgg16", TWO), record(0.6, "alexnet", TWO)]


def test_a_table_of_results() -> None:
    text = results_tables(RECORDS)
    assert r"\label{tab:bapps-paper}" in text
    assert r"\caption{bapps, protocol paper: primary scores with 95 \% intervals over items." in text
    assert r"\begin{tabular}{llrr}" in text, "names left, numbers right"
    assert r"\textbf{0.7000} {\scriptsize[0.6900, 0.7100]}" in text
    assert r"\underline{0.6000} {\scriptsize[0.5900, 0.6100]}" in text
    assert text.count("IMAGENET1K\\_V1") == 2, "the weights are named"
    assert r"2afc $\uparrow$" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {row.count("&") for row in rows} == {3}


def test_notes_have_whole_signatures() -> None:
    records = [*RECORDS, record(0.5, "net", {"2afc": "mean of 1 family"})]
    names = list(TWO)
    parts = split_signatures(records, names)
    assert parts.shared == ("bapps.1/paper", "spatial", "data:1", "fp32")
    assert parts.of_scores == {"2afc": (), "jnd_map": ("all pairs pooled",)}
    assert parts.of_runs[records[-1].id] == ("W@net", "mean of 1 family")
    for each in records:
        for name, score in each.scores.items():
            known = {name, each.loss_network, *parts.shared, *parts.of_scores[name], *parts.of_runs[each.id]}
            assert set(score.signature.split("|")) <= known
    text = results_tables(RECORDS)
    assert r"Signature: bapps.1/paper \textbar{} spatial \textbar{} data:1 \textbar{} fp32." in text
    assert "2afc: mean of 6 families." in text
    assert r"$^{a}$\,W@vgg16" in text
    assert r"vgg16:mid$^{a}$" in text
    assert r"alexnet:mid$^{b}$" in text


def test_one_result_has_a_table_too() -> None:
    text = results_tables(RECORDS[:1])
    assert "textbf" not in text, "one value is not the best of several"
    assert "Bold" not in text
    assert "$^{a}$" not in text, "a note on every row needs no letter"


def test_protocols_have_tables_of_their_own() -> None:
    text = results_tables([*RECORDS, record(0.9, "vgg16", variant="quick", sample=True)])
    assert re.findall(r"\\label\{(.*?)\}", text) == ["tab:bapps-paper", "tab:bapps-quick"]
    assert "protocol quick, SAMPLE DATA:" in text
    assert r"\textbf{0.7000}" in text, "0.9 is of another protocol"


def test_what_cannot_be_compared_has_no_best() -> None:
    other = record(0.9, "net", TWO, precision="bf16")
    text = results_tables([*RECORDS, other])
    assert "textbf" not in text
    assert "These results do not measure the same thing: they differ in precision: fp32 against bf16." in text


def test_many_scores_are_several_tables() -> None:
    text = results_tables([record(0.7, "vgg16", {f"s{i}": "mean" for i in range(7)})])
    assert re.findall(r"\\label\{(.*?)\}", text) == [f"tab:bapps-paper-{i}" for i in (1, 2, 3)]
    assert re.findall(r"s\d(?= \$)", text) == [f"s{i}" for i in range(7)]


def test_many_rows_go_over_pages() -> None:
    cells = pd.DataFrame({"name": [f"n{i}" for i in range(100)], "value": ["1.0"] * 100})
    notes = [["odd" if i % 2 else "even", "all"] for i in range(100)]
    text = latex_table(cells, [False, True], Caption("Many.", "tab:many"), notes)
    assert r"\begin{longtable}{lr}" in text
    assert text.count(r"\midrule") == 2, "the head is repeated"
    assert "\nn1$^{b}$ & 1.0" in text
    assert "\nall\\par" in text
    assert text.count(r"\begin") == text.count(r"\end{")


def test_published_tables_keep_their_digits(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["published", "export", "performance_scores", "--format", "latex"]) == 0
    out = capsys.readouterr().out
    assert r"superres$^{b}$ & x4\_psnr\_set5 & squeezenet1\_1 & early & 31.1 \\" in out
    assert out.count("running sum") == 1, "a caveat is one note"
    assert r"\begin{longtable}{llllr}" in out


@pytest.mark.exhaustive
def test_latex_compiles_it(tmp_path: Path) -> None:
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("needs pdflatex with booktabs")
    hostile = [record(0.7, HOSTILE, {HOSTILE: HOSTILE}), record(0.6, "alexnet", {HOSTILE: "mean"})]
    long = pd.DataFrame({"name": [HOSTILE] * 90, "value": [0.5] * 90, "caveat": [HOSTILE] * 90})
    texts = [results_tables(hostile), write_table(long, "latex", None, caption=Caption(HOSTILE, "tab:long"))]
    document = r"\documentclass{article}\usepackage{booktabs,longtable}\begin{document}"
    (tmp_path / "paper.tex").write_text("\n".join([document, *texts, r"\end{document}"]))
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
