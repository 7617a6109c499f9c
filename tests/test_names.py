"""Valid names can be typed in a shell, used as paths and printed."""

from __future__ import annotations

import random
import shlex
from pathlib import Path, PureWindowsPath

import pytest

from lnkit import PluginError
from lnkit.plugins.rules import NAME, POINT_NAME, SCORE_NAME, check_name

GOOD = ["vgg16", "timm/resnet18", "timm/resnet18.a1_in1k", "a/b/c", "x@2", "2afc", "a-", "console", "x" * 200]
BAD = [
    *("", " ", "two words", " x", "x ", "x\n", "\nx", "x\ty", "x\0"),
    *("../x", "x/../y", "..", "x..y", ".x", "/x", "x/", "x//y", "x/./y", "\\x", "x\\y", "C:x", "x./y", "x."),
    *(
        "<b>x</b>",
        "[red]x[/red]",
        "x;y",
        "x|y",
        "x&y",
        "$x",
        "`x`",
        "'x'",
        '"x"',
        "x*",
        "x?",
        "~x",
        "-x",
        "x+y",
        "x,y",
        "x:y",
    ),
    *("\x1b[2Jx", "x\x9b", "x\u202ey", "x\u200by", "é", "x٣", "x\uff11", "\udcff", "\u017f", "\u212a"),
    *("con", "CON", "x/aux", "nul.txt", "com1", "lpt9/x"),
    *("all", "random", "pretrained", "none"),
    "x" * 201,
]


@pytest.mark.parametrize("name", GOOD)
def test_good_names(name: str) -> None:
    check_name("backbone", name)


@pytest.mark.parametrize("name", [*BAD, None, 3, b"x", ["x"]], ids=ascii)
def test_bad_names(name: object) -> None:
    with pytest.raises(PluginError, match="is not a valid backbone name: ") as caught:
        check_name("backbone", name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_every_name_that_passes_is_safe(tmp_path: Path) -> None:
    """It needs no quotes in a shell, stays in its folder, and is no device on Windows."""
    generator = random.Random(0)
    pieces = [
        "a",
        "B",
        "1",
        "٣",
        "é",
        ".",
        "..",
        "/",
        "-",
        "_",
        "@",
        "con",
        "aux",
        "nul",
        "\n",
        "\\",
        " ",
        "\u202e",
        "$",
        "~",
    ]
    passed = set()
    for _ in range(20_000):
        name = "".join(generator.choices(pieces, k=generator.randint(1, 5)))
        try:
            check_name("backbone", name)
        except PluginError:
            continue
        passed.add(name)
        assert shlex.quote(name) == name
        assert (tmp_path / name).resolve().is_relative_to(tmp_path)
        assert tmp_path / name == Path(f"{tmp_path}/{name}"), "no part is swallowed"
        assert not any(PureWindowsPath(part).is_reserved() or part.endswith(".") for part in name.split("/"))
    assert len(passed) > 100


@pytest.mark.parametrize("name", ["a.b", "a/b", "a+b", "a,b", "a:b", "all", "", "x\n", "x٣", "-a"])
def test_points_are_plain_words(name: str) -> None:
    """They cannot contain characters that join points on the command line."""
    check_name("extraction point", "semi_early-2", POINT_NAME)
    with pytest.raises(PluginError, match="is not a valid extraction point name: "):
        check_name("extraction point", name, POINT_NAME)


@pytest.mark.parametrize("name", ["2afc/<a b>", "<>", "a|b", "a\n", "<٣>", "x/../y", "<b>x</b>y z"])
def test_scores(name: str) -> None:
    check_name("score", "2afc/<family>", SCORE_NAME)
    with pytest.raises(PluginError, match="is not a valid score name"):
        check_name("score", name, SCORE_NAME)


def test_patterns_are_fast_for_long_names() -> None:
    """A pattern that backtracks over all ways to split a name would not return."""
    for pattern in (NAME, POINT_NAME, SCORE_NAME):
        assert not pattern.fullmatch("a" * 100_000 + "!")
        assert not pattern.fullmatch("a/" * 50_000 + "!")
        assert not pattern.fullmatch("a." * 50_000 + "!")
