"""The hash of weights: by value, whatever a network holds, or a sentence."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import lnkit
from lnkit import UsageError, WeightsError, evaluate
from lnkit.networks.weights_hash import hash_weights


class Extra(nn.Module):
    def __init__(self, extra: Any) -> None:
        super().__init__()
        self.extra = extra

    def get_extra_state(self) -> Any:
        return self.extra


def with_tensor(tensor: torch.Tensor) -> nn.Module:
    module = nn.Module()
    module.register_buffer("x", tensor)
    return module


DTYPES = [
    (torch.float16, "e", (0.5, -2.0)),
    (torch.float64, "d", (0.1, -2.0)),
    (torch.int64, "q", (3, -2)),
    (torch.uint8, "B", (3, 200)),
    (torch.bool, "?", (True, False)),
    (torch.complex64, "ff", ((0.5, -1.0), (2.0, 3.0))),
]


@pytest.mark.parametrize(("dtype", "code", "values"), DTYPES, ids=[str(row[0]) for row in DTYPES])
def test_values_of_every_type(dtype: torch.dtype, code: str, values: tuple[Any, ...]) -> None:
    numbers = [complex(*value) if isinstance(value, tuple) else value for value in values]
    flat = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
    expected = f"x {dtype} 2\n".encode() + struct.pack(f"<{code * 2}", *flat)
    tensor = torch.tensor(numbers, dtype=dtype)
    assert hash_weights(with_tensor(tensor)) == hashlib.sha256(expected).hexdigest()
    if dtype.is_complex:
        conjugated = torch.tensor([value.conjugate() for value in numbers], dtype=dtype).conj()
        assert hash_weights(with_tensor(conjugated)) == hashlib.sha256(expected).hexdigest()


def test_sixteen_bits_of_the_other_kind() -> None:
    tensor = torch.tensor([1.5, -0.0], dtype=torch.bfloat16)
    expected = b"x torch.bfloat16 2\n" + b"".join(struct.pack("<f", value)[2:] for value in (1.5, -0.0))
    assert hash_weights(with_tensor(tensor)) == hashlib.sha256(expected).hexdigest()


def test_the_order_and_the_memory_do_not_matter() -> None:
    first, second = (nn.Module() for _ in range(2))
    a, b = torch.arange(6.0).reshape(2, 3), torch.tensor(7.0)
    first.register_buffer("a", a)
    first.register_buffer("b", b)
    second.register_buffer("b", b.expand(()))
    second.register_buffer("a", a.t().contiguous().t())
    assert hash_weights(first) == hash_weights(second)
    assert hash_weights(with_tensor(torch.empty(0))) == hashlib.sha256(b"x torch.float32 0\n").hexdigest()


EQUAL: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "numbers": lambda: {"a": 1, "b": [2.5, float("nan")], "c": (True, b"x")},
    "sets": lambda: {"one", "two", "three", "four"},
    "tensors": lambda: {"scale": torch.tensor([1.0, 2.0]), "more": [torch.ones(2, 2)]},
    "arrays": lambda: np.arange(5),
    "ordered": lambda: OrderedDict(a=1, b=2),
    "slices": lambda: slice(1, 2),
    "types": lambda: (torch.float32, torch.Size([1]), nn.ReLU),
    "parameters": lambda: nn.Parameter(torch.ones(3)),
    "objects": lambda: struct.Struct("<f").unpack(b"\0\0\x80?"),
}


@pytest.mark.parametrize("kind", EQUAL)
def test_extra_state_by_value(kind: str) -> None:
    make = EQUAL[kind]
    assert hash_weights(Extra(make())) == hash_weights(Extra(make()))
    assert len({hash_weights(Extra(make_other())) for make_other in EQUAL.values()}) == len(EQUAL)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": torch.zeros(2)}, {"a": torch.zeros(2).double()}),
        (np.zeros(2), np.array([0.0, 1.0])),
        ([1, [2]], [1, 2]),
        ("1", b"1"),
    ],
)
def test_other_extra_state_has_another_hash(one: Any, other: Any) -> None:
    assert hash_weights(Extra(one)) != hash_weights(Extra(other))


def test_extra_state_that_holds_itself() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert hash_weights(Extra(loop)) != hash_weights(Extra([1, [1]]))


@pytest.mark.exhaustive
def test_extra_state_is_the_same_in_another_process() -> None:
    code = (
        "from torch import nn; from lnkit.networks.weights_hash import hash_weights\n"
        "class Extra(nn.Module):\n"
        "    def get_extra_state(self): return {'s': {'one', 'two', 'three'}, 'b': frozenset('abc')}\n"
        "print(hash_weights(Extra()))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert other.strip() == hash_weights(Extra({"s": {"one", "two", "three"}, "b": frozenset("abc")}))


def sparse() -> nn.Module:
    return with_tensor(torch.eye(2).to_sparse())


def quantized() -> nn.Module:
    with warnings.catch_warnings(action="ignore"):
        return with_tensor(torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (sparse, "'x'"),
        (quantized, r"'x'.*quantized"),
        (lambda: with_tensor(torch.empty(2, device="meta")), "'x'"),
        (lambda: nn.LazyLinear(2, bias=False), "'weight'"),
        (lambda: Extra(Lock()), "'_extra_state'"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*(Lazy|Sparse|quantized).*")
def test_what_has_no_value_is_refused_by_name(make: Callable[[], nn.Module], says: str) -> None:
    with pytest.raises(WeightsError, match=rf"Expected dense tensors in the network, got {says}"):
        hash_weights(make())


def scripted() -> nn.Module:
    with warnings.catch_warnings(action="ignore"):
        return torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3)))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (scripted, "is a ScriptModule, whose inner outputs cannot be read"),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), scripted()), "has in '1' a ScriptModule"),
        (lambda: nn.Sequential(nn.LazyConv2d(4, 3)), r"has no values in '0\.weight': call it once with a batch"),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3, device="meta")), r"has no values in '0\.weight'"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*(Lazy|torch.jit).*")
def test_networks_that_cannot_be_cut_are_refused_in_a_sentence(make: Callable[[], nn.Module], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        evaluate(make(), points="0", sample=True)


def test_a_full_memory_is_nobodys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("lnkit.networks.weights.hash_weights", full)
    with pytest.raises(MemoryError):
        lnkit.load_backbone("pixel")
