"""Read the structure of a network from one forward pass: depth, skip connections, branches, kinds of layers.

Operations are observed while they run, whichever module or function calls them, so the network need not be traceable.
On torch's meta device nothing is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lnkit.networks.hook_extractor import forward_hooks

ATTENTION = "_scaled_dot_product"  # one operation for a product, softmax and another product
PRODUCTS = ("convolution", "addmm", "mm", "bmm", "baddbmm", ATTENTION)  # matrix multiplications
BATCH_NORMS = ("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm", "_batch_norm_no_update")
JOINS = ("add", "cat", "stack")
ALIASES = (  # return the same values
    "view", "_unsafe_view", "reshape", "_reshape_alias", "clone", "alias", "detach", "_to_copy", "expand", "contiguous",
    "permute", "transpose", "t", "unsqueeze", "squeeze", "native_dropout", "dropout", "lift_fresh", "copy_",
)  # fmt: skip
LINEAR = (  # in one activation: two matrix multiplications with one of these between them count once
    *ALIASES, *BATCH_NORMS, *JOINS, "sub", "neg", "mean", "sum", "avg_pool2d", "adaptive_avg_pool2d",
    "_adaptive_avg_pool2d", "constant_pad_nd", "pad", "reflection_pad2d", "slice", "select", "split",
    "split_with_sizes", "chunk", "unbind", "narrow", "index", "roll", "upsample_bilinear2d", "upsample_nearest2d",
    "_upsample_bicubic2d_aa",
    "upsample_bicubic2d", "im2col", "flip", "pixel_unshuffle", "pixel_shuffle", "channel_shuffle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Structure:
    """The structure of a network."""

    depth: int  # matrix multiplications separated by a non-linearity on the longest path (Pihlgren2023, Table I)
    depth_at: Mapping[str, int]  # node -> depth of its output in its first run
    skip_connections: bool  # a tensor is added to, or joined with, one that was computed from it
    branches: bool  # parallel paths are concatenated, or channels convolved in groups
    conv_1x1: bool
    batch_norm: bool


def read_structure(backbone: nn.Module, nodes: Sequence[str], image: Tensor) -> Structure:
    """Run an image through a backbone and read its structure.

    Depth counts convolutions, linear layers and the products of attention on the path with most of them. Two without a
    non-linearity between them count once, since they are one linear map. An operation that is not known to be linear is
    non-linear: activations, max pooling, layer norm, softmax, gates (the product of two activations).

    A skip connection adds or concatenates a tensor with one computed from it. Branches are parallel paths that are
    concatenated, or a convolution in groups, unless each channel is a group. A convolution in a skip connection
    (ResNet's downsampling) is not a branch: the two paths are added.

    Args:
        backbone: The network.
        nodes: Paths of the modules whose depth is read.
        image: An image (1, 3, H, W).
    """
    watch = _Watch()
    depth_at: dict[str, int] = {}

    modules = dict(backbone.named_modules())
    watched = {node: modules[node] for node in nodes if node in modules}

    def record(node: str, output: Any) -> None:
        depth_at.setdefault(node, watch.deepest(output))

    with torch.no_grad(), _unfused_attention(), forward_hooks(watched, record), watch:
        watch.begin(image)
        output = backbone(image)
    return Structure(watch.deepest(output), depth_at, watch.skips, watch.branches, watch.conv_1x1, watch.batch_norm)


@contextmanager
def _unfused_attention() -> Iterator[None]:
    """Keep attention layers from running as one fused operation, whose steps cannot be observed."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@dataclass(frozen=True, slots=True)
class _Path:
    """The operations that led to a tensor."""

    name: int  # of the values; an alias has the same name
    depth: int
    fresh: bool  # a non-linearity came after the last matrix multiplication
    sources: frozenset[int]  # names of all values that it was computed from
    products: int  # matrix multiplications among its sources


@dataclass
class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types there
    """Follows every tensor that depends on the image."""

    paths: dict[int, _Path] = field(default_factory=dict)  # by id
    products: dict[int, int] = field(
        default_factory=dict
    )  # name of values -> matrix multiplications on the way to them
    alive: list[Tensor] = field(default_factory=list)  # keeps tensors alive, so that no id is used twice
    skips: bool = False
    branches: bool = False
    conv_1x1: bool = False
    batch_norm: bool = False

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def begin(self, image: Tensor) -> None:
        self._add(image, _Path(0, 0, True, frozenset(), 0))

    def deepest(self, output: Any) -> int:
        return max((self.paths[id(t)].depth for t in _tensors(output) if id(t) in self.paths), default=0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        inputs = [self.paths[id(t)] for t in _tensors((args, kwargs)) if id(t) in self.paths]
        if inputs:
            name = func.overloadpacket.__name__.rstrip("_") if func.overloadpacket.__name__ != "copy_" else "copy_"
            self._update_flags(name, args, inputs)
            path = self._path(name, inputs)
            for tensor in _tensors(output):
                self._add(tensor, path)
        return output

    def _add(self, tensor: Tensor, path: _Path) -> None:
        self.paths[id(tensor)] = path
        self.products[path.name] = path.products
        self.alive.append(tensor)

    def _update_flags(self, name: str, args: Sequence[Any], inputs: Sequence[_Path]) -> None:
        """Update the flags of the network after an operation."""
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
        """Return whether two tensors come from parallel paths, at least one of which has a matrix multiplication."""
        fork = max((self.products[name] for name in a.sources & b.sources), default=0)
        return a.name not in b.sources and b.name not in a.sources and max(a.products, b.products) > fork

    def _path(self, name: str, inputs: Sequence[_Path]) -> _Path:
        """Return the path of the output of an operation."""
        longest = max(inputs, key=lambda path: (path.depth, path.fresh))
        if name in ALIASES and len(inputs) == 1:
            return inputs[0]
        product = name.startswith(PRODUCTS)
        sources = frozenset({path.name for path in inputs}.union(*(path.sources for path in inputs)))
        return _Path(
            name=len(self.alive),
            depth=longest.depth + int(product and (longest.fresh or name.startswith(ATTENTION))),
            fresh=not product and (longest.fresh or not _is_linear(name, inputs)),
            sources=sources,
            products=max(path.products for path in inputs) + int(product),
        )


def _is_linear(name: str, inputs: Sequence[_Path]) -> bool:
    """Return whether an operation is linear; the product of two activations, as in a gate, is not."""
    return len(inputs) == 1 if name in ("mul", "div") else name in LINEAR


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
