"""Report and reproduction from published scores and made-up records; the report in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers import make_record
from htmlpages import read

from lnkit.analysis.collect import gather
from lnkit.cli import cli
from lnkit.report.markup import Cell, Figure, Section, page, table
from lnkit.report.page import build_report
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


@pytest.fixture(scope="module")
def published_report() -> str:
    return build_report(gather(origin="published"))


def test_the_overview_answers_for_each_task(published_report: str) -> None:
    overview = published_report.partition('id="overview"')[2].partition("</section>")[0]
    answers = dict(re.findall(r"<h3>(\w+)</h3><p class=\"answer[^>]*>([\w: ]+)", overview))
    assert answers == {
        "bapps": "vgg11:late",
        "superres": "squeezenet1_1:early",
        "delineation": "no answer",
        "autoencoder": "vgg19:mid",
    }
    assert overview.count("<dt>how sure</dt>") == overview.count("<dt>cost</dt>") == 3
    assert "21.3 M multiply-adds, 1,792 parameters" in overview


def test_the_order_of_table_x_is_never_the_best_without_a_mark(published_report: str) -> None:
    best = published_report.partition('id="best"')[2].partition("</section>")[0]
    rows = [row for row in best.split("<tr>") if ">delineation</td>" in row]
    assert len(rows) == 3
    assert all("(order in doubt)<sup>" in row for row in rows)
    assert best.count("(order in doubt)<sup>") == 3
    points = published_report.partition('id="best-points"')[2].partition("</section>")[0]
    rows = [row for row in points.split("<tr>") if ">delineation</td>" in row]
    assert len(rows) == 3 * 14
    assert all('class="note"' in row for row in rows)
    heads = published_report.partition('id="ranks"')[2].partition("</thead>")[0]
    marked = re.findall(r">(\w+)<sup>", heads)
    assert marked == ["delineation", "autoencoder", "all"]


def test_each_mark_leads_to_its_caveat(published_report: str) -> None:
    page = read(published_report)
    marks = {link for link in page.links if link.startswith("#caveat-")}
    assert marks == {"#caveat-1", "#caveat-2"}
    assert {mark[1:] for mark in marks} <= page.anchors


def test_published_values_keep_their_digits(published_report: str) -> None:
    scores = published_report.partition('id="scores"')[2].partition("</section>")[0]
    assert re.search(r"squeezenet1_1:early</td><td>x4_psnr_set5</td><td[^>]*>31\.1</td>", scores)
    assert re.search(r"alexnet:mid</td><td>2afc</td><td[^>]*>0\.691</td>", scores)


def test_one_figure_has_all_scores(published_report: str) -> None:
    assert published_report.count("<figure ") == 1
    data = json.loads(published_report.partition('id="explorer-spec">')[2].partition("</script>")[0])
    assert len(data["rows"]) == 1064
    assert len(data["scores"]) == 19
    assert {score["score"] for score in data["scores"] if score["doubt"]} == {"correctness", "completeness", "quality"}
    assert data["attributes"]["point_macs"]["squeezenet1_1:early"] == 21290688
    assert set(data["views"]) == {
        "best extraction points",
        "mean ranks",
        "correlations with attributes",
        "BAPPS against ImageNet accuracy",
    }


def test_a_report_of_one_own_score(tmp_path: Path) -> None:
    ResultsFolder(tmp_path).write(make_record(0.7), {})
    text = build_report(gather(tmp_path, "own"))
    assert "<b>1</b> own record</li><li><b>1</b> own loss network</li>" in text
    assert "There is no choice: only squeezenet1_1:mid was measured." in text
    assert text.count("<figure ") == 1
    assert 'id="caveat-' not in text


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
        assert page.evaluate("document.documentElement.scrollHeight") < 9000
        table = page.locator("#scores table")
        visible = page.locator("#scores tbody tr:visible")
        assert visible.count() == 10
        more = page.locator("#scores .more")
        more.click()
        assert (visible.count(), more.get_attribute("aria-expanded")) == (1066, "true")
        more.click()
        page.emulate_media(media="print")
        assert visible.count() == 1066, "print shows all rows"
        page.emulate_media(media="screen")
        table.locator("th button", has_text="value").click()
        values = table.locator("tbody tr td:nth-child(3)").evaluate_all("all => all.map((td) => td.firstChild.data)")
        assert [float(value) for value in values] == sorted(float(value) for value in values)
        page.locator("#scores input").fill("net:late 2afc")
        assert page.locator("#scores .count").inner_text().startswith("3 of")  # alexnet, googlenet and ours
        page.locator("figure svg path[aria-roledescription=point]").first.hover(force=True)
        page.wait_for_selector("#vg-tooltip-element.visible")
        _choose_figures(page)
        assert page.locator("img").count() == 0
        assert "running sum" in page.locator("#caveats").inner_text()
        assert page.pdf()[:4] == b"%PDF"
        assert page.locator("details[open]").count() == 0
        page.set_viewport_size({"width": 390, "height": 844})
        page.reload()
        page.wait_for_selector("figure svg")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.emulate_media(color_scheme="dark")
        color = "getComputedStyle(document.querySelector('figure svg text')).fill"
        assert page.evaluate(color) == "rgb(230, 233, 236)", "figures follow dark mode"
        browser.close()
    assert said == []
    assert set(requests) == {page_file.as_uri()}


def _choose_figures(page: Any) -> None:
    """Choose every axis, then every other figure; each is drawn, and a screen reader is told which one."""
    label = page.locator("figure .chart")
    selects = {
        name: page.locator("#figure").get_by_role("combobox", name=name, exact=True)
        for name in ("figure", "benchmark", "score", "axis", "data")
    }
    told = set()
    for index in range(selects["axis"].locator("option").count()):
        selects["axis"].select_option(index=index)
        told.add(label.get_attribute("aria-label"))
        page.wait_for_selector("figure svg path[aria-roledescription=point]", state="attached")
    assert len(told) == 17  # extraction points and 16 attributes
    assert all(text.startswith("bapps: 2afc") and "Best value: " in text for text in told)
    selects["benchmark"].select_option("delineation")
    assert "Best value" not in label.get_attribute("aria-label")
    assert "running sum" in page.locator("figcaption").inner_text()
    for index in range(1, selects["figure"].locator("option").count()):
        selects["figure"].select_option(index=index)
        told.add(label.get_attribute("aria-label"))
        page.wait_for_selector("figure svg")
    assert len(told) == 17 + 4
    assert selects["axis"].is_hidden()
    selects["figure"].select_option(index=0)
