"""Generated pages show everything that plugins register, and take none of it for markup."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import markdown
import pytest
import yaml
from htmlpages import Page, read
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files

from lnkit import BackboneSpec, BenchmarkSpec, DatasetSpec, DistanceSpec, ExtractionPoint, RemoteFile, ScoreSpec
from lnkit.plugins.isolation import Plugin
from lnkit.plugins.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
NASTY = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "*a* _b_ **c** `d` ~~e~~ ==f==",
    "[link](https://example.org) ![picture](x.png)",
    "left | right",
    "{: onclick=alert(1) } {.class}",
    "<!-- generated: commands -->",
    "::: lnkit.evaluate",
    "# heading",
    "&lt; &amp; &#60;",
    "1. 2. - 3",
)
EXPECTED_TAGS = {"h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "br", "small", "span", "em", "a"}


@pytest.fixture(autouse=True)
def site_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the code of the site importable; it is stored beside the pages."""
    monkeypatch.syspath_prepend(ROOT / "docs")


@dataclass(frozen=True)
class Protocol:
    field: str = "value"  # meaning
    several: tuple[int, ...] = (
        1,
        2,  # meaning on a line of its own
    )


@dataclass(frozen=True)
class Derived(Protocol):
    own: str = ""  # ours


def test_whatever_a_plugin_says_is_only_text() -> None:
    from sitepages.backbones import backbone_pages
    from sitepages.benchmarks import benchmark_pages
    from sitepages.datasets import all_datasets
    from sitepages.distances import distance_table

    for text in NASTY:
        registry = registry_that_says(text)
        _, family = backbone_pages(registry)
        _, benchmark = benchmark_pages(registry)
        for content in (family.content, benchmark.content, distance_table(registry), all_datasets(registry)):
            page = render(content)
            assert page.tags <= EXPECTED_TAGS, text
            assert " ".join(text.split()) in " ".join(page.text.split())
            assert {link for link in page.links if not link.endswith(".html")} <= {"https://example.org/data.zip"}
        assert "<" not in family.nav_title


def test_a_family_shows_all_of_its_backbones() -> None:
    """Backbones with the same nodes share a row; facts that hold for all are shown once."""
    from sitepages.backbones import backbone_pages

    registry = Registry()
    plugin = Plugin("lnkit_many", "lnkit_many", "lnkit-many", "1.0")
    for number in range(300):
        spec = BackboneSpec(
            f"many/net{number}", "Many", load, weights="best", tags=("best", "other"), citation="One 2020"
        )
        registry.backbones[spec.name] = spec
        registry.points[spec.name] = {"late": ExtractionPoint("late", f"layer{number % 2}", layout="NLC")}
        registry.providers["backbone", spec.name] = plugin
    index, page = backbone_pages(registry)
    assert (index.uri, page.uri) == ("backbones/index.md", "backbones/many.md")
    shown = render(page.content)
    for number in range(300):
        assert shown.code.count(f"many/net{number}") == 3, "in the tables of facts, other weights and points"
    assert [shown.code.count(node) for node in ("layer0", "layer1")] == [1, 1]
    assert shown.text.count("One 2020") == 1
    assert "many/net0.other" in shown.code, "an example of a tag other than the default"
    assert "tokens" in shown.text


def test_families_whose_names_differ_in_signs_only_have_pages_of_their_own() -> None:
    from sitepages.markup import file_names

    names = file_names(["Vi T", "vi-t", "index", "☃", "❄"])
    assert list(names.values()) == ["vi-t", "vi-t-2", "index-2", "other", "other-2"]


def test_a_field_is_explained_by_the_comment_behind_it() -> None:
    from sitepages.comments import field_comments

    expected = {"field": "meaning", "several": "meaning on a line of its own", "own": "ours"}
    assert field_comments(Derived) == expected
    assert field_comments(type("FromNoFile", (), {})) == {}


def test_a_section_ends_where_the_next_one_begins() -> None:
    from sitepages.sections import for_the_site, section, section_about, without_title

    text = "# Title\n\nFirst.\n\n## A\n\n```\n# no heading\n```\n\n### Within\n\nMore.\n\n## B\n\nOther.\n"
    assert section(text, "A") == "```\n# no heading\n```\n\n### Within\n\nMore.\n"
    assert section(text, "B") == "Other.\n"
    assert section_about("# a\n\n## b and a\n\nThis.\n\n## c\n", "a") == "This.\n"
    with pytest.raises(LookupError, match="no heading about 'heading'"):
        section_about(text, "heading")
    assert without_title(text).startswith("First.")
    with pytest.raises(LookupError, match="no heading 'C'"):
        section(text, "C")
    assert for_the_site("[here](../x.md) and [there](https://x.org)") == "here and [there](https://x.org)"


