"""The documentation is correct: the commands of each page are run in an environment of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from shown import NEEDS, Reader, blocks, difference
from warm_process import WarmProcess

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md"))
RUN = [page for page in PAGES if any(block.runs for block in blocks((DOCS / page).read_text(encoding="utf-8")))]

NOT_RUN = {  # page -> why its blocks are not run, one by one
    "how-to/cluster.md": ["Needs a cluster"] * 3,
    "how-to/loss-in-training.md": ["Needs the repository"],
    "how-to/loss.md": ["Needs the internet"],
    "how-to/offline.md": ["Needs the internet", "Needs the archives", "Needs the files", "Needs the files"],
    "how-to/own-weights.md": ["Needs the internet"],
    "how-to/publish-plugin.md": ["Needs an account"],
    "how-to/search-training.md": ["Needs ten minutes"],
    "how-to/speed.md": ["Needs a GPU", "Needs the internet"],
    "how-to/weights.md": ["Needs the internet", "Needs the files"],
    "index.md": ["Needs the internet"],
    "introductions/benchmarks/bapps.md": ["Needs the internet"],
    "tutorial.md": ["Needs the internet"],
}
LONGEST = {
    f"how-to/{page}.md" for page in ("insight", "loss-in-training", "offline", "results", "train", "write-training")
}  # `make test-all` only
COMMAND = re.compile(r"^(\$ |(lnkit|pip|python|make) )", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.exhaustive] if page in LONGEST else []) for page in RUN]
)
def test_a_page_does_what_it_shows(page: str, tmp_path: Path, warm_process: WarmProcess) -> None:
    """The tutorial's commands are processes of their own, as a beginner's are; those of other pages start faster."""
    pytest.importorskip("lnkit_timm", reason="the tutorial's environment has the timm plugin")
    reader = Reader(tmp_path, warm_process if page != "tutorial.md" else None)
    try:
        for step in reader.follow((DOCS / page).read_text(encoding="utf-8")):
            assert not step.problem, f"{step.what}\n{step.problem}"
    finally:
        reader.close()


def test_only_what_needs_something_special_is_not_run() -> None:
    """Every command and all Python of the pages is run, except these blocks, whose titles state what they need."""
    marked = {page: [block.title for block in found_in(page) if block.title.startswith(NEEDS)] for page in PAGES}
    assert {page: titles for page, titles in marked.items() if titles} == NOT_RUN
    for page in PAGES:
        for block in found_in(page):
            shows_commands = block.language != "console" and not block.file and COMMAND.search(block.text)
            assert not shows_commands, f"{page} shows commands in a block of another kind:\n{block.text}"


def test_the_tutorial_leaves_nothing_out() -> None:
    """From the installation over a new plugin to its own point and distance."""
    text = "\n".join(block.text for block in found_in("tutorial.md") if block.language == "console")
    steps = ("quickstart", "points", "eval", "plugins new", "pip install", "pytest", "plugins check", "--distance")
    assert [step for step in steps if step not in text] == []


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a  b\n", "a b\n"),
        ("score 0.9040 [0.8680, 0.9360]\n", "score 0.9041   [0.8680, 0.9361]\n"),
        ("first\n...\nlast\n", "first\none\ntwo\nlast\n"),
        ("first\n...\n", "first\n"),
        ("17 passed in ...\n", "17 passed in 5.46s\n"),
        ("data:3498866f|fp32\n", "data:0123abcd|fp32\n"),
        ("+0.0010\n", "-0.0010\n"),
    ],
)
def test_what_may_differ_may_differ(shown: str, printed: str) -> None:
    assert difference(shown, printed) == ""


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a b\n", "a c\n"),
        ("a\n", "a\nb\n"),
        ("first\n...\nlast\n", "first\none\n"),
        ("0.9040\n", "0.8640\n"),
        ("2 backbones\n", "3 backbones\n"),
        ("17 passed in ...\n", "1 failed, 16 passed in 5.46s\n"),
    ],
)
def test_what_must_agree_must_agree(shown: str, printed: str) -> None:
    assert difference(shown, printed) != ""


def found_in(page: str) -> list:
    return blocks((DOCS / page).read_text(encoding="utf-8"))
