"""Backbones that nobody registered: a function of the user's own that builds one, named as ``package.module:build``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from lnkit.errors import PluginError, UsageError
from lnkit.plugins.validation import check_backbone
from lnkit.specs import BackboneSpec

if TYPE_CHECKING:
    import torch

OWN_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
FAMILY = "own code"
AS_BUILT = "as built"  # the name of whatever weights a network has that cannot be asked for others


def is_own(name: str) -> bool:
    """Whether a backbone's name is a place in the user's code; registered names hold no colon."""
    return OWN_NAME.fullmatch(name) is not None


def import_backbone(place: str) -> BackboneSpec:
    """Import ``package.module:attribute``: a function that builds a network, or a BackboneSpec.

    The working directory is searched too. The function is called as ``build(pretrained=...)`` if it takes an argument
    of that name, else as ``build()``.

    Raises:
        UsageError: it cannot be imported, or is neither.
    """
    found = _import(place)
    if isinstance(found, BackboneSpec):
        return _checked(found, place)
    if not callable(found):
        raise UsageError(
            f"{place} is {type(found).__name__}: a function that returns an nn.Module is expected, or a BackboneSpec."
        )
    weights = "pretrained" if takes_pretrained(found) else AS_BUILT
    return BackboneSpec(name=place, family=FAMILY, load=partial(_build, found), weights=weights)


def backbone_from_module(module: torch.nn.Module, name: str, **fields: Any) -> BackboneSpec:
    """Describe a network that exists already; ``fields`` are further ones of BackboneSpec, such as ``mean``."""
    return BackboneSpec(name=name, family=FAMILY, load=partial(_copy, module), weights=AS_BUILT, **fields)


def _import(place: str) -> Any:
    from importlib import import_module  # noqa: PLC0415 - only for own code

    module, _, attributes = place.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does
    try:
        found: Any = import_module(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except Exception as error:  # the user's own code, which may raise anything
        raise UsageError(
            f"{place} cannot be imported ({type(error).__name__}: {' '.join(str(error).split())}). It is looked up as "
            "package.module:function, in the working directory too."
        ) from error
    return found


def _checked(spec: BackboneSpec, place: str) -> BackboneSpec:
    from dataclasses import replace  # noqa: PLC0415 - only for own code

    try:
        return replace(check_backbone(spec), name=place)
    except PluginError as error:
        raise UsageError(f"{place}: {error}") from error


def _build(build: Callable[..., torch.nn.Module], pretrained: bool) -> torch.nn.Module:
    return build(pretrained=pretrained) if takes_pretrained(build) else build()


def takes_pretrained(build: Callable[..., Any]) -> bool:
    """Whether a function can be asked for random weights: it has a parameter ``pretrained``."""
    from inspect import signature  # noqa: PLC0415 - only for own code

    try:
        return "pretrained" in signature(build).parameters
    except (TypeError, ValueError):  # built in, without a signature
        return False


def _copy(module: torch.nn.Module, _pretrained: bool) -> torch.nn.Module:
    """Return a copy, since a loaded backbone is frozen and put into evaluation mode."""
    from copy import deepcopy  # noqa: PLC0415 - only for own code

    return deepcopy(module)
