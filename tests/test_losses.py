"""Losses as text, as TOML and built in Python: all three are the same, and wrong ones are refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from lnkit import UsageError
from lnkit.losses.definition import Loss, LossInput, LossTerm
from lnkit.losses.expression import parse_loss
from lnkit.losses.toml import loss_from_toml, loss_to_toml, read_loss

SIMPLE = Loss((LossTerm("vgg16", {"late": 1.0}),))
WEIGHTED = Loss((LossTerm("vgg19", {"conv1_2": 0.1, "conv5_4": 1.0}, "l1", 0.5),))
MIXED = Loss(
    (
        LossTerm("vgg16", {"lpips": 1.0}, "lin(weights=lpips)", 1.0, LossInput("lpips")),
        LossTerm("convnext_small", {"classifier": 1.0}, "squared", 0.1, LossInput("", 224, "bilinear")),
        LossTerm("timm/vit_tiny_patch16_224", {"late": 2.0}, "spatial+gram(criterion=squared)", 1e-3),
        LossTerm("nets:build", {"layers.0": 1.0}, "charbonnier(eps=0.001)"),
    )
)


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("vgg16:late", SIMPLE),
        (" vgg16 : late ", SIMPLE),
        ("1*vgg16:late*1.0", SIMPLE),
        ("0.5*vgg19:conv1_2*0.1+conv5_4, l1", WEIGHTED),
        (".5 * vgg19:conv1_2 * 1e-1 + conv5_4 * 1 , l1", WEIGHTED),
        (
            "vgg16(normalization=lpips):lpips, lin(weights=lpips)"
            " + 0.1*convnext_small(size=224, interpolation=bilinear):classifier, squared"
            " + 1e-3*timm/vit_tiny_patch16_224:late*2, spatial + gram(criterion=squared)"
            " + nets:build:layers.0, charbonnier(eps=1e-3)",
            MIXED,
        ),
    ],
)
def test_that_text_is_the_loss_that_it_says(text: str, loss: Loss) -> None:
    assert parse_loss(text) == loss


@pytest.mark.parametrize("loss", [SIMPLE, WEIGHTED, MIXED])
def test_that_text_and_toml_lead_back_to_the_same_loss(loss: Loss, tmp_path: Path) -> None:
    assert parse_loss(str(loss)) == loss
    assert str(parse_loss(str(loss))) == str(loss)
    (tmp_path / "loss.toml").write_text(loss_to_toml(loss), encoding="utf-8")
    assert read_loss(tmp_path / "loss.toml") == loss


def test_that_order_of_points_and_terms_is_kept() -> None:
    text = "b:z+a, l1 + a:z, l1"
    assert str(parse_loss(text)) == text


def test_that_a_missing_distance_is_that_of_the_place() -> None:
    loss = parse_loss("vgg16:late + pixel:image, l1").with_distance("squared")
    assert str(loss) == "vgg16:late, squared + pixel:image, l1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "as a term of a loss, got ''"),
        ("vgg16", "as a term of a loss, got 'vgg16'"),
        ("vgg16:", "one or more points of vgg16"),
        ("vgg16:late+", "as a term of a loss"),
        (":late", "as a term of a loss"),
        ("vgg16:late*x", "Expected a number as a weight, got 'x'"),
        ("vgg16:late*0", "weight above 0 for vgg16:late, got 0.0"),
        ("vgg16:late*nan", "weight above 0 for vgg16:late, got nan"),
        ("0*vgg16:late", "weight above 0 for the term of vgg16"),
        ("1e999*vgg16:late", "a finite weight above 0"),
        ("-1*vgg16:late", "weight above 0 for the term of vgg16"),
        ("vgg16:late+late", "given twice"),
        ("vgg16:late, l1(", "Expected a distance such as"),
        ("vgg16(size=-1):late", "expected a number of pixels, got -1"),
        ("vgg16(normalization=foo):late", "'normalization': expected one of backbone, imagenet, lpips, none"),
        ("vgg16(nomalization=none):late", "Did you mean 'normalization'?"),
        ("vgg16\x1b:late", "the name of a backbone"),
    ],
)
def test_that_wrong_text_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_loss(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "Expected TOML"),
        ("", "one or more tables"),
        ("term = 1", "one or more tables"),
        ("[[term]]", "Expected text as backbone"),
        ("[[term]]\nbackbone = 'vgg16'", "Expected points of vgg16"),
        ("[[term]]\nbackbone = 'vgg16'\npoints = ['late', 1]", "Expected points of vgg16"),
        ("[[term]]\nbackbone = 'vgg16'\npoints = {late = true}", "weight above 0 for vgg16:late, got True"),
        ("[[term]]\nbackbone = 'vgg16'\npoints = {late = '1'}", "weight above 0 for vgg16:late, got '1'"),
        ("[[term]]\nbackbone = 'vgg16'\npoints = 'late'\nwieght = 2", "no field 'wieght'"),
        ("[[term]]\nbackbone = 'vgg16'\npoints = 'late'\n[terms]", "only tables [[term]]"),
        ("a = " + "[" * 5000, "Expected TOML"),
    ],
)
def test_that_wrong_toml_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        loss_from_toml(text, "x.toml")
    assert said in str(caught.value)
    assert "x.toml" in str(caught.value)