@pytest.mark.parametrize("folder", ["lnkit_bapps", "lnkit-timm", "lnkit-calibration"])
def test_a_plugin_that_loses_its_readme_stops_the_build(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import hook
    from mkdocs.exceptions import PluginError

    lost, is_file = ROOT / "plugins" / folder / "README.md", Path.is_file
    assert lost.is_file()
    monkeypatch.setattr(Path, "is_file", lambda path: path != lost and is_file(path))
    with pytest.raises(PluginError, match=f"README.md for {folder} "):
        hook.on_files(Files([]), config=MkDocsConfig())


def test_an_empty_readme_is_none(tmp_path: Path) -> None:
    from sitepages.project import _read_readme

    (tmp_path / "README.md").write_text("\n")
    with pytest.raises(LookupError, match=r"README\.md for mine"):
        _read_readme([tmp_path], "mine")


def test_only_commands_are_copied() -> None:
    """The prompt and the output stay; a line that a backslash continues comes along; output has no button."""
    from sitepages.copy_buttons import with_copies

    console = "$ lnkit points a &amp;&amp; b\nearly  <b>c</b>\n$ lnkit eval \\\n    --sample\n0.9\n"
    block = '<div class="language-{} highlight"><pre><span></span><code>{}</code></pre></div>'
    copied = 'data-copy="lnkit points a &amp;&amp; b\nlnkit eval \\\n    --sample"'
    for language, text, expected in (
        ("console", console, copied),
        ("text", "0.9040 = 2afc", "no-copy"),
        ("text", "pip install lnkit", 'class="language-text highlight"'),
        ("text", "lnkit eval [OPTIONS]", "no-copy"),
        ("python", "import lnkit", 'class="language-python highlight"'),
    ):
        assert expected in with_copies(block.format(language, text)), text


def test_short_names_of_sources_are_links() -> None:
    """In the cells of tables, outside code and links."""
    from sitepages.sources import with_links

    cell = "<td>Pihlgren2023 <br>Eq. 3. Reference code: yours; ours <code>ours</code> <a href='x'>Zhang2018</a></td>"
    linked = read(with_links(f"<p>ours</p>{cell}", "benchmarks/superres.html"))
    names = ("pihlgren2023", "reference-code", "ours")
    assert linked.links == [*(f"../background/cite.html#{name}" for name in names), "x"]
    assert linked.text == read(f"<p>ours</p>{cell}").text


def registry_that_says(text: str) -> Registry:
    """Return one backbone, distance and benchmark with ``text`` in every field of text."""
    plugin = Plugin("lnkit_nasty", "lnkit_nasty", "lnkit-nasty", "1.0")
    backbone = BackboneSpec("nasty", text, load, weights=text, citation=text, size_note=text, requires=(text,))
    dataset = DatasetSpec("nasty", text, (), license=text, homepage=text, layout=text)
    return Registry(
        backbones={"nasty": backbone},
        points={"nasty": {"late": ExtractionPoint("late", "layer", description=text, citation=text)}},
        distances={"nasty": DistanceSpec("nasty", load, description=text, citation=text)},
        benchmarks={
            "nasty": BenchmarkSpec(
                "nasty",
                text,
                text,
                text,
                {"paper": Protocol(field=text)},
                (ScoreSpec("s", text, unit=text, aggregation=text),),
                load,
                load,
                (dataset,),
            )
        },
        providers={(kind, "nasty"): plugin for kind in ("backbone", "distance", "benchmark")},
    )


def load(*_: object) -> None:
    """Stand in for a loading function, which no page calls."""


def render(content: str) -> Page:
    """Render the page with the site's own Markdown extensions."""
    listed = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["markdown_extensions"]
    named = [next(iter(one)) if isinstance(one, dict) else one for one in listed]
    return read(markdown.markdown(content, extensions=named))


def test_a_dataset_of_many_files_does_not_name_them_all() -> None:
    from sitepages.datasets import dataset_table

    files = tuple(RemoteFile(f"http://x.org/d/{n}.jpg", size=1000, path=f"{n}.jpg") for n in range(10_100))
    table = dataset_table([DatasetSpec("d", "D", files, "", list_files=lambda fetch: (), size=900_000)])
    assert "10,100 files<br><code>http://x.org/d/</code><br>and the files of its listing" in table
    assert "11.0 MB" in table
    assert ".jpg" not in table
