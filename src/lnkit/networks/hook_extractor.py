"""Cut a backbone that cannot be traced: hooks keep the nodes' outputs and end its forward pass at the deepest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lnkit.errors import UsageError

_log = logging.getLogger("lnkit")

_PROBE_SIZES = (64, 224, 256, 384, 448, 518)  # pixels; some backbone accepts one of them only, most the quickest


class HookExtractor(nn.Module):
    """Runs a backbone as it is, up to the deepest of its nodes; modules that are never reached are dropped.

    The output of a module that runs several times is that of its first run.
    """

    def __init__(self, backbone: nn.Module, nodes: Sequence[str]) -> None:
        super().__init__()
        self.backbone = backbone
        self.nodes = tuple(nodes)
        _drop_unreached(self)

    def forward(self, images: Tensor) -> tuple[Any, ...]:
        kept: dict[str, Any] = {}

        def keep(node: str, output: Any) -> None:
            if node in kept:
                return
            kept[node] = output
            if len(kept) == len(set(self.nodes)):
                raise _AllKept
            kept[node] = output.clone() if isinstance(output, Tensor) else output  # what follows may write to it

        with _hooks(self.backbone, {node: self.backbone.get_submodule(node) for node in self.nodes}, keep):
            try:
                self.backbone(images)
            except _AllKept:
                return tuple(kept[node] for node in self.nodes)
        missing = ", ".join(node for node in self.nodes if node not in kept)
        raise UsageError(f"The forward pass of this backbone never runs {missing}: choose another node.")


class _AllKept(Exception):  # noqa: N818 - a signal that ends a forward pass, not an error
    pass


@contextmanager
def _hooks(backbone: nn.Module, modules: dict[str, nn.Module], tell: Callable[[str, Any], None]) -> Iterator[None]:
    """Call ``tell(path, output)`` after each of the modules has run."""
    handles = [
        module.register_forward_hook(lambda _module, _inputs, output, path=path: tell(path, output))
        for path, module in modules.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _drop_unreached(cut: HookExtractor) -> None:
    """Replace the modules that a probe does not reach by nothing, if the outputs prove that none of them counts."""
    for size in _PROBE_SIZES:
        try:
            before, unreached = _probe(cut, size)
        except UsageError:
            raise
        except Exception as error:  # a size that this backbone does not take
            _log.debug("A probe of %d pixels failed: %s", size, error)
            continue
        dropped = {path: cut.backbone.get_submodule(path) for path in unreached}
        for path in dropped:
            _replace(cut.backbone, path, nn.Identity())
        if not _same_outputs(cut, size, before):
            for path, module in dropped.items():
                _replace(cut.backbone, path, module)
        return


def _probe(cut: HookExtractor, size: int) -> tuple[tuple[Any, ...], list[str]]:
    """Run one black image; return the outputs, and the topmost modules that were not reached."""
    entered: set[str] = set()
    left: set[str] = set()
    modules = dict(cut.backbone.named_modules())
    handles = [
        module.register_forward_pre_hook(lambda _module, _inputs, path=path: entered.add(path))
        for path, module in modules.items()
    ]
    try:
        with _hooks(cut.backbone, modules, lambda path, _output: left.add(path)):
            outputs = _run(cut, size)
    finally:
        for handle in handles:
            handle.remove()
    return outputs, _topmost_unreached(list(modules), entered, left)


def _topmost_unreached(paths: Sequence[str], entered: Collection[str], left: Collection[str]) -> list[str]:
    """Modules that count for nothing: never run, nor anything in them, nor used by a parent that has run to its end.

    A module that was left has used its children in some way, even those that it never called. A list of modules is
    never run itself; it is as open as what runs through it.
    """
    reached = {"", *entered, *(parent for path in entered for parent in _parents(path))}
    opened: set[str] = set()
    for path in paths:  # parents come before their children
        if path in reached and path not in left and (not path or path.rpartition(".")[0] in opened):
            opened.add(path)
    return [path for path in paths if path not in reached and path.rpartition(".")[0] in opened]


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition(".")[0]:
        yield path


def _run(cut: HookExtractor, size: int) -> tuple[Any, ...]:
    parameter = next(cut.backbone.parameters(), torch.empty(0))
    with torch.no_grad():
        outputs: tuple[Any, ...] = cut(torch.zeros(1, 3, size, size, dtype=parameter.dtype, device=parameter.device))
    return outputs


def _same_outputs(cut: HookExtractor, size: int, before: tuple[Any, ...]) -> bool:
    try:
        after = _run(cut, size)
    except Exception:  # something needed a dropped module after all
        return False
    tensors = [(a, b) for a, b in zip(after, before, strict=True) if isinstance(a, Tensor)]
    return all(torch.equal(a, b) for a, b in tensors)


def _replace(backbone: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(backbone.get_submodule(parent), name, module)
