"""Reads the structure of a network off one forward pass: depth, skip connections, branches, and which layers it has.

Every operation is seen as it is carried out, whatever module or function it comes from, so that nothing has to be
traced into a graph and any network will do. On torch's meta device nothing is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ATTENTION = "_scaled_dot_product"  # in one operation: a product, softmax, another product
PRODUCTS = ("convolution", "addmm", "mm", "bmm", "baddbmm", ATTENTION)  # multiply by a matrix
BATCH_NORMS = ("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm", "_batch_norm_no_update")
JOINS = ("add", "cat", "stack")
ALIASES = (  # give the same values again
    "view", "_unsafe_view", "reshape", "_reshape_alias", "clone", "alias", "detach", "_to_copy", "expand", "contiguous",
    "permute", "transpose", "t", "unsqueeze", "squeeze", "native_dropout", "dropout", "lift_fresh", "copy_",
)  # fmt: skip
LINEAR = (  # of one activation: between two matrix multiplications they leave one multiplication
    *ALIASES, *BATCH_NORMS, *JOINS, "sub", "neg", "mean", "sum", "avg_pool2d", "adaptive_avg_pool2d",
    "_adaptive_avg_pool2d", "constant_pad_nd", "pad", "reflection_pad2d", "slice", "select", "split",
    "split_with_sizes", "chunk", "unbind", "narrow", "index", "roll", "upsample_bilinear2d", "upsample_nearest2d",
    "_upsample_bicubic2d_aa",
    "upsample_bicubic2d", "im2col", "flip", "pixel_unshuffle", "pixel_shuffle", "channel_shuffle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Structure:
    """What a forward pass shows of a network."""

    depth: int  # matrix multiplications separated by a non-linearity on the longest path (P, Table I)
    depth_at: Mapping[str, int]  # node -> the same until its output, when it ran for the first time
    skip_connections: bool  # a tensor is added to, or joined with, one that was computed from it
    branches: bool  # parallel paths are concatenated, or channels convolved in groups
    conv_1x1: bool
    batch_norm: bool


def read_structure(backbone: nn.Module, nodes: Sequence[str], image: Tensor) -> Structure:
    """Run ``image`` (1, 3, H, W) through ``backbone`` and see what happens.

    Depth counts convolutions, linear layers and the products of attention. Two without a non-linearity between them
    count once, since they are one linear map. Non-linear is all that is not known to be linear: activations, max
    pooling, layer norm, softmax, gates (the product of two activations). The longest path is the one with most of them.

    A skip connection adds or concatenates a tensor with one computed from it. Branches are paths of which neither
    starts at the other's end, concatenated; or a convolution in groups, unless each channel is a group of its own. A
    convolution on the way of a skip connection (ResNet's downsampling) makes no branch: the two are added.
    """
    watch = _Watch()
    found: dict[str, int] = {}

    def note(node: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            found.setdefault(node, watch.deepest(output))

        return hook

    modules = dict(backbone.named_modules())
    hooks = [modules[node].register_forward_hook(note(node)) for node in nodes if node in modules]
    try:
        with torch.no_grad(), _in_single_steps(), watch:
            watch.begin(image)
            output = backbone(image)
    finally:
        for hook in hooks:
            hook.remove()
    return Structure(watch.deepest(output), found, watch.skips, watch.branches, watch.conv_1x1, watch.batch_norm)


@contextmanager
def _in_single_steps() -> Iterator[None]:
    """Keep attention from running as one fused operation, in which nothing can be seen."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@dataclass(frozen=True, slots=True)
class _Path:
    """How a tensor came about."""

    name: int  # of the values; an alias has the same
    depth: int
    fresh: bool  # a non-linearity came after the last matrix multiplication
    sources: frozenset[int]  # names of all that it was computed from, through a matrix multiplication or not
    products: int  # matrix multiplications among its sources


@dataclass
class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types there
    """Follows every tensor that depends on the image."""

    paths: dict[int, _Path] = field(default_factory=dict)  # by id
    products: dict[int, int] = field(
        default_factory=dict
    )  # name of values -> matrix multiplications on the way to them
    kept: list[Tensor] = field(default_factory=list)  # so that no id is used twice
    skips: bool = False
    branches: bool = False
    conv_1x1: bool = False
    batch_norm: bool = False

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def begin(self, image: Tensor) -> None:
        self._keep(image, _Path(0, 0, True, frozenset(), 0))

    def deepest(self, output: Any) -> int:
        return max((self.paths[id(t)].depth for t in _tensors(output) if id(t) in self.paths), default=0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        inputs = [self.paths[id(t)] for t in _tensors((args, kwargs)) if id(t) in self.paths]
        if inputs:
            name = func.overloadpacket.__name__.rstrip("_") if func.overloadpacket.__name__ != "copy_" else "copy_"
            self._look(name, args, inputs)
            after = self._after(name, inputs)
            for tensor in _tensors(output):
                self._keep(tensor, after)
        return output

    def _keep(self, tensor: Tensor, path: _Path) -> None:
        self.paths[id(tensor)] = path
        self.products[path.name] = path.products
        self.kept.append(tensor)

    def _look(self, name: str, args: Sequence[Any], inputs: Sequence[_Path]) -> None:
        """Note what this operation says about the network."""
        self.batch_norm |= name in BATCH_NORMS
        if name == "convolution":
            weight, groups = args[1], args[-1]
            self.conv_1x1 |= weight.ndim == 4 and tuple(weight.shape[2:]) == (1, 1) and groups == 1
            self.branches |= 1 < groups < weight.shape[0] and weight.shape[1] > 1
        if name in JOINS and len(inputs) > 1:
            apart = {path.name: path for path in inputs}
            pairs = [(a, b) for a in apart.values() for b in apart.values() if a is not b]
            self.skips |= any(a.name in b.sources and b.products > a.products for a, b in pairs)
            self.branches |= name != "add" and any(self._parallel(a, b) for a, b in pairs)

    def _parallel(self, a: _Path, b: _Path) -> bool:
        """Whether two tensors were computed beside each other, at least one of them by a matrix multiplication."""
        fork = max((self.products[name] for name in a.sources & b.sources), default=0)
        return a.name not in b.sources and b.name not in a.sources and max(a.products, b.products) > fork

    def _after(self, name: str, inputs: Sequence[_Path]) -> _Path:
        """The path of what comes out."""
        longest = max(inputs, key=lambda path: (path.depth, path.fresh))
        if name in ALIASES and len(inputs) == 1:
            return inputs[0]
        product = name.startswith(PRODUCTS)
        sources = frozenset({path.name for path in inputs}.union(*(path.sources for path in inputs)))
        return _Path(
            name=len(self.kept),
            depth=longest.depth + int(product and (longest.fresh or name.startswith(ATTENTION))),
            fresh=not product and (longest.fresh or not _is_linear(name, inputs)),
            sources=sources,
            products=max(path.products for path in inputs) + int(product),
        )


def _is_linear(name: str, inputs: Sequence[_Path]) -> bool:
    """Scaling by a constant or a parameter is; the product of two activations, as in a gate, is not."""
    return len(inputs) == 1 if name in ("mul", "div") else name in LINEAR


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
