"""Threads never call a function of oneMKL for the first time side by side; the first call of each is lnkit's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import lnkit
from lnkit.networks.device import place
from lnkit.networks.math_kernels import choose_math_kernels

HEADER = Path(torch.__file__).parent / "include" / "ATen" / "cpu" / "vml.h"
LISTED = re.compile(r"^ *IMPLEMENT_VML_MKL\((\w+), \w+\)$", re.MULTILINE)


class Calls(TorchDispatchMode):
    """Remembers each operation with the size and the type of its first tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[str, int, torch.dtype]] = []
        self.devices: set[torch.device] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if args and isinstance(args[0], torch.Tensor):
            self.made.append((func.overloadpacket.__name__, args[0].numel(), args[0].dtype))
            self.devices.add(args[0].device)
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def as_in_a_new_process() -> Iterator[None]:
    choose_math_kernels.cache_clear()
    yield
    choose_math_kernels.cache_clear()


def place_module() -> None:
    place(nn.Identity(), torch.device("cpu"))


def make_loss_network() -> None:
    lnkit.LossNetwork(nn.Sequential(nn.Conv2d(3, 2, 1)), [lnkit.ExtractionPoint("early", "0")])


@pytest.mark.parametrize("prepare", [place_module, make_loss_network])
def test_every_function_of_torchs_own_list_is_called_once_with_one_number(prepare: Callable[[], None]) -> None:
    names = set(LISTED.findall(HEADER.read_text()))
    assert {"tanh", "sqrt", "exp"} <= names
    with Calls() as calls:
        prepare()
    for dtype in (torch.float32, torch.float64):
        assert names <= {name for name, numbers, of in calls.made if (numbers, of) == (1, dtype)}


def test_it_happens_once_in_a_process() -> None:
    place_module()
    with Calls() as calls:
        place_module()
        make_loss_network()
    assert "tanh" not in {name for name, _, _ in calls.made}


def test_the_numbers_are_on_the_cpu_whatever_the_default() -> None:
    with torch.device("meta"), Calls() as calls:
        choose_math_kernels()
    assert calls.devices == {torch.device("cpu")}
