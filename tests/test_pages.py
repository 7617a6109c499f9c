"""Report and reproduction from published scores and made-up records; the report in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import make_record

from lnkit.cli import cli
from lnkit.report.markup import Cell, Figure, Section, page, table
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


def test_reproduction(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    run("reproduce", "--results", str(results), "--output", str(page))
    text = page.read_text()
    assert "| 2afc squeezenet1_1:mid | 0.7000 [0.6900, 0.7100] | 0.685 | +0.0150 |" in text
    assert "lnkit eval --backbone vgg11 --point early,semi_early,mid,late --bench bapps --protocol reference" in text


def test_reproduction_lists_each_command_once(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    out = run("reproduce", "--results", str(tmp_path / "none"), "--output", str(page))
    assert "0 of 1,064 published scores measured." in out
    text = page.read_text()
    assert "0 of 1,064 published scores measured." in text
    commands = re.findall(r"lnkit eval --backbone \S+ --point \S+ --bench \S+", text)
    assert len(commands) == len(set(commands)) == 14 * 4
    assert ">own result</th>" not in text, "no value of a table is called ours where nothing was measured"
    assert "The commands under Table VI compute them." in text


def test_reproduction_counts_what_was_measured(results: Path, tmp_path: Path) -> None:
    arguments = ["reproduce", "--results", str(results), "--output", str(tmp_path / "page.html")]
    assert "1 of 1,064 published scores measured." in run(*arguments)
    table_v = next(part for part in json.loads(run(*arguments, "--json")) if part["title"].startswith("Table V:"))
    assert (len(table_v["lines"]), table_v["missing"]) == (1, 111)
    assert not any("squeezenet1_1 --point mid" in command for command in table_v["commands"])


def test_a_quote_ends_no_attribute() -> None:
    class Cells(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "td":
                cells.append(attrs)

    cells: list[list[tuple[str, str | None]]] = []
    hostile = '" onmouseover="alert(1)\' x='
    Cells().feed(table(["name"], [[Cell("shown", hostile)]]))
    assert cells == [[("data-value", hostile)]]


def test_no_name_ends_the_script_of_a_figure() -> None:
    spec = {"title": "</script ><!--<script & more"}
    text = page("title", [Section("s", "section", figures=(Figure("f", spec),))])
    data = text.partition('id="f-spec">')[2].partition("</script>")[0]
    assert json.loads(data) == spec
    assert "<" not in data


@pytest.mark.exhaustive
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
