"""Parts of the training loop: states as JSON and tensors, generators, deferred interrupts."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from lnkit.training.interrupts import defer_interrupts
from lnkit.training.rng_state import generator_states, restore, seed_all
from lnkit.training.state_files import pack, unpack

CPU = torch.device("cpu")


def through_json(tree: Any) -> Any:
    tensors: dict[str, torch.Tensor] = {}
    packed = json.loads(json.dumps(pack(tree, tensors)))
    return unpack(packed, tensors)


def test_plain_values_come_back_as_they_were() -> None:
    tree = {"a": [1, 2.5, None, True, "x"], 3: (0.1 + 0.2, float("inf"), -0.0), "e": {}, "t": (), "l": []}
    back = through_json(tree)
    assert back == tree
    assert [type(key) for key in back] == [type(key) for key in tree]
    assert isinstance(back[3], tuple)
    assert np.signbit(back[3][2])


def test_tensors_come_back_bit_by_bit() -> None:
    tree = {"half": torch.randn(3).bfloat16(), "none": torch.empty(0), "nested": [{"n": torch.tensor(7)}]}
    back = through_json(tree)
    assert torch.equal(back["half"], tree["half"])
    assert back["none"].shape == (0,)
    assert back["nested"][0]["n"] == 7


def test_an_optimizers_state() -> None:
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1, amsgrad=True)
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    back = through_json(state)
    assert back["param_groups"] == state["param_groups"]
    for key, values in state["state"].items():
        for name, tensor in values.items():
            assert torch.equal(back["state"][key][name], tensor)


def test_what_cannot_be_kept_is_named() -> None:
    with pytest.raises(TypeError, match="A set at /a/1 cannot be stored"):
        pack({"a": [1, {2}]}, {})


def test_generators_come_back() -> None:
    seed_all(5)
    states = through_json(generator_states(CPU))
    drawn = random.gauss(0, 1), np.random.standard_normal(3).tolist(), torch.randn(3).tolist()
    restore(states, CPU)
    assert (random.gauss(0, 1), np.random.standard_normal(3).tolist(), torch.randn(3).tolist()) == drawn


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    """Python's own; a command that ran before in this process may have left its."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(times: int, done: list[str]) -> None:
    """Interrupt a block that defers interrupts."""
    with defer_interrupts():
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        done.append("all of it")


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    done: list[str] = []
    usual = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupt(1, done)
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is usual


def test_a_second_interrupt_does_not_wait() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupt(2, done)
    assert done == []


def test_in_other_threads_nothing_is_changed() -> None:
    found = []

    def look() -> None:
        with defer_interrupts():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
