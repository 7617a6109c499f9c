"""Backbones and points as lnkit wants them, from the lines of the index; free of torch."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, cast

import lnkit
from lnkit_timm.catalog import ADAPTATIONS, CLASS_TOKEN, HOME, RULES, STANDARD, Architecture, Layout, is_tapped

if TYPE_CHECKING:
    import torch

PREFIX = "timm/"
TIMM = "timm>=1.0.15"


def spec_of(one: Architecture, citation: str = "", tag: str = "", name: str = "") -> lnkit.BackboneSpec:
    """The backbone with the pretrained weights of a tag; without one, with timm's default."""
    tag = tag or one.default_tag
    given = one.input_of(tag)
    height, width = given.size
    return lnkit.BackboneSpec(
        name=name or PREFIX + one.name,
        family=one.family,
        load=partial(_load, one, tag),
        weights=tag,
        citation=citation,
        mean=given.mean,
        std=given.std,
        min_size=one.min_size,
        requires=(TIMM,),
        input_size=given.size if one.fixed else None,
        interpolation=given.interpolation,
        eval_size=max(given.size),
        size_note=ADAPTATIONS[one.adaptation].phrase.format(size=f"{width}x{height}"),
        tags=tuple(one.tags),
        with_tag=partial(_tagged, one, citation),
    )


def _tagged(one: Architecture, citation: str, tag: str) -> lnkit.BackboneSpec:
    return spec_of(one, citation, tag, f"{PREFIX}{one.name}.{tag}")


def _load(one: Architecture, tag: str, pretrained: bool) -> torch.nn.Module:
    from lnkit_timm.load import load  # noqa: PLC0415 - torch and timm, which listing does without

    return load(one, tag, pretrained)


def points_of(one: Architecture) -> list[lnkit.ExtractionPoint]:
    layouts = one.layout.split()
    places = zip(STANDARD, one.nodes.split(), one.at.split(), strict=True)
    found = [_point(*place, one.rule, layouts[index % len(layouts)]) for index, place in enumerate(places)]
    return [*found, _class_token(one.class_token)] if one.class_token else found


@cache  # most architectures share their points with others, and lnkit looks at each of them once
def _point(name: str, node: str, at: str, rule: str, layout: str) -> lnkit.ExtractionPoint:
    kind, _, prefix = layout.partition("+")
    description = _description(rule, at)
    if is_tapped(node):
        node, description = f"{HOME}.{name}", f"{description}, from {node}"
    return lnkit.ExtractionPoint(name, node, description, RULES[rule], cast("Layout", kind), int(prefix or 0))


@cache
def _class_token(node: str) -> lnkit.ExtractionPoint:
    return lnkit.ExtractionPoint(CLASS_TOKEN, node, "the class token at the end", layout="CLS")


def _description(rule: str, at: str) -> str:
    if rule == "stages":
        return f"{at} stage"
    block, _, depth = at.partition("/")
    return f"block {block} of {depth}"
