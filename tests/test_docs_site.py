"""The built site: nothing is downloaded, every link has a target, everything registered or public is documented."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from htmlpages import Page, read
from test_public_door import PROMISED

import lnkit.hookspecs
from lnkit.cli import COMMANDS, cli
from lnkit.plugins.load import default_registry

ROOT = Path(__file__).resolve().parents[1]
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NO_NETWORK = """
import socket

def refuse(self, address):
    raise OSError(f"Expected a build without connections, got one to {address}.")

socket.socket.connect = refuse
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it, without a network."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    paths = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": paths, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder / "site")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Every page by its path in the site."""
    return {file.relative_to(site).as_posix(): read(file.read_text("utf-8")) for file in site.rglob("*.html")}


def test_make_docs_is_what_is_tested() -> None:
    assert "$(BIN)/mkdocs build --strict" in (ROOT / "Makefile").read_text()


def test_readers_fetch_nothing(site: Path, pages: dict[str, Page]) -> None:
    """No script, style, font or picture is external, and the theme's script has no reason to download one."""
    assert {load for page in pages.values() for load in page.loads if is_external(load)} == set()
    styles = "".join(file.read_text("utf-8") for file in site.rglob("*.css"))
    imported = re.findall(r"(?:url\(|@import)\s*[\"']?([^)\"';]+)", styles)
    assert [address for address in imported if is_external(address)] == []
    for name, page in pages.items():
        assert "mermaid" not in page.text, f"{name} would make the theme download Mermaid"


def test_search_works_from_disk(site: Path, pages: dict[str, Page]) -> None:
    """Pages opened from disk cannot start workers or request files: a stand-in for both is loaded first."""
    (stand_in,) = {load for load in pages["index.html"].loads if "iframe-worker" in load}
    assert "file:" in (site / stand_in).read_text("utf-8")
    assert (site / "search" / "search_index.js").read_text("utf-8").startswith("var __index = ")


def test_every_link_has_a_target(site: Path, pages: dict[str, Page]) -> None:
    dead = [
        f"{name}: {link}"
        for name, page in pages.items()
        if name != "404.html"  # served for any address
        for link in (*page.links, *page.loads)
        if not is_external(link) and not has_target(site, pages, name, link)
    ]
    assert dead == []


def test_tabs_can_be_read(site: Path) -> None:
    """White on the color of the header, at the opacity of a tab: at least 4.5:1, as WCAG asks for text of this size."""
    styles = {
        kind: next(site.glob(f"assets/stylesheets/{kind}.*.min.css")).read_text("utf-8") for kind in ("main", "palette")
    }
    own = (site / "assets/site.css").read_text("utf-8")
    background = re.search(r"color-primary=blue-grey\]\{--md-primary-fg-color:#(\w{6})", styles["palette"])
    opacities = re.findall(
        r"^\.md-tabs__link ?\{[^}]*opacity: ?([\d.]+)", styles["main"].replace("}", "}\n") + own, re.MULTILINE
    )
    assert background is not None
    assert len(opacities) == 2, "the theme's, and ours, which is read later"
    assert contrast((255, 255, 255), rgb(background[1]), float(opacities[-1])) >= 4.5
    assert contrast((255, 255, 255), rgb(background[1]), float(opacities[0])) < 4.5, "the theme's is enough: drop ours"


def test_every_picture_has_a_text(pages: dict[str, Page]) -> None:
    """For readers who hear the page; a chart's says what it shows."""
    pictures = {name: page.pictures for name, page in pages.items() if page.pictures}
    assert sum(map(len, pictures.values())) >= 5
    assert [name for name, texts in pictures.items() for text in texts if len(text.split()) < 5] == []


def test_only_commands_can_be_copied(pages: dict[str, Page]) -> None:
    copies = [line for page in pages.values() for copy in page.copies for line in copy.splitlines()]
    assert len(copies) > 100
    assert [line for line in copies if line.startswith("$") or not re.match(r"[A-Z_]+=|\w|    ", line)] == []


