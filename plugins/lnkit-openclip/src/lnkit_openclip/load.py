"""Image towers built by OpenCLIP, with the weights of a file of the whole model."""

from __future__ import annotations

import open_clip
from torch import nn

import lnkit
from lnkit.networks import fetch_hub_file, read_weights
from lnkit.progress import SilentProgress

VISUAL = "visual."  # stands before the names of the image tower's tensors


def load(name: str, tag: str, weights: lnkit.HubFile | None) -> nn.Module:
    """Build the image tower of a model.

    Args:
        name: of the model in OpenCLIP.
        tag: of its weights, for messages.
        weights: the file of the whole model on the hub, fetched if it is not in the cache; None for random ones.

    Raises:
        lnkit.WeightsError: the installed OpenCLIP has no such model, or the weights cannot be fetched or do not fit.
    """
    configuration = open_clip.get_model_config(name)
    if configuration is None:
        raise lnkit.WeightsError(
            f"OpenCLIP {open_clip.__version__} has no model {name!r}. Run: pip install --upgrade open_clip_torch"
        )
    tower: nn.Module = open_clip.CLIP(**configuration).visual
    if weights is not None:
        tensors = read_weights(fetch_hub_file(weights, f"{tag} weights of openclip/{name}", SilentProgress()))
        own = {key.removeprefix(VISUAL): value for key, value in tensors.items() if key.startswith(VISUAL)}
        tower.load_state_dict(own)
    return tower
