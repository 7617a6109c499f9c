"""Text of others in exports: other people's parsers find the text again and nothing that acts."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from helpers import make_record
from markdown_it import MarkdownIt

from lnkit import escapes
from lnkit.cli import run
from lnkit.report.markup import Section, page, table
from lnkit.results import forms
from lnkit.results.folder import ResultsFolder
from lnkit.results.tables import write_table

TEXTS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[click](javascript:alert(1))",
    "![x](http://a.example/b)", "[a][b]", "[a]: javascript:1", "<javascript:alert(1)>", "a|b", "a\nb",
    "a\r\n\r\n# b", "`x`", "``` x", "**b**", "__b__", "_b_", "a*b*c", "~~s~~", "&lt;b&gt;", "&#x3c;b", "\\", "\\|",
    "a\\|b", "\\[x](y)", "$x$", "# h", "- a", "1. a", "> q", "---", "<!-- x", "semi_early+late", "[0.69, 0.71]",
    "\u202ex", "x\u2028y", "'", '"', "\\]\\(javascript:1)", "]\\(x)[a](b)",
)  # fmt: skip
FORMULAS = (
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1+1", "'=1", "''=1",
    "-", "-x", "=HYPERLINK(\"http://a.example\",\"x\")", "+", "--1", "1=1,=2", '"=1"',
)  # fmt: skip
PLAIN = ("-0.5", "+5", "-1e-5", "-.5", "1", "a", "a=b", "'quoted'", "-inf", "-nan", "x-y", "", "-1.")


def one_line(text: str) -> str:
    """What is left of a text where characters that no line may have are spaces."""
    return re.sub("[\x00-\x1f\u202e\u2028]", " ", text)


# Markdown


@pytest.mark.parametrize("text", TEXTS)
def test_markdown_shows_the_text_and_nothing_else(text: str) -> None:
    """As CommonMark with GitHub's tables reads it, HTML and links allowed."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    cell = write_table(pd.DataFrame({"name": [text, "next"], "value": ["1", "2"]}), "markdown", None)
    tokens = parser.parse(cell)
    kinds = {token.type for token in tokens} | {c.type for token in tokens for c in token.children or ()}
    assert kinds <= {
        *(f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")),
        "inline", "text", "text_special",
    }  # fmt: skip
    shown = ["".join(c.content for c in token.children or ()) for token in tokens if token.type == "inline"]
    assert shown == ["name", "value", one_line(text).strip(), "1", "next", "2"]


def test_names_and_intervals_stay_readable() -> None:
    assert (
        escapes.markdown("squeezenet1_1:semi_early 0.70 [0.69, 0.71]") == "squeezenet1_1:semi_early 0.70 [0.69, 0.71]"
    )


# CSV


@pytest.mark.parametrize("text", FORMULAS)
def test_no_spreadsheet_takes_a_cell_for_a_formula(text: str) -> None:
    file = write_table(pd.DataFrame({text: [text], "n": [-0.5]}), "csv", None)
    header, row = csv.reader(io.StringIO(file))
    for cell in (header[0], row[0]):
        starts = cell.lstrip()[:1]
        assert starts not in {"=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"}, cell
        assert escapes.csv_text(cell) == one_line(text)
    assert row[1] == "-0.5"


@pytest.mark.parametrize("text", PLAIN)
def test_numbers_and_names_stay_what_they_are(text: str) -> None:
    assert escapes.csv_cell(text) == text == escapes.csv_text(text)


def test_numbers_below_zero_stay_numbers() -> None:
    frame = pd.DataFrame(
        {"a": [-0.5, float("nan")], "b": [-3, 4], "c": ["-0.25", "=1"], "d": pd.array([-1, None], "Int64")}
    )
    text = write_table(frame, "csv", None)
    assert text == "a,b,c,d\n-0.5,-3,-0.25,-1\n,4,'=1,\n"
    assert pd.read_csv(io.StringIO(text)).a[0] == -0.5


def test_a_table_without_hostile_text_is_that_of_pandas() -> None:
    frame = pd.DataFrame({"a": ["x", "y,z"], "b": [0.1, 1e-20], "c": [True, False], "d": [None, "q"]})
    assert write_table(frame, "csv", None) == frame.to_csv(index=False)


# LaTeX


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a%b & c", r"a\%b \& c"),
        ("^^5cinput", r"\textasciicircum{}\textasciicircum{}5cinput"),
        ("[5cm]x", "{[}5cm{]}x"),  # after the \\ of the row above it would be an argument
        ("*x", "{*}x"),
        ("a\n\nb\x1bc", "a b c"),
        ("$x_1$ ~#", r"\$x\_1\$ \textasciitilde{}\#"),
        ("a|b<c>", r"a\textbar{}b\textless{}c\textgreater{}"),  # else a dash and two marks, in the fonts of LaTeX
    ],
)
def test_latex_shows_the_text(text: str, wanted: str) -> None:
    lines = write_table(pd.DataFrame({"name": ["first", text]}), "latex", None).splitlines()
    assert f"{wanted} \\\\" in lines


# HTML


class Seen(HTMLParser):
    """Collects elements, attributes and text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", [*TEXTS, "' onmouseover='x", '" onmouseover="x', "</td></table><h1>"])
def test_html_shows_the_text_and_nothing_else(text: str) -> None:
    plain = Seen(page("x", [Section("s", "x", table(["x"], [["x"]]))]))
    hostile = Seen(page(text, [Section("s", text, table([text], [[text]], caption=text))]))
    assert hostile.elements - {"caption"} == plain.elements
    assert hostile.attributes == plain.attributes
    assert hostile.text.count(one_line(text)) >= 5


def test_figures_are_xml_and_data_whatever_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SVG with an escape character in it could not be opened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(forms, "_is_name", lambda text: True)  # else such names are refused when they are read
    name = "a\x1b[2J</text><script>alert(1)</script>\u202e\x07"
    for number, backbone in enumerate((name, "b")):
        score = replace(make_record().scores["2afc"], value=0.5 + number / 10, interval=None)
        record = make_record(backbone=backbone, scores={"2afc": score}, weights_sha256=f"{number:02d}" * 32)
        ResultsFolder(tmp_path / "results").write(record, {})
    for ending in ("svg", "json", "html"):
        words = ["plot", "point-spread", "--score", "2afc", "--from", "own", "--output", f"figure.{ending}"]
        assert run(words) == 0
    root = ET.fromstring((tmp_path / "figure.svg").read_text(encoding="utf-8"))
    assert {element.tag.rpartition("}")[2] for element in root.iter()} & {"script", "foreignObject", "a"} == set()
    text = json.dumps(json.loads((tmp_path / "figure.json").read_text()), ensure_ascii=False)
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "<script>alert" not in (tmp_path / "figure.html").read_text(encoding="utf-8")
