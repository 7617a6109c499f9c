"""Vision transformers of the package transformers, ``transformers:owner/name`` on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Callable

import lnkit

LNKIT_INTERFACE = 1


@lnkit.hookimpl
def register_backbone_source(register: Callable[..., None]) -> None:
    description = "vision transformers on the Hugging Face hub: transformers:OWNER/NAME"
    register(lnkit.BackboneSource("transformers", "lnkit_transformers.describe:describe", description))
