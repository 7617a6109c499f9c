"""Backbones that a plugin describes when they are named, ``shop:owner/name``."""

from __future__ import annotations

import pytest
from fakeplugins import FakePlugins, fake_plugins

from lnkit.cli import run
from lnkit.errors import LnkitError, PluginError, UnknownNameError, UsageError
from lnkit.plugins.load import default_registry, load_registry
from lnkit.specs import LossNetworkId

__all__ = ["fake_plugins"]

PLUGIN = """
import lnkit

ASKED = []

def load(pretrained):
    import torch
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())

def describe(name):
    ASKED.append(name)
    if name == "sold/out":
        raise lnkit.WeightsError("It is sold out. Ask for another.")
    if name == "bro/ken":
        raise KeyError("shelf")
    if name == "not/ing":
        return None
    mean = "grey" if name == "bad/mean" else (0.5, 0.5, 0.5)
    return lnkit.BackboneSpec("shop/x", "Fake", load, weights="w", mean=mean), [lnkit.ExtractionPoint("late", "1")]

@lnkit.hookimpl
def register_backbone_source(register):
    register(lnkit.BackboneSource("shop", describe, "a shop of networks"))
"""


@pytest.fixture(autouse=True)
def plugin(fake_plugins: FakePlugins) -> None:
    default_registry.cache_clear()
    fake_plugins.add("shopping", PLUGIN)


def test_a_backbone_is_described_once_when_it_is_named() -> None:
    registry = default_registry()
    spec = registry.backbone("shop:a/b")
    assert (spec.name, spec.mean) == ("shop:a/b", (0.5, 0.5, 0.5))
    assert registry.provider("backbone", "shop:a/b").name == "shopping"
    assert registry.resolve_points("shop:a/b", "all") == (("late",),)
    (point,) = registry.points_of(LossNetworkId("shop:a/b", ("late",)))
    assert point.node == "1"
    import shopping  # type: ignore[import-not-found]

    assert shopping.ASKED == ["a/b"]
    assert "shop:a/b" not in registry.backbones, "a listing does not change by what was asked for"


def test_it_can_be_evaluated(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "--backbone", "shop:a/b", "--weights", "random", "--sample", "--bench", "bapps"]) == 0
    assert "shop:a/b:late|random@" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("shop:sold/out", LnkitError, "It is sold out. Ask for another."),
        ("shop:bro/ken", PluginError, "The plugin of shop failed to describe shop:bro/ken: KeyError: 'shelf'."),
        ("shop:not/ing", PluginError, "The plugin of shop failed to describe shop:not/ing: TypeError"),
        ("shop:bad/mean", PluginError, "mean must be a tuple of three numbers"),
        ("shop:", UsageError, "Expected shop:NAME"),
        ("shop:a|b", UsageError, "Expected shop:NAME"),
        ("shop:../a", UsageError, "Expected shop:NAME"),
        ("shop:" + "a" * 200, UsageError, "Expected shop:NAME"),
        ("market:a/b", UnknownNameError, "No backbone is called 'market:a/b'."),
    ],
)
def test_what_cannot_be_described_is_a_sentence(name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        default_registry().backbone(name)
    assert message in str(caught.value)


def test_a_source_whose_name_is_taken_is_refused(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("thief", PLUGIN)
    registry = load_registry()
    (failure,) = registry.failures
    assert "The source 'shop' is registered already, by plugin 'shopping'" in failure.reason


@pytest.mark.parametrize("name", ["'my shop'", "'a:b'", "None"])
def test_a_source_with_a_bad_name_is_refused(name: str, fake_plugins: FakePlugins) -> None:
    fake_plugins.add("odd", PLUGIN.replace('"shop", describe', f"{name}, describe"))
    (failure,) = load_registry().failures
    assert "not a valid source of backbones name" in failure.reason
