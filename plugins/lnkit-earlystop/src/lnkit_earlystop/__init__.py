"""Small-image networks with early stopping by perceptual score, as backbones of lnkit (Kumar2022).

References:
    Kumar2022: Kumar et al., "Do better ImageNet classifiers assess perceptual similarity better?", TMLR 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import lnkit
from lnkit_earlystop.backbones import shipped_backbones, trained_backbones, untrained_backbone
from lnkit_earlystop.networks.architecture import architecture_of, listed_architectures, points

LNKIT_INTERFACE = 1


@lnkit.hookimpl
def register_backbone(register: Callable[[lnkit.BackboneSpec], None]) -> None:
    for architecture in listed_architectures():
        register(untrained_backbone(architecture))
    for spec in (*shipped_backbones(), *trained_backbones()):
        register(spec)


@lnkit.hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, lnkit.BackboneSpec]) -> None:
    for name in backbones:
        architecture = architecture_of(name)
        for point in points(architecture) if architecture else ():
            register(name, point)
