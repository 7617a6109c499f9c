"""State of torch that belongs to the whole process, and the lists of all such state.

Nothing here imports torch: its state is read only after something else has imported it.
"""

from __future__ import annotations

import sys
from typing import Any

from lnkit.plugins.interpreter_state import INTERPRETER_SETTINGS, functions_of
from lnkit.plugins.process_state import PYTHON_GENERATORS, PYTHON_SETTINGS, UNKNOWN, GlobalState

UNSEEDED = "unseeded"  # stands for the random seed of a generator that was never seeded
SEED_LIMIT = 2**32  # without a seed torch draws one of 64 bits; people choose smaller ones


def _torch() -> Any:
    return sys.modules["torch"]


def _seed() -> int | str:
    seed: int = _torch().initial_seed()
    return seed if seed < SEED_LIMIT else UNSEEDED


def _restore_seed(seed: int | str) -> None:
    generator = _torch().default_generator
    if isinstance(seed, int):
        generator.manual_seed(seed)
    else:
        generator.seed()


def _restore_device(device: Any) -> None:
    _torch().set_default_device(None)
    if _torch().get_default_device() != device:
        _torch().set_default_device(device)


def _determinism() -> tuple[bool, bool]:
    torch = _torch()
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _cudnn() -> tuple[bool, bool]:
    cudnn = _torch().backends.cudnn
    return cudnn.benchmark, cudnn.deterministic


def _restore_cudnn(before: tuple[bool, bool]) -> None:
    cudnn = _torch().backends.cudnn
    cudnn.benchmark, cudnn.deterministic = before


def _restore_hub(folder: str | None) -> None:
    _torch().hub._hub_dir = folder


def _gpu_states() -> Any:
    cuda = _torch().cuda
    return cuda.get_rng_state_all() if cuda.is_initialized() else UNKNOWN


MODULE_HOOKS = (
    "_global_buffer_registration_hooks",
    "_global_module_registration_hooks",
    "_global_parameter_registration_hooks",
    "_global_backward_pre_hooks",
    "_global_backward_hooks",
    "_global_forward_pre_hooks",
    "_global_forward_hooks",
)


def _module_hooks() -> list[dict[Any, Any]]:
    module = sys.modules["torch.nn.modules.module"]
    return [dict(getattr(module, name)) for name in MODULE_HOOKS]


def _restore_module_hooks(before: list[dict[Any, Any]]) -> None:
    for name, hooks in zip(MODULE_HOOKS, before, strict=True):
        table = getattr(sys.modules["torch.nn.modules.module"], name)
        table.clear()
        table.update(hooks)


SETTINGS = (
    *PYTHON_SETTINGS,
    *INTERPRETER_SETTINGS,
    *map(functions_of, ("torch", "torch.nn", "torch.nn.functional")),
    GlobalState(
        "torch's hooks of all modules",
        _module_hooks,
        _restore_module_hooks,
        "torch.nn.modules.module",
        initial=lambda: [{} for _ in MODULE_HOOKS],
    ),
    GlobalState(
        "torch's default dtype",
        lambda: _torch().get_default_dtype(),
        lambda dtype: _torch().set_default_dtype(dtype),
        "torch",
        initial=lambda: _torch().float32,
    ),
    GlobalState(
        "torch's default device",
        lambda: _torch().get_default_device(),
        _restore_device,
        "torch",
        initial=lambda: _torch().device("cpu"),
    ),
    GlobalState(
        "torch's gradient mode",
        lambda: _torch().is_grad_enabled(),
        lambda enabled: _torch().set_grad_enabled(enabled),
        "torch",
        initial=lambda: True,
    ),
    GlobalState(
        "torch's number of threads",
        lambda: _torch().get_num_threads(),
        lambda threads: _torch().set_num_threads(threads),
        "torch",
    ),
    GlobalState(
        "torch's deterministic algorithms",
        _determinism,
        lambda before: _torch().use_deterministic_algorithms(before[0], warn_only=before[1]),
        "torch",
        initial=lambda: (False, False),
    ),
    GlobalState(
        "torch's float32 matmul precision",
        lambda: _torch().get_float32_matmul_precision(),
        lambda precision: _torch().set_float32_matmul_precision(precision),
        "torch",
        initial=lambda: "highest",
    ),
    GlobalState("torch's cuDNN settings", _cudnn, _restore_cudnn, "torch", initial=lambda: (False, False)),
    # Read from the private variable: hub.set_dir() cannot restore that no folder was set.
    GlobalState("torch.hub's folder", lambda: _torch().hub._hub_dir, _restore_hub, "torch.hub", initial=lambda: None),
    GlobalState("torch's random generator", _seed, _restore_seed, "torch", initial=lambda: UNSEEDED),
)

GENERATORS = (
    *PYTHON_GENERATORS,
    GlobalState(
        "torch's random generator",
        lambda: _torch().get_rng_state(),
        lambda state: _torch().set_rng_state(state),
        "torch",
        is_same=lambda before, now: _torch().equal(before, now),
    ),
    GlobalState(
        "torch's GPU random generators",
        _gpu_states,
        lambda states: _torch().cuda.set_rng_state_all(states),
        "torch",
        is_same=lambda before, now: len(before) == len(now) and all(map(_torch().equal, before, now)),
    ),
)
