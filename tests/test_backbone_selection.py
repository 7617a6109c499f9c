"""Backbones are chosen by name, by pattern, from a list, or as those of the published study."""

from __future__ import annotations

from pathlib import Path

import pytest

from lnkit.analysis.backbone_selection import select_backbones
from lnkit.errors import LnkitError, UnknownNameError, UsageError
from lnkit.plugins.registry import Registry
from lnkit.specs import BackboneSpec

STUDY = (
    "vgg11",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "googlenet",
    "inception_v3",
    "efficientnet_b0",
    "efficientnet_b7",
    "alexnet",
    "densenet121",
    "squeezenet1_1",
)  # arXiv 2302.04032, Table I


def spec(name: str, *tags: str) -> BackboneSpec:
    return BackboneSpec(
        name,
        "Fake",
        lambda pretrained: None,
        tags=tags,
        with_tag=lambda tag: spec(f"{name}.{tag}"),  # type: ignore[arg-type, return-value]
    )


@pytest.fixture
def registry() -> Registry:
    specs = [*map(spec, STUDY), spec("fake/tiny_a", "one", "two"), spec("fake/tiny_b"), spec("fake/large")]
    return Registry(backbones={backbone.name: backbone for backbone in specs})


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ((), ()),
        (("vgg16",), ("vgg16",)),
        (("vgg19", "vgg16", "vgg19"), ("vgg19", "vgg16")),
        (("@pihlgren2023",), STUDY),
        (("fake/tiny_*",), ("fake/tiny_a", "fake/tiny_b")),  # not their other weights
        (("vgg1[19]", "fake/large"), ("vgg11", "vgg19", "fake/large")),
        (("fake/tiny_a.two",), ("fake/tiny_a.two",)),
        (("fake/tiny_a.*",), ("fake/tiny_a.one", "fake/tiny_a.two")),
        (("vgg19", "vgg1?"), ("vgg19", "vgg11", "vgg16")),
    ],
)
def test_selectors(selectors: tuple[str, ...], expected: tuple[str, ...], registry: Registry) -> None:
    assert select_backbones(registry, selectors) == expected


def test_a_list_has_comments_patterns_and_sets(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("# of interest\n\nfake/large  # alone\r\nfake/tiny*\n@pihlgren2023\n")
    assert select_backbones(registry, ("vgg16", f"@{path}")) == (
        "vgg16",
        "fake/large",
        "fake/tiny_a",
        "fake/tiny_b",
        *(name for name in STUDY if name != "vgg16"),
    )


@pytest.mark.parametrize(
    ("selector", "kind", "message"),
    [
        ("vgg61", UnknownNameError, "No backbone is called 'vgg61'. Did you mean 'vgg19' or 'vgg16' or 'vgg11'?"),
        ("vg16*", UnknownNameError, "No backbone's name matches 'vg16*'. Did you mean 'vgg16' or"),
        ("*nothing*", UnknownNameError, "`lnkit list-backbones '*'` lists all 17."),
        ("@pihlgren", UsageError, "got @pihlgren (pihlgren is missing). Did you mean '@pihlgren2023'?"),
        ("@", UsageError, "Expected @pihlgren2023, or @FILE with one backbone or pattern on each line, got '@'."),
        ("@~nobody-has-this-name/x", UsageError, "There is no home folder"),
        ("@empty.txt", UsageError, "empty.txt names no backbone."),
        ("@wrong.txt", UnknownNameError, "Line 2 of wrong.txt: No backbone is called 'vgg61'."),
        ("@nested.txt", UsageError, "Line 1 of nested.txt names another list, '@wrong.txt'."),
        ("@.", UsageError, "Expected a file, got a folder"),
    ],
)
def test_errors(
    selector: str,
    kind: type[LnkitError],
    message: str,
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\n# nothing\n")
    Path("wrong.txt").write_text("vgg16\nvgg61\n")
    Path("nested.txt").write_text("@wrong.txt\n")
    with pytest.raises(kind) as error:
        select_backbones(registry, (selector,))
    assert message in str(error.value)


def test_a_set_whose_plugin_is_off_is_an_error(registry: Registry) -> None:
    del registry.backbones["vgg11"]
    with pytest.raises(UnknownNameError, match="No backbone is called 'vgg11'"):
        select_backbones(registry, ("@pihlgren2023",))
