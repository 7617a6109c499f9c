"""Cut a backbone so that it can be put into training mode, for loss networks that follow the network they train.

A traced graph has only the operations of the mode in which it was traced, so these cuts are made by hooks: the modules
run their own code in either mode.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import fx, nn
from torch.nn.modules.conv import _ConvNd

from lnkit.errors import UsageError
from lnkit.networks.graph_extractor import ACTIVATIONS, cut_outline, outline_of
from lnkit.networks.hook_extractor import HookExtractor

# Modules that compute the same in both modes. All others are taken to differ.
_SAME_IN_BOTH_MODES = (
    _ConvNd,
    nn.Linear,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Identity,
    *ACTIVATIONS,
)


def cut_in_both_modes(cut: nn.Module, backbone: nn.Module, nodes: Sequence[str], name: str = "") -> nn.Module | None:
    """Cut a backbone at some of its nodes so that training mode means what it means in the backbone itself.

    Args:
        cut: The same cut by :func:`lnkit.networks.graph_extractor.cut_backbone`.
        backbone: The network; it is not changed.
        nodes: As for that function, but paths of modules only.
        name: Name of the backbone, for error messages.

    Returns:
        A module as from that function, in evaluation mode; None if training mode makes no difference to the outputs.

    Raises:
        UsageError: A node is an operation inside a module.
    """
    if _ignores_mode(cut, backbone, nodes):
        return None
    modules = dict(backbone.named_modules())
    if operations := [node for node in nodes if node not in modules]:
        raise UsageError(
            f"A loss network in training mode needs points that are modules, and {operations[0]!r} of "
            f"{name or 'this backbone'} is an operation inside one. Choose another point, or loss_mode=eval."
        )
    both = HookExtractor(outline_of(backbone), nodes, both_modes=True)
    return copy.deepcopy(both).eval().requires_grad_(False)


def _ignores_mode(cut: nn.Module, backbone: nn.Module, nodes: Sequence[str]) -> bool:
    """Return whether a cut certainly computes the same in both modes, without any statistics that it could change."""
    if not isinstance(cut, fx.GraphModule) or any(True for _ in cut.buffers()):
        return False
    called = [cut.get_submodule(str(node.target)) for node in cut.graph.nodes if node.op == "call_module"]
    if not all(isinstance(module, _SAME_IN_BOTH_MODES) for module in called):
        return False
    in_training = cut_outline(outline_of(backbone).train(), nodes)
    return isinstance(in_training, fx.GraphModule) and in_training.code == cut.code
