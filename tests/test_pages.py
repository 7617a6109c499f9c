"""Figures, report, reproduction and places, from published scores and made-up records; the report in a real browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import make_record

from lnkit.cli import cli
from lnkit.results.folder import ResultsFolder

HOSTILE = "</script><img src=x onerror=alert(1)>"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def results(tmp_path: Path) -> Path:
    records = [
        make_record(0.70),
        make_record(0.68, backbone="net", family=HOSTILE, notes=(HOSTILE,), points={"late": "x"}),
    ]
    for record in records:
        ResultsFolder(tmp_path).write(record, {})
    return tmp_path


@pytest.mark.parametrize(
    ("ending", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<svg"), (".html", b"<!doctype html>")]
)
def test_a_figure_in_every_form(ending: str, start: bytes, tmp_path: Path) -> None:
    file = tmp_path / f"figure{ending}"
    run("plot", "score-against", "--score", "2afc", "--from", "published", "--output", str(file))
    content = file.read_bytes()
    assert content.startswith(start)
    if ending == ".svg":
        assert b"alexnet:mid" in content
        assert b"multiply-adds" in content


@pytest.mark.parametrize("figure", ["best-points", "early-stopping", "ranks"])
def test_figures(figure: str, tmp_path: Path) -> None:
    file = tmp_path / "figure.json"
    run("plot", figure, "--from", "published", "--output", str(file))
    assert json.loads(file.read_text())["data" if figure == "best-points" else "layer"]


def test_places(results: Path) -> None:
    placed = {
        one["loss_network"]: one
        for one in json.loads(run("compare", "net", "squeezenet1_1:mid", "--results", str(results), "--json"))
    }
    first = placed["squeezenet1_1:mid"]
    assert (first["rank"], first["of"], first["beats"]) == (1, 57, 56)  # the best published value is 0.691
    assert first["worse"]["loss_network"] == "alexnet:mid"
    second = placed["net:late"]
    assert second["rank"] == 1 + 6  # 0.691 0.688 0.686 0.685 0.682 0.682 are better
    assert second["worse"]["within_interval"]


def test_what_may_not_be_compared_has_no_place(tmp_path: Path) -> None:
    ResultsFolder(tmp_path).write(make_record(variant="quick"), {})
    (one,) = json.loads(run("compare", "squeezenet1_1", "--results", str(tmp_path), "--json"))
    assert one["rank"] is None
    assert "cut-down" in one["doubt"]


def test_reproduction(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    run("reproduce", "--results", str(results), "--output", str(page))
    text = page.read_text()
    assert "| 2afc squeezenet1_1:mid | 0.7000 [0.6900, 0.7100] | 0.685 | +0.0150 |" in text
    assert "lnkit eval --backbone vgg11 --point early,semi_early,mid,late --bench bapps --protocol reference" in text


def test_the_report_in_a_browser(results: Path, tmp_path: Path) -> None:
    sync = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("needs Chromium")
    page_file = tmp_path / "report.html"
    run("report", "--results", str(results), "--output", str(page_file))
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    said: list[str] = []
    requests: list[str] = []
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=arguments)
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append("a dialog"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(page_file.as_uri())
        page.wait_for_selector("figure svg")
        table = page.locator("#scores table")
        table.locator("th button", has_text="value").click()
        values = table.locator("tbody tr td:nth-child(3)").all_inner_texts()
        assert [float(value) for value in values] == sorted(float(value) for value in values)
        page.locator("#scores input").fill("net:late 2afc")
        assert page.locator("#scores .count").inner_text().startswith("3 of")  # alexnet, googlenet and ours
        page.locator("figure svg path[aria-roledescription=point]").first.hover(force=True)
        page.wait_for_selector("#vg-tooltip-element.visible")
        assert page.locator("img").count() == 0
        assert "running sum" in page.locator("#caveats").inner_text()
        assert page.pdf()[:4] == b"%PDF"
        browser.close()
    assert said == []
    assert requests == [page_file.as_uri()]
