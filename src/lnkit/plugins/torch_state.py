"""What no plugin may change for everybody else in torch, which is looked at only where it has been imported."""

from __future__ import annotations

import sys
from typing import Any

from lnkit.plugins.process_state import UNKNOWN, GlobalState

BY_CHANCE = "by chance"  # the seed of a generator that nobody has seeded
SEED_LIMIT = 2**32  # torch draws 64 bits where nobody gives a seed; people give smaller ones


def _torch() -> Any:
    return sys.modules["torch"]


def _seed() -> int | str:
    seed: int = _torch().initial_seed()
    return seed if seed < SEED_LIMIT else BY_CHANCE


def _put_seed_back(seed: int | str) -> None:
    generator = _torch().default_generator
    if isinstance(seed, int):
        generator.manual_seed(seed)
    else:
        generator.seed()


def _put_device_back(device: Any) -> None:
    _torch().set_default_device(None)
    if _torch().get_default_device() != device:
        _torch().set_default_device(device)


def _determinism() -> tuple[bool, bool]:
    torch = _torch()
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _put_determinism_back(before: tuple[bool, bool]) -> None:
    _torch().use_deterministic_algorithms(before[0], warn_only=before[1])


def _cudnn() -> tuple[bool, bool]:
    cudnn = _torch().backends.cudnn
    return cudnn.benchmark, cudnn.deterministic


def _put_cudnn_back(before: tuple[bool, bool]) -> None:
    cudnn = _torch().backends.cudnn
    cudnn.benchmark, cudnn.deterministic = before


def _put_hub_back(folder: str | None) -> None:
    _torch().hub._hub_dir = folder


def _gpu_states() -> Any:
    cuda = _torch().cuda
    return cuda.get_rng_state_all() if cuda.is_initialized() else UNKNOWN


def _same_states(before: list[Any], now: list[Any]) -> bool:
    return len(before) == len(now) and all(map(_torch().equal, before, now))


TORCH = (
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
        _put_device_back,
        "torch",
        initial=lambda: _torch().device("cpu"),
    ),
    GlobalState(
        "torch's recording of gradients",
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
        _put_determinism_back,
        "torch",
        initial=lambda: (False, False),
    ),
    GlobalState(
        "torch's precision of float32 products",
        lambda: _torch().get_float32_matmul_precision(),
        lambda precision: _torch().set_float32_matmul_precision(precision),
        "torch",
        initial=lambda: "highest",
    ),
    GlobalState("torch's choice of cuDNN algorithms", _cudnn, _put_cudnn_back, "torch", initial=lambda: (False, False)),
    # hub.get_dir() would do for reading, but hub.set_dir() cannot take back that a folder was set.
    GlobalState(
        "the folder of torch.hub", lambda: _torch().hub._hub_dir, _put_hub_back, "torch.hub", initial=lambda: None
    ),
    GlobalState("torch's random generator", _seed, _put_seed_back, "torch", initial=lambda: BY_CHANCE),
)
GENERATORS = (
    GlobalState(
        "torch's random generator",
        lambda: _torch().get_rng_state(),
        lambda state: _torch().set_rng_state(state),
        "torch",
        is_same=lambda before, now: _torch().equal(before, now),
    ),
    GlobalState(
        "torch's random generators on the GPU",
        _gpu_states,
        lambda states: _torch().cuda.set_rng_state_all(states),
        "torch",
        is_same=_same_states,
    ),
)
