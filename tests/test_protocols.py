"""Protocols: overrides, a backbone's own distance, and what is said about a deviation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lnkit import BackboneSpec, DistanceConfig, UsageError
from lnkit.protocols import (
    Comparing,
    Training,
    as_dict,
    choose_protocol,
    deviations,
    expect_above,
    expect_multiple,
    expect_within,
    phrase,
)
from lnkit_autoencoder.protocol import AutoencoderProtocol
from lnkit_bapps import BAPPS
from lnkit_delineation.protocol import DelineationProtocol
from lnkit_superres.protocol import SuperresProtocol

NETWORK = BackboneSpec("net", "Test", load=lambda pretrained: None)  # type: ignore[arg-type,return-value]
PIXELS = BackboneSpec("pixels", "Test", load=lambda pretrained: None, distance="squared")  # type: ignore[arg-type,return-value]


def test_a_variant_comes_as_it_is() -> None:
    protocol = choose_protocol(BAPPS, "paper", {}, NETWORK)
    assert protocol == BAPPS.protocols["paper"]
    assert deviations(BAPPS, "paper", protocol) == ()


def test_overrides_are_read_by_type_and_named() -> None:
    protocol = choose_protocol(BAPPS, "paper", {"resolution": "224", "channel_norm": "no"}, NETWORK)
    assert (protocol.resolution, protocol.channel_norm) == (224, False)
    assert deviations(BAPPS, "paper", protocol) == (
        "channel_norm is False instead of True",
        "resolution is 224 instead of 64",
    )
    assert "224px" in phrase(protocol)
    assert as_dict(protocol)["resolution"] == 224


def test_a_backbone_brings_its_distance_unless_the_user_asks() -> None:
    assert choose_protocol(BAPPS, "paper", {}, PIXELS).distance == "squared"
    assert choose_protocol(BAPPS, "paper", {"distance": "spatial"}, PIXELS).distance == "spatial"


@pytest.mark.parametrize(
    ("variant", "overrides", "says"),
    [
        ("papr", {}, "has no protocol 'papr'; it has: paper, reference, quick"),
        ("paper", {"resolutoin": "64"}, "Did you mean 'resolution'"),
        ("paper", {"resolution": "big"}, "'resolution': expected a value of type int, got 'big'"),
        ("paper", {"channel_norm": "perhaps"}, "'channel_norm': expected true or false, got 'perhaps'"),
        (
            "paper",
            {"normalization": "lpisp"},
            "'normalization': expected one of backbone, imagenet, lpips, none, got 'lpisp'",
        ),
        ("paper", {"resolution": "0"}, "resolution must be 1 or more"),
    ],
)
def test_wrong_wishes_are_said(variant: str, overrides: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        choose_protocol(BAPPS, variant, overrides, NETWORK)


def test_the_reference_variant_skips_transform_input() -> None:
    assert BAPPS.protocols["reference"].transform_input is False
    assert "no-transform_input" in phrase(BAPPS.protocols["reference"])


def test_the_quick_variant_is_cut_down() -> None:
    assert BAPPS.protocols["quick"].per_family > 0


@pytest.mark.parametrize("protocol", [SuperresProtocol, DelineationProtocol, AutoencoderProtocol])
def test_protocols_that_train_share_their_head(protocol: type[Training], monkeypatch: pytest.MonkeyPatch) -> None:
    paper = protocol()
    assert paper.distance_config() == DistanceConfig("squared")
    assert "squared|input:backbone|" in phrase(paper)
    assert "squared|input:none,no-transform_input|" in phrase(
        replace(paper, normalization="none", transform_input=False)
    )
    for field, value in (("batch_size", 0), ("lr", 0.0), ("normalization", "mine")):
        with pytest.raises(ValueError, match=f"Protocol field '{field}': expected "):
            replace(paper, **{field: value})
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "docs")
    from sitepages.comments import field_comments

    assert set(field_comments(protocol)) == set(as_dict(paper)), "every field is explained, inherited ones too"


def test_numbers_outside_of_a_range_are_refused() -> None:
    expect_above("x", 1, 0)
    expect_within("x", 1, 0, 1)
    expect_multiple("x", 32, 16, 16)
    for check, sentence in (
        (lambda: expect_above("x", 0, 0), "Protocol field 'x': expected a value above 0, got 0."),
        (lambda: expect_within("x", float("nan"), 0, 1), "Protocol field 'x': expected 0 to 1, got nan."),
        (lambda: expect_multiple("x", 8, 16, 16), "Protocol field 'x': expected a multiple of 16 from 16, got 8."),
    ):
        with pytest.raises(ValueError, match=re.escape(sentence)):
            check()


@dataclass(frozen=True)
class Inherits(Comparing):
    side: int = 8

    def __post_init__(self) -> None:
        """Check nothing: the base's fields are checked all the same."""


@dataclass(frozen=True)
class Plain:
    normalization: str = "backbone"


@dataclass(frozen=True)
class Trains(Training):
    def __post_init__(self) -> None:
        """Check nothing."""


@pytest.mark.parametrize(
    ("protocol", "field"),
    [(Inherits(), "epsilon"), (Inherits(), "normalization"), (Plain(), "normalization"), (Trains(), "loss_mode")],
)
def test_shared_fields_are_checked_whoever_has_them(protocol: object, field: str) -> None:
    benchmark = replace(BAPPS, protocols={"paper": protocol})
    with pytest.raises(UsageError, match=rf"^Protocol field '{field}': expected one of .*, got 'foo'\.$"):
        choose_protocol(benchmark, "paper", {field: "foo"}, NETWORK)
