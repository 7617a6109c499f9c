"""Backbones that no plugin registers: the user's own functions and networks.

A function that builds a network is named as ``package.module:build``; a network that exists is described with
`backbone_from_module`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from lnkit.errors import PluginError, UsageError
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.hooks import import_object
from lnkit.plugins.validation import check_backbone
from lnkit.specs import BackboneSpec

if TYPE_CHECKING:
    import torch

IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
FAMILY = "user code"
WEIGHTS_AS_BUILT = "as built"  # name of the weights of a network that cannot be built with other weights


def is_user_backbone(name: str) -> bool:
    """Whether a backbone is named by an import path ``package.module:build``; registered names contain no colon."""
    return IMPORT_PATH.fullmatch(name) is not None


def import_backbone(path: str) -> BackboneSpec:
    """Import a function that builds a network, or a BackboneSpec.

    Args:
        path: ``package.module:attribute``, searched in the working directory too. A function is called as
            ``build(pretrained=...)`` if it has a parameter of that name, else as ``build()``.

    Raises:
        UsageError: it cannot be imported, or is of another type.
    """
    imported = _import(path)
    if isinstance(imported, BackboneSpec):
        return _renamed(imported, path)
    if not callable(imported):
        raise UsageError(
            f"Expected {path} to be a function that returns an nn.Module, or a BackboneSpec, got "
            f"{type(imported).__name__}."
        )
    weights = "pretrained" if _takes_pretrained(imported) else WEIGHTS_AS_BUILT
    return BackboneSpec(name=path, family=FAMILY, load=partial(_build, imported), weights=weights)


def backbone_from_module(module: torch.nn.Module, name: str, **fields: Any) -> BackboneSpec:
    """Describe a network that exists already.

    Args:
        module: the network; a copy of it is used.
        name: of the backbone.
        **fields: further fields of BackboneSpec, such as ``mean``.
    """
    return BackboneSpec(name=name, family=FAMILY, load=partial(_copy, module), weights=WEIGHTS_AS_BUILT, **fields)


def _import(path: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does
    try:
        return import_object(path)
    except Exception as error:  # user code may raise anything
        raise UsageError(
            f"{path} cannot be imported ({sentence_of(error)}). Give it as package.module:function; the working "
            "directory is searched too."
        ) from error


def _renamed(spec: BackboneSpec, path: str) -> BackboneSpec:
    from dataclasses import replace  # noqa: PLC0415 - only for user code

    try:
        return replace(check_backbone(spec), name=path)
    except PluginError as error:
        raise UsageError(f"{path}: {error}") from error


def _build(build: Callable[..., torch.nn.Module], pretrained: bool) -> torch.nn.Module:
    return build(pretrained=pretrained) if _takes_pretrained(build) else build()


def _takes_pretrained(build: Callable[..., Any]) -> bool:
    """Whether a function has a parameter ``pretrained``, so that it can build random weights too."""
    from inspect import signature  # noqa: PLC0415 - only for user code

    try:
        return "pretrained" in signature(build).parameters
    except (TypeError, ValueError):  # built in, without a signature
        return False


def _copy(module: torch.nn.Module, _pretrained: bool) -> torch.nn.Module:
    """Return a copy, since loading freezes a backbone and sets evaluation mode."""
    from lnkit.plugins.unusable_networks import copy_network, why_unusable  # noqa: PLC0415 - only for user code

    if reason := why_unusable(module):
        raise UsageError(f"{type(module).__name__} {reason}")
    return copy_network(module)