@pytest.mark.exhaustive
def test_the_site_in_a_browser(site: Path) -> None:
    """Nothing is wider than a telephone, no script fails, nothing is requested, and a button copies a command."""
    sync = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("needs Chromium")
    said: list[str] = []
    requests: list[str] = []
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        for name in (
            "index",
            "tutorial",
            "how-to/cluster",
            "benchmarks/superres",
            "background/cite",
            "reference/losses",
        ):
            page.goto((site / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        page.goto((site / "how-to/offline.html").as_uri())
        page.evaluate("addEventListener('copy', () => { window.copied = document.activeElement.value })")
        page.locator("[data-copy] .md-code__button").first.click()
        assert page.evaluate("window.copied") == "lnkit data list\nlnkit data path bapps"
        assert page.locator(".no-copy .md-code__button").count() == 0
        browser.close()
    assert said == []
    assert [address for address in requests if not address.startswith(("file:", "data:", "blob:"))] == []


def test_every_command_and_option_is_in_the_reference(pages: dict[str, Page]) -> None:
    page = pages["reference/commands.html"]
    listed = list(commands(cli, "lnkit"))
    of_plugins = {"calibrate", "earlystop", "score-range"}
    assert {name.split()[1] for name, _ in listed[1:]} == {*COMMANDS, *of_plugins}
    for name, command in listed:
        assert name in page.code, name
        for option in (parameter for parameter in command.params if isinstance(parameter, click.Option)):
            assert any(option.opts[0] in shown for shown in page.code), f"{name} {option.opts[0]}"
            assert option.help is None or plain(option.help) in plain(page.text), f"{name} {option.opts[0]}"


def test_every_promised_name_is_in_the_reference(pages: dict[str, Page]) -> None:
    """Every name of the table in CONTRIBUTING.md, and every hook."""
    anchors = {anchor for name, page in pages.items() if name.startswith("reference/") for anchor in page.anchors}
    promised = {f"{module}.{name}" for module, names in PROMISED.items() for name in names}
    hooks = {f"lnkit.hookspecs.{name}" for name in vars(lnkit.hookspecs) if name.startswith("register_")}
    assert len(hooks) == 7
    assert (promised | hooks) - anchors == set()


def test_every_field_of_a_spec_is_explained(pages: dict[str, Page]) -> None:
    """By the comment behind it, since the fields have no docstrings of their own."""
    counts = {}
    for module in ("specs", "benchmark"):
        text = plain(pages[f"reference/{module}.html"].text)
        source = (ROOT / "src" / "lnkit" / f"{module}.py").read_text().partition("class PluginFailure")[0]
        comments = re.findall(r"^    \w+: [^#\n]+#\s+(.+)$", source, re.MULTILINE)
        assert [comment for comment in comments if plain(comment) not in text] == []
        counts[module] = len(comments)
    assert counts["specs"] > 40
    assert counts["benchmark"] > 30


def test_every_backbone_and_its_points_are_there(pages: dict[str, Page]) -> None:
    registry = default_registry()
    families = [page for name, page in pages.items() if name.startswith("backbones/")]
    text = plain(" ".join(page.text for page in families))
    shown = {code for page in families for code in page.code} | set(text.split())
    backbones = list(registry.backbones.values())
    points = [point for backbone in backbones for point in registry.points_at(backbone.name).values()]
    assert len(backbones) > 15
    for names in (
        {backbone.name for backbone in backbones},
        {name for backbone in backbones for name in (backbone.weights, *backbone.tags) if name},
        {name for point in points for name in (point.name, *point.nodes)},
    ):
        assert names - shown == set()
    texts = {text for backbone in backbones for text in (backbone.input_rule, backbone.citation)}
    assert [entry for entry in texts | {point.description for point in points} if plain(entry) not in text] == []


def test_every_hyperparameter_is_there_with_its_values(pages: dict[str, Page]) -> None:
    for benchmark in default_registry().benchmarks.values():
        page = pages[f"benchmarks/{benchmark.name.replace('_', '-')}.html"]
        for protocol in benchmark.protocols.values():
            for field in fields(protocol):
                value = str(getattr(protocol, field.name))
                assert {field.name, value} - {""} <= set(page.code), f"{benchmark.name}: {field.name}"
        assert {score.name for score in benchmark.scores} <= set(page.code)
    assert "y / (|y| + 1e-10);" in pages["benchmarks/bapps.html"].text, "the comment behind the field"


def test_every_dataset_is_there_with_its_terms(pages: dict[str, Page]) -> None:
    text = plain(pages["background/terms.html"].text)
    for benchmark in default_registry().benchmarks.values():
        for dataset in benchmark.datasets:
            assert plain(dataset.license) in text


def test_no_paths_of_this_machine_are_shown(site: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        for place in (str(ROOT), str(Path.home()), str(site.parent)):
            assert place not in page.text, name


def rgb(color: str) -> tuple[int, int, int]:
    """The red, green and blue of "546d78"."""
    red, green, blue = bytes.fromhex(color)
    return red, green, blue


def contrast(text: tuple[int, int, int], background: tuple[int, int, int], opacity: float) -> float:
    """The contrast of WCAG 2.1 between a background and text that is drawn over it."""
    seen = [opacity * above + (1 - opacity) * below for above, below in zip(text, background, strict=True)]
    brighter, darker = sorted((luminance(seen), luminance(background)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(color: Iterable[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (value / 255 for value in color)]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def is_external(address: str) -> bool:
    return bool(urlsplit(address).netloc) or address.startswith(("//", "mailto:"))


def has_target(site: Path, pages: dict[str, Page], name: str, link: str) -> bool:
    """Whether a link on the page ``name`` has a target: a file of the site, and an anchor in it."""
    if link.startswith(("data:", "javascript:")):
        return True
    parts = urlsplit(link)
    target = (site / name).parent / unquote(parts.path) if parts.path else site / name
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return False
    page = pages.get(target.resolve().relative_to(site.resolve()).as_posix())
    return page is None or not parts.fragment or unquote(parts.fragment) in page.anchors


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            subcommand = command.get_command(context, inner)
            assert subcommand is not None
            yield from commands(subcommand, f"{name} {inner}")


def plain(text: str) -> str:
    """Return the words of a text, without markup and line breaks."""
    return " ".join(re.findall(r"\w+", text))
