"""Backbones and extraction points from the rows of the index; free of torch."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import TYPE_CHECKING, cast

import lnkit
from lnkit.specs import IMAGENET_CLASSES
from lnkit_timm.catalog import ADAPTATIONS, CLASS_TOKEN, POINTS, RULES, TAPS, Architecture, Layout, is_tapped
from lnkit_timm.training_data import trained_on

if TYPE_CHECKING:
    import torch

PREFIX = "timm/"
TIMM = "timm>=1.0.15"
FLOAT32 = 4  # bytes
IMAGENET = re.compile(r"in1k(_\d+)?$")  # ends the tags of weights whose head was trained on ImageNet's 1,000 classes


def backbone_spec(architecture: Architecture, citation: str = "", tag: str = "", name: str = "") -> lnkit.BackboneSpec:
    """Return the backbone of an architecture.

    Args:
        architecture: a row of the index.
        citation: of its family.
        tag: of the pretrained weights; "" for timm's default.
        name: of the backbone, by default "timm/" and that of the architecture.
    """
    tag = tag or architecture.default_tag
    settings = architecture.input_of(tag)
    height, width = settings.size
    return lnkit.BackboneSpec(
        name=name or PREFIX + architecture.name,
        family=architecture.family,
        load=partial(_load, architecture, tag),
        weights=tag,
        citation=citation,
        mean=settings.mean,
        std=settings.std,
        min_size=architecture.min_size,
        requires=(TIMM,),
        input_size=settings.size if architecture.fixed else None,
        interpolation=settings.interpolation,
        eval_size=max(settings.size),
        size_note=ADAPTATIONS[architecture.adaptation].phrase.format(size=f"{width}x{height}"),
        tags=tuple(architecture.tags),
        trained_on=trained_on(architecture.name, tag),
        classes=IMAGENET_CLASSES if IMAGENET.search(tag) else "",
        with_tag=partial(_with_tag, architecture, citation),
        remote=_remote(architecture, tag) if tag else None,
    )


def _remote(architecture: Architecture, tag: str) -> lnkit.HubFile | lnkit.RemoteFile:
    source, size = architecture.source_of(tag), FLOAT32 * architecture.parameters  # about
    return lnkit.RemoteFile(source, size) if "://" in source else lnkit.HubFile(source, size)


def _with_tag(architecture: Architecture, citation: str, tag: str) -> lnkit.BackboneSpec:
    return backbone_spec(architecture, citation, tag, f"{PREFIX}{architecture.name}.{tag}")


def _load(architecture: Architecture, tag: str, pretrained: bool) -> torch.nn.Module:
    from lnkit_timm.load import load  # noqa: PLC0415 - torch and timm, which listing does without

    return load(architecture, tag, pretrained)


def extraction_points(architecture: Architecture) -> list[lnkit.ExtractionPoint]:
    """Return early, semi_early, mid and late, and the class token where there is one."""
    layouts = architecture.layout.split()
    facts = zip(POINTS, architecture.nodes.split(), architecture.at.split(), strict=True)
    points = [_point(*fact, architecture.rule, layouts[index % len(layouts)]) for index, fact in enumerate(facts)]
    return [*points, _class_token(architecture.class_token)] if architecture.class_token else points


@cache  # most architectures share their points with others
def _point(name: str, node: str, at: str, rule: str, layout: str) -> lnkit.ExtractionPoint:
    kind, _, prefix = layout.partition("+")
    description = _description(rule, at)
    if is_tapped(node):
        node, description = f"{TAPS}.{name}", f"{description}, from {node}"
    return lnkit.ExtractionPoint(name, node, description, RULES[rule], cast("Layout", kind), int(prefix or 0))


@cache
def _class_token(node: str) -> lnkit.ExtractionPoint:
    return lnkit.ExtractionPoint(CLASS_TOKEN, node, "the class token at the end", layout="CLS")


def _description(rule: str, at: str) -> str:
    if rule == "stages":
        return f"{at} stage"
    block, _, depth = at.partition("/")
    return f"block {block} of {depth}"
