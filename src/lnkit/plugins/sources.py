"""Backbones that a plugin describes when they are named: ``hf-hub:owner/name``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from lnkit.errors import LnkitError, PluginError, UsageError
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.rules import MAX_LENGTH
from lnkit.plugins.validation import check_backbone, check_point
from lnkit.specs import BackboneSource, BackboneSpec, ExtractionPoint, load_function

INNER = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)  # after the colon; stands in records, and in signatures


class Described(NamedTuple):
    """A backbone of a source."""

    spec: BackboneSpec
    points: Mapping[str, ExtractionPoint]


def describe_from(source: BackboneSource, name: str) -> Described:
    """Have a source describe one of its backbones.

    Args:
        source: what stands before the colon.
        name: the whole name, ``hf-hub:timm/resnet18.a1_in1k``.

    Raises:
        LnkitError: the source cannot describe it; the message is the source's own.
        PluginError: the plugin of the source fails, or describes it wrongly.
        UsageError: what stands behind the colon cannot be a name.
    """
    inner = name.partition(":")[2]
    if not INNER.fullmatch(inner) or len(name) > MAX_LENGTH:
        raise UsageError(f"Expected {source.name}:NAME, such as {source.name}:owner/name, got {name!r:.80}.")
    try:
        spec, points = load_function(source.describe)(inner)
        checked = replace(check_backbone(spec), name=name, tags=(), with_tag=None)
        return Described(checked, {point.name: check_point(name, point) for point in points})
    except LnkitError:
        raise
    except Exception as error:
        raise PluginError(f"The plugin of {source.name} failed to describe {name}: {sentence_of(error)}.") from error
