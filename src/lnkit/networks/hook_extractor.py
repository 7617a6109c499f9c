"""Cut a backbone that cannot be traced: hooks record the outputs of the nodes and stop the forward pass at the last."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lnkit.errors import UsageError

_log = logging.getLogger("lnkit")

_PROBE_SIZES = (64, 224, 256, 384, 448, 518)  # pixels, the fastest first; some backbones accept one size only


class HookExtractor(nn.Module):
    """Runs a backbone up to the deepest of its nodes.

    If a module runs several times, its first output counts. Threads may share it: each gets its own outputs.
    """

    def __init__(
        self, backbone: nn.Module, nodes: Sequence[str], both_modes: bool = False, keeps_all: bool = False
    ) -> None:
        """Wrap a backbone, and set hooks on it for good.

        Args:
            backbone: The network, in evaluation mode.
            nodes: Paths of its modules.
            both_modes: Whether it will run in training mode too: modules that are reached then are kept.
            keeps_all: Whether modules that a black image does not reach are kept.
        """
        super().__init__()
        self.backbone = backbone
        self.nodes = tuple(nodes)
        self._calls = _Calls()
        for node in dict.fromkeys(self.nodes):
            backbone.get_submodule(node).register_forward_hook(_Tap(self._calls, node, len(set(self.nodes))))
        if not keeps_all:
            _drop_unreached(self, both_modes)

    def forward(self, images: Tensor) -> tuple[Any, ...]:
        outputs: dict[str, Any] = {}
        self._calls.of_thread.outputs = outputs
        try:
            self.backbone(images)
        except _Complete:
            return tuple([outputs[node] for node in self.nodes])
        finally:
            self._calls.of_thread.outputs = None
        missing = ", ".join(node for node in self.nodes if node not in outputs)
        raise UsageError(f"The forward pass of this backbone never runs {missing}: choose another node.")


class _Calls:
    """The outputs of the forward pass that each thread is in; a copy begins without any."""

    def __init__(self) -> None:
        self.of_thread = threading.local()

    def __reduce__(self) -> tuple[type[_Calls], tuple[()]]:
        return _Calls, ()


class _Tap:
    """A hook that records the first output of a node, and ends the pass when it is the last of all nodes."""

    def __init__(self, calls: _Calls, node: str, nodes: int) -> None:
        self.calls, self.node, self.nodes = calls, node, nodes

    def __call__(self, _module: nn.Module, _inputs: Any, output: Any) -> None:
        outputs: dict[str, Any] | None = getattr(self.calls.of_thread, "outputs", None)
        if outputs is None or self.node in outputs:  # None outside a pass, as while a checkpoint is computed again
            return
        outputs[self.node] = output
        if len(outputs) == self.nodes:
            raise _Complete
        outputs[self.node] = output.clone() if isinstance(output, Tensor) else output  # later modules may write to it


class _LeftOut(nn.Module):
    """Stands where a module was that a black image did not reach; other images may take another way."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, *_: Any, **__: Any) -> Any:
        raise UsageError(
            f"The forward pass takes another way for these images than for a black one: it runs {self.path}, which was "
            f"left out as unreached. Choose a point that comes after {self.path}, whatever the images show."
        )


class _Complete(Exception):  # noqa: N818 - a signal that ends a forward pass, not an error
    pass


@contextmanager
def forward_hooks(
    modules: Mapping[str, nn.Module], callback: Callable[[str, Any], None], first: bool = False
) -> Iterator[None]:
    """Call ``callback(path, output)`` after each of the modules has run, ``first`` before their own hooks.

    It must return None: torch replaces the output by anything else.
    """
    handles = [
        module.register_forward_hook(lambda _module, _inputs, output, path=path: callback(path, output), prepend=first)
        for path, module in modules.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _drop_unreached(cut: HookExtractor, both_modes: bool) -> None:
    """Leave out modules that a probe image does not reach, unless that changes the outputs."""
    for size in _PROBE_SIZES:
        try:
            before, unreached = _probe(cut, size)
            if both_modes:
                unreached_in_training = _unreached_in_training(cut, size)
                unreached = [path for path in unreached if path in unreached_in_training]
        except UsageError:
            raise
        except Exception as error:  # the backbone does not accept this size
            _log.debug("A probe of %d pixels failed: %s", size, error)
            continue
        dropped = {path: cut.backbone.get_submodule(path) for path in unreached}
        for path in dropped:
            _replace(cut.backbone, path, _LeftOut(path))
        if not _same_outputs(cut, size, before):
            for path, module in dropped.items():
                _replace(cut.backbone, path, module)
        return


def _probe(cut: HookExtractor, size: int) -> tuple[tuple[Any, ...], list[str]]:
    """Run one black image; return the outputs and the topmost modules that were not reached."""
    entered: set[str] = set()
    left: set[str] = set()
    modules = dict(cut.backbone.named_modules())
    handles = [
        module.register_forward_pre_hook(lambda _module, _inputs, path=path: entered.add(path))
        for path, module in modules.items()
    ]
    try:
        with forward_hooks(modules, lambda path, _output: left.add(path), first=True):
            outputs = _run(cut, size)
    finally:
        for handle in handles:
            handle.remove()
    return outputs, _topmost_unreached(list(modules), entered, left)


def _unreached_in_training(cut: HookExtractor, size: int) -> list[str]:
    """Return the topmost modules that are not reached in training mode; leave statistics and generators alone."""
    shared = {id(parameter): parameter for parameter in cut.parameters()}
    with torch.random.fork_rng():
        return _probe(copy.deepcopy(cut, shared).train(), size)[1]


def _topmost_unreached(paths: Sequence[str], entered: Collection[str], left: Collection[str]) -> list[str]:
    """Return the topmost modules that are certainly unused.

    A module is unused if neither it nor any of its children was entered, while its parent was entered but not left: a
    parent that ran to its end may have used its children in another way than by calling them. A list of modules never
    runs itself, so it counts as entered when one of its modules is.
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
    except Exception:  # a dropped module was needed
        return False
    tensors = [(a, b) for a, b in zip(after, before, strict=True) if isinstance(a, Tensor)]
    return all(torch.equal(a, b) for a, b in tensors)


def _replace(backbone: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(backbone.get_submodule(parent), name, module)
