"""`lnkit list-backbones --trained-on`: all sets of weights are looked through, and what no plugin says is unknown."""

from __future__ import annotations

import json

import pytest
from fakeplugins import FakePlugins, fake_plugins

from lnkit.cli import run
from lnkit.plugins.load import default_registry

__all__ = ["fake_plugins"]

Capture = pytest.CaptureFixture[str]

PLUGIN = """
import lnkit
from dataclasses import replace

TRAINED = {"in1k": "ImageNet-1k classification", "faces": "Faces, ImageNet-1k classification", "mine": ""}

def build(pretrained):
    raise NotImplementedError

def spec(tag):
    return lnkit.BackboneSpec("net." + tag, "Fake", build, weights=tag, trained_on=TRAINED[tag], tags=tuple(TRAINED),
                              with_tag=spec)

@lnkit.hookimpl
def register_backbone(register):
    register(replace(spec("in1k"), name="net"))
    register(lnkit.BackboneSpec("bare", "Fake", build))
    register(lnkit.BackboneSpec("other", "Fake", build, weights="w", trained_on="Sketches"))
"""


@pytest.fixture(autouse=True)
def plugin(fake_plugins: FakePlugins) -> None:
    default_registry.cache_clear()
    fake_plugins.add("faker", PLUGIN)


def listed(capsys: Capture, *words: str) -> list[tuple[str, str]]:
    assert run(["list-backbones", "--family", "Fake", "--json", *words]) == 0
    return [(fact["name"], fact["trained_on"]) for fact in json.loads(capsys.readouterr().out)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("faces", ["net.faces"]),
        ("CLASSIFICATION", ["net", "net.faces"]),
        ("sketch", ["other"]),
        ("unknown", ["net.mine"]),
    ],
)
def test_every_set_of_weights_is_looked_through(text: str, names: list[str], capsys: Capture) -> None:
    assert [name for name, _ in listed(capsys, "--trained-on", text)] == names


def test_without_it_the_usual_weights_are_listed(capsys: Capture) -> None:
    assert listed(capsys) == [("net", "ImageNet-1k classification"), ("bare", "-"), ("other", "Sketches")]


def test_a_name_and_a_training_are_both_asked_for(capsys: Capture) -> None:
    assert [name for name, _ in listed(capsys, "net*", "--trained-on", "e")] == ["net", "net.faces"]


def test_the_table_has_a_column_for_it(capsys: Capture) -> None:
    assert run(["list-backbones", "--family", "Fake"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "trained on" in rows["backbone"]
    assert "Sketches" in rows["other"]


def test_what_nothing_was_trained_on_is_refused_with_what_there_is(capsys: Capture) -> None:
    assert run(["list-backbones", "--family", "Fake", "--trained-on", "sonar"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "Error: No weights of these backbones were trained on 'sonar'. "
        "There are: Faces, ImageNet-1k classification, Sketches, unknown.\n"
    )
    assert run(["list-backbones", "bare", "--trained-on", "x"]) == 2
    assert "They have no weights." in capsys.readouterr().err


def test_what_a_user_asks_for_steers_no_terminal(capsys: Capture) -> None:
    assert run(["list-backbones", "bare", "--trained-on", "\x1b[31mred"]) == 2
    assert "\x1b" not in capsys.readouterr().err
