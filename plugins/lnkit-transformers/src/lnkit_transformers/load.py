"""Vision transformers built by transformers, from files in the hub's cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers
from torch import nn

import lnkit
from lnkit.networks import fetch_hub_file
from lnkit.progress import SilentProgress
from lnkit_transformers.describe import WEIGHTS, Kind


def load(repository: str, kind: Kind, pretrained: bool) -> nn.Module:
    """Build the vision transformer of a repository.

    Args:
        repository: ``owner/name``, whose configuration has been fetched.
        kind: what it is.
        pretrained: whether to load ``model.safetensors``; otherwise the weights are random.

    Raises:
        lnkit.WeightsError: transformers cannot build it, or its weights do not fit.
    """
    model: Any = getattr(transformers, kind.model)
    configuration = model.config_class.from_pretrained(_fetched(repository, "config.json").parent)
    if not pretrained:
        network: nn.Module = model(configuration)
        return network
    folder = _fetched(repository, WEIGHTS).parent
    try:
        network, facts = model.from_pretrained(
            folder, config=configuration, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except Exception as error:  # of several unrelated families
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise lnkit.WeightsError(f"The weights of transformers:{repository} cannot be used ({reason}).") from error
    missing = sorted(name for name in facts["missing_keys"] if "pooler" not in name)
    if missing:  # transformers would leave them random
        raise lnkit.WeightsError(f"The weights of transformers:{repository} lack {len(missing)} tensors: {missing[0]}.")
    return network


def _fetched(repository: str, name: str) -> Path:
    return fetch_hub_file(lnkit.HubFile(repository, names=(name,)), f"{name} of {repository}", SilentProgress())
