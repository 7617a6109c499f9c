"""Networks for small images, trained for a short time: they judge images more like people do (Kumar et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import lnkit
from lnkit_earlystop.networks.architecture import listed, of_backbone, points
from lnkit_earlystop.registration import shipped, trained, untrained

LNKIT_INTERFACE = 1

__version__ = "0.1.0"


@lnkit.hookimpl
def register_backbone(register: Callable[[lnkit.BackboneSpec], None]) -> None:
    for architecture in listed():
        register(untrained(architecture))
    for spec in (*shipped(), *trained()):
        register(spec)


@lnkit.hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, lnkit.BackboneSpec]) -> None:
    for name in backbones:
        architecture = of_backbone(name)
        for point in points(architecture) if architecture else ():
            register(name, point)
