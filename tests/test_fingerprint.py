"""What identifies a network of the user: two that compute different things never have one fingerprint."""

from __future__ import annotations

import decimal
import enum
import functools
import math
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent
from types import MethodType
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.utils import parametrize
from torchvision.models import resnet18

import lnkit
from lnkit.networks.fingerprint import NotKnown, fingerprint

SAMPLE: dict[str, Any] = {"sample": True, "engine": "eager", "overrides": {"per_family": "3", "resamples": "0"}}


class Holder(nn.Module):
    """A module with a setting of any type."""

    def __init__(self, setting: Any) -> None:
        super().__init__()
        self.setting = setting


class Slotted:
    __slots__ = ("factor",)

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


@dataclass
class Settings:
    factor: float
    parts: tuple[int, ...] = ()


class Way(enum.Enum):
    UP = 1
    DOWN = 2


class SlottedModule(nn.Module):
    __slots__ = ("factor",)

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor


class OwnTensor(torch.Tensor):
    pass


def scaled_by(factor: float) -> Callable[[Any], Any]:
    def scale(x: Any) -> Any:
        def inner(y: Any) -> Any:
            return y * factor

        return inner(x)

    return scale


def twice(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(function)
    def wrapper(x: Any) -> Any:
        return function(function(x))

    return wrapper


def circle(value: int) -> list[Any]:
    held: list[Any] = [value]
    held.append(held)
    return held


def with_default(default: float) -> Callable[..., Any]:
    def scale(x: Any, factor: float = default) -> Any:
        return x * factor

    return scale


def with_keyword_default(default: float) -> Callable[..., Any]:
    def scale(x: Any, *, factor: float = default) -> Any:
        return x * factor

    return scale


def own_class(factor: float, name: str = "factor") -> type:
    """A class of the session; ``factor`` is in its namespace, a method, a property, a base or its metaclass."""
    meta = type("Meta", (type,), {"setting": factor if name == "metaclass" else 0})
    base = type("Base", (), {"factor": factor if name == "base" else 0})
    inside = {
        "factor": factor if name == "factor" else 0,
        "get": property(scaled_by(factor if name == "property" else 0)),
        "run": staticmethod(scaled_by(factor if name == "staticmethod" else 0)),
        "make": classmethod(scaled_by(factor if name == "classmethod" else 0)),
        "late": functools.cached_property(scaled_by(factor if name == "cached_property" else 0)),
        "forward": scaled_by(factor if name == "forward" else 0),
    }
    return meta("Own", (base,), inside)


def hooked(factor: float, register: str = "register_forward_hook") -> nn.Module:
    module = nn.Sequential(nn.Identity())
    getattr(module[0], register)(lambda *_: factor)
    return module


def with_forward(function: Callable[..., Any]) -> nn.Module:
    module = nn.Identity()
    module.forward = MethodType(function, module)  # type: ignore[method-assign]
    return module


def with_buffer(value: float) -> nn.Module:
    module = nn.Identity()
    module.register_buffer("kernel", torch.full((2,), value), persistent=False)
    return module


def holding_a_view(part: slice) -> nn.Module:
    module = nn.Linear(4, 1)
    nn.init.constant_(module.bias, 0)
    module.weight.data = torch.arange(4.0)[None]
    module.view = module.weight.detach()[:, part]
    return module


def parametrized(power: int) -> nn.Module:
    class Power(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x**power

    module = nn.Linear(2, 2, bias=False)
    nn.init.ones_(module.weight)
    return parametrize.register_parametrization(module, "weight", Power())


def in_training(part: bool) -> nn.Module:
    module = nn.Sequential(nn.Dropout(0.5))
    module[0].train(part)
    return module


BASE = torch.tensor([1 + 2j])

ONE_OF_A_KIND: list[tuple[str, Callable[[Any], Any], Any, Any]] = [
    ("a number", Holder, 0.5, 0.25),
    ("an int and a float", Holder, 1, 1.0),
    ("a bool and an int", Holder, True, 1),
    ("zero and minus zero", Holder, 0.0, -0.0),
    ("nan and infinity", Holder, math.nan, math.inf),
    ("text and bytes", Holder, "a", b"a"),
    ("a list", Holder, [1, 2], [2, 1]),
    ("a list and a tuple", Holder, [1], (1,)),
    ("nesting", Holder, [[1], 2], [[1, 2]]),
    ("a dict", Holder, {"a": 1}, {"a": 2}),
    ("the order of a dict", Holder, {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ("a set", Holder, {1, 2}, {1, 3}),
    ("a set of tuples", Holder, {(1, "a"), (2, None)}, {(1, "b"), (2, None)}),
    ("a frozenset and a set", Holder, frozenset((1, 2)), {1, 2}),
    ("a slice", Holder, slice(0, 2), slice(0, 3)),
    ("a circle", lambda value: Holder(circle(value)), 1, 2),
    ("dtypes", Holder, torch.float32, torch.float64),
    ("a size and a tuple", Holder, torch.Size((1, 2)), (1, 2)),
    ("a path", Holder, Path("a"), Path("b")),
    ("a pattern", Holder, re.compile("a"), re.compile("a", re.IGNORECASE)),
    ("an enum", Holder, Way.UP, Way.DOWN),
    ("a dataclass", Holder, Settings(1.0), replace(Settings(1.0), parts=(1,))),
    ("slots", Holder, Slotted(1.0), Slotted(2.0)),
    ("slots of a module", SlottedModule, 1.0, 2.0),
    ("a state of a generator", Holder, random.Random(0), random.Random(1)),
    ("a generator of NumPy", Holder, np.random.default_rng(0), np.random.default_rng(1)),
    ("a tensor", Holder, torch.ones(2), torch.zeros(2)),
    ("a tensor's type", Holder, torch.ones(2), torch.ones(2, dtype=torch.float64)),
    ("a bool tensor", Holder, torch.ones(2, dtype=torch.bool), torch.ones(2, dtype=torch.uint8)),
    ("a tensor's shape", Holder, torch.ones(2, 1), torch.ones(1, 2)),
    ("nan in a tensor", Holder, torch.tensor([math.nan]), torch.tensor([math.inf])),
    ("a conjugate view", lambda view: Holder([BASE, view]), BASE, BASE.conj()),
    ("a view of a weight", lambda part: holding_a_view(part), slice(0, 2), slice(1, 3)),
    ("a tensor in a list", lambda value: Holder([torch.tensor(value)]), 1, 2),
    ("a subclass of Tensor", Holder, torch.ones(2), torch.ones(2).as_subclass(OwnTensor)),
    ("an array", Holder, np.ones(2), np.zeros(2)),
    ("an array's type", Holder, np.ones(2, np.int32), np.ones(2, np.int64)),
    ("an array of objects", Holder, np.array([1, "a"], object), np.array([1, "b"], object)),
    ("a NumPy number", Holder, np.float32(0.5), np.float64(0.5)),
    ("a lambda", Holder, lambda x: torch.relu(x), lambda x: torch.cos(x)),
    ("a constant of a lambda", Holder, lambda x: x + 1, lambda x: x + 2),
    ("a constant's type", Holder, lambda x: x + 1, lambda x: x + 1.0),
    ("an attribute in a lambda", Holder, lambda x: x.relu(), lambda x: x.cos()),
    ("an operation", Holder, lambda x, y: x + y, lambda x, y: x - y),
    ("the order of arguments", Holder, lambda x, y: x - y, lambda y, x: x - y),  # called with names
    ("a nested function", Holder, lambda x: (lambda y: y + 1)(x), lambda x: (lambda y: y + 2)(x)),
    ("a closure", lambda factor: Holder(scaled_by(factor)), 1, 2),
    ("a tensor in a closure", lambda factor: Holder(scaled_by(factor)), torch.ones(2), torch.zeros(2)),
    ("a default", lambda factor: Holder(with_default(factor)), 1, 2),
    ("a keyword's default", lambda factor: Holder(with_keyword_default(factor)), 1, 2),
    ("functions of torch", Holder, functional.relu, functional.silu),
    ("functions written in C", Holder, torch.relu, torch.cos),
    ("functions made by torch", Holder, functional.max_pool2d, functional.max_pool1d),
    ("operations of the dispatcher", Holder, torch.ops.aten.relu, torch.ops.aten.cos),
    ("universal functions", Holder, np.sin, np.cos),
    ("a partial", Holder, functools.partial(torch.add, alpha=1), functools.partial(torch.add, alpha=2)),
    ("what a cache wraps", lambda value: Holder(functools.lru_cache(scaled_by(value))), 1, 2),
    ("what a wrapper wraps", lambda function: Holder(twice(function)), lambda x: x + 1, lambda x: x + 2),
    ("an own wrapper of a function of torch", Holder, functional.relu, twice(functional.relu)),
    ("the object of a method", Holder, Slotted(1.0).scaled, Slotted(2.0).scaled),
    ("the list of a method", Holder, [1].append, [2].append),
    ("a module in a list", Holder, [nn.ReLU()], [nn.ReLU(inplace=True)]),
    ("a class", lambda factor: Holder(own_class(factor)), 1, 2),
    *(
        (f"a {name} of a class", lambda factor, name=name: Holder(own_class(factor, name)()), 1, 2)
        for name in ("property", "staticmethod", "classmethod", "cached_property", "forward", "base", "metaclass")
    ),
    ("a hook", hooked, 1, 2),
    ("a hook before", lambda factor: hooked(factor, "register_forward_pre_hook"), 1, 2),
    ("when a hook runs", lambda name: hooked(1, name), "register_forward_hook", "register_forward_pre_hook"),
    ("another forward", with_forward, lambda self, x: x + 1, lambda self, x: x + 2),
    ("a buffer that no state dict has", with_buffer, 1.0, 2.0),
    ("a parametrization", parametrized, 2, 3),
    ("a module in training mode", in_training, True, False),
    ("a chance", nn.Dropout, 0.5, 0.25),
    ("an epsilon", lambda eps: nn.BatchNorm2d(3, eps=eps), 1e-5, 1e-3),
    ("the order of modules", lambda parts: nn.Sequential(*parts), [nn.ReLU(), nn.Tanh()], [nn.Tanh(), nn.ReLU()]),
    ("a traced network", fx.symbolic_trace, nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh())),
]


@pytest.mark.parametrize(
    ("make", "setting", "other"),
    [case[1:] for case in ONE_OF_A_KIND],
    ids=[case[0] for case in ONE_OF_A_KIND],
)
def test_a_difference_is_part_of_the_fingerprint(make: Callable[[Any], nn.Module], setting: Any, other: Any) -> None:
    first = fingerprint(make(setting))
    assert first == fingerprint(make(setting))
    assert first != fingerprint(make(other))
    assert re.fullmatch("[0-9a-f]{8}", first)


def test_extra_state_is_part_of_the_fingerprint() -> None:
    """Also where it lies in a library written in C."""

    class Extra(nn.Module):
        def get_extra_state(self) -> Any:
            return {"digits": decimal.getcontext().prec}

    module, prints = Extra(), []
    for digits in (10, 11, 10):
        with decimal.localcontext(prec=digits):
            prints.append(fingerprint(module))
    assert prints[0] == prints[2] != prints[1]


# own code in modules

NETS = """
    import os
    from functools import partial

    import torch
    from torch import nn
    from torch.nn import functional as F

    import own_settings
    from own_settings import scale_by

    SCALE = 1
    TABLE = {"scale": torch.ones(1)}

    class Table:
        scale = 1

    def helper(x):
        return x * SCALE

    class Act(nn.Module):
        def forward(self, x):
            return helper(x)

    class Attribute(nn.Module):
        def forward(self, x):
            return x * own_settings.SCALE

    class Whole(nn.Module):
        def forward(self, x):
            return x * getattr(own_settings, "SC" + "ALE")

    class Inside(nn.Module):
        def forward(self, x):
            from own_settings import SCALE
            import own_settings as settings
            return x * SCALE * settings.SCALE

    class Tabled(nn.Module):
        def forward(self, x):
            return x * TABLE["scale"] * Table.scale

    class Imported(nn.Module):
        def forward(self, x):
            return scale_by(x)

    class Read(nn.Module):
        def forward(self, x):
            return x * float(os.environ["OWN_SCALE"])

    class Got(nn.Module):
        def forward(self, x):
            return x * float(os.getenv("OWN_SCALE", "1"))

    class Built(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = float(os.environ["OWN_SCALE"])  # no matter how: it is in the state

        def forward(self, x):
            return x * self.scale
"""
SETTINGS = """
    SCALE = 1

    def scale_by(x):
        return x * SCALE
"""
NAMES = ("Act", "Attribute", "Whole", "Inside", "Tabled", "Imported", "Read", "Got", "Built")


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Own modules in files of the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("OWN_SCALE", "1")
    (tmp_path / "own_nets.py").write_text(dedent(NETS))
    (tmp_path / "own_settings.py").write_text(dedent(SETTINGS))
    yield tmp_path
    forget()


def forget() -> None:
    for name in ("own_nets", "own_settings"):
        sys.modules.pop(name, None)


def own(name: str) -> Any:
    import own_nets

    return getattr(own_nets, name)


def edit(file: Path, old: str, new: str) -> None:
    """Edit own code, and let the next import read it."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    forget()


@pytest.mark.parametrize("name", NAMES)
def test_code_in_files_is_known_and_a_comment_says_nothing(name: str, nets: Path) -> None:
    first = fingerprint(own(name)())
    for file in (nets / "own_nets.py", nets / "own_settings.py"):
        edit(file, "SCALE = 1", "# the scale\n\nSCALE = 1  # one")
    assert fingerprint(own(name)()) == first


@pytest.mark.parametrize(
    ("name", "module", "change"),
    [
        ("Act", "own_nets", {"SCALE": 30}),
        ("Act", "own_nets", {"helper": lambda x: x}),
        ("Attribute", "own_settings", {"SCALE": 30}),
        ("Whole", "own_settings", {"SCALE": 30}),
        ("Inside", "own_settings", {"SCALE": 30}),
        ("Tabled", "own_nets", {"TABLE": {"scale": torch.zeros(1)}}),
        ("Tabled", "own_nets.Table", {"scale": 2}),
        ("Imported", "own_settings", {"SCALE": 30}),
        ("Act", "own_nets.Act", {"forward": lambda self, x: x}),
        ("Act", "own_nets.Act", {"__getattr__": lambda self, name: nn.Module.__getattr__(self, name)}),
    ],
)
def test_what_a_name_stands_for_is_looked_up_as_at_run_time(
    name: str, module: str, change: dict[str, Any], nets: Path
) -> None:
    network = own(name)()
    first = fingerprint(network)
    place = sys.modules[module.split(".")[0]]
    place = getattr(place, module.split(".")[1]) if "." in module else place
    for attribute, value in change.items():
        setattr(place, attribute, value)
    assert fingerprint(network) != first


@pytest.mark.parametrize("name", ["Read", "Got", "Built"])
def test_an_environment_variable_is_known(name: str, nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fingerprint(own(name)())
    monkeypatch.setenv("UNRELATED", "2")
    assert fingerprint(own(name)()) == first
    monkeypatch.setenv("OWN_SCALE", "2")
    assert fingerprint(own(name)()) != first


def test_the_code_in_memory_counts_and_not_the_file(nets: Path) -> None:
    network = own("Act")()
    first = fingerprint(network)
    file = nets / "own_nets.py"
    file.write_text(file.read_text().replace("SCALE = 1", "SCALE = 30"))  # after the import
    assert fingerprint(network) == first
    forget()
    assert fingerprint(own("Act")()) != first


def test_a_part_of_an_installed_library_that_own_code_replaced_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.ReLU())
    prints = [fingerprint(network)]
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: x)
    prints.append(fingerprint(network))
    monkeypatch.undo()
    monkeypatch.setattr(functional, "relu", lambda x, inplace=False: x)  # what ReLU.forward calls
    prints.append(fingerprint(network))
    monkeypatch.undo()
    assert fingerprint(network) == prints[0]
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    prints.append(fingerprint(network))
    handle.remove()
    assert len(set(prints)) == 4


def test_an_installed_package_is_known_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from lnkit.networks import installed_code

    first = fingerprint(nn.ReLU())
    monkeypatch.setattr(installed_code, "_version", lambda package, file: f"{package} 99")
    assert fingerprint(nn.ReLU()) != first


IN_ANOTHER_PROCESS = """
    import sys
    import numpy, torch
    from torch import nn
    from torchvision.models import resnet18
    from lnkit.networks.fingerprint import fingerprint
    import own_nets

    class Typed(nn.Module):  # of __main__, as in a notebook
        words = {"one", "two", "three", "four"}
        def __init__(self):
            super().__init__()
            self.names = {"a", "b", "c", ("d", None)}
            self.f = lambda x: (lambda y: y in {"p", "q", "r"})(x)
            self.register_forward_hook(lambda *_: None)
            self.array = numpy.ones(2)
            self.act = own_nets.Act()

    for _ in range(int(sys.argv[1])):
        nn.ReLU().register_forward_hook(lambda *_: None)  # hooks are numbered
    torch.manual_seed(0)
    for network in (Typed(), *(getattr(own_nets, name)() for name in %r), resnet18()):
        print(fingerprint(network))
"""


def test_a_fingerprint_does_not_depend_on_chance_or_history() -> None:
    """Equal sets that are iterated in two orders, hooks whose numbers differ, and functions at two addresses."""
    one, other = {0, 8}, {8, 0}
    assert list(one) != list(other)
    assert fingerprint(Holder(one)) == fingerprint(Holder(other))
    first = fingerprint(hooked(1))
    nn.ReLU().register_forward_hook(lambda *_: None)
    assert fingerprint(hooked(1)) == first


@pytest.mark.exhaustive
def test_a_fingerprint_is_the_same_in_every_process(nets: Path) -> None:
    (nets / "script.py").write_text(dedent(IN_ANOTHER_PROCESS) % (NAMES,))
    outputs = []
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        ran = subprocess.run(
            [sys.executable, "script.py", seed], capture_output=True, text=True, check=True, env=environment
        )
        outputs.append(ran.stdout)
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0].split())) == len(NAMES) + 2
    assert outputs[0].split()[-1] == fingerprint(resnet18())  # weights are hashed elsewhere


# what cannot be known


def reader_of(key: str) -> Callable[[Any], Any]:
    return lambda x: x * float(os.environ[key])


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (threading.Lock(), "setting is of type lock, whose content cannot be read"),
        ((x for x in [1]), "setting is of type generator, whose content cannot be read"),
        ([{"key": (x for x in [1])}], "setting.0.key is of type generator"),
        (lambda x: x * time.time(), "setting.time.time reads a clock"),
        (lambda x: x * random.random(), "setting draws random numbers with random.random"),
        (lambda x: x * np.random.rand(), "setting draws random numbers with np.random.rand"),
        (lambda path: open(path).read(), "setting.open opens files"),  # noqa: PTH123, SIM115 - what is tested
        (reader_of("OWN_SCALE"), "setting reads environment variables that it does not name"),
        (os.environ, "setting holds all environment variables"),
        (torch.ones(2).to_sparse(), "setting is a tensor whose values cannot be read"),
        (torch.ones(2, device="meta"), "setting is a tensor whose values cannot be read"),
    ],
)
def test_what_cannot_be_known_is_named(setting: Any, reason: str) -> None:
    with pytest.raises(NotKnown, match=re.escape(reason)):
        fingerprint(Holder(setting))


# the cases in which a changed network was taken for the old one


class Act(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


SCALE = 1


def three_modules(function: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 5, 2), Act(function), nn.Identity())


BUILD = """
    import os
    import torch
    from torch import nn

    SCALE = int(os.environ["OWN_SCALE"])

    class Act(nn.Module):
        def forward(self, x):
            return torch.sin(x * SCALE)

    def build():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 16, 5, 2), Act(), nn.Identity())
"""


@pytest.mark.exhaustive
def test_changed_code_gives_its_own_score(real_data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of 150 triplets that were computed without lnkit finding any of them again."""
    options: dict[str, Any] = {"data": real_data("human_2afc"), "engine": "eager", "overrides": {"per_family": "150"}}

    def score(network: Any) -> float:
        with torch.random.fork_rng():
            (run,) = lnkit.evaluate(network, "2", **options)
        assert not run.reused
        return round(run.record.scores["2afc"].value, 4)

    assert score(three_modules(lambda x: torch.relu(x))) == 0.6178
    assert score(three_modules(lambda x: torch.cos(x))) == 0.5644

    changing = three_modules(lambda x: torch.sin(x * SCALE))
    assert score(changing) == 0.6111
    monkeypatch.setitem(globals(), "SCALE", 30)
    assert score(changing) == 0.5333

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_built.py").write_text(dedent(BUILD))
    for scale, expected in ((1, 0.6111), (30, 0.5333)):
        monkeypatch.setenv("OWN_SCALE", str(scale))
        sys.modules.pop("own_built", None)
        assert score("own_built:build") == expected
    (again,) = lnkit.evaluate("own_built:build", "2", **options)
    assert again.reused
    sys.modules.pop("own_built")


def test_a_network_that_cannot_be_known_is_run_each_time_with_a_remark(caplog: pytest.LogCaptureFixture) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), Act(lambda x: x * (time.time() > 0)))
    runs = [lnkit.evaluate(network, "0,1", **SAMPLE) for _ in range(2)]
    assert not any(run.reused for both in runs for run in both)
    remark = "Results of this network are not found again, because 1.function.time.time reads a clock."
    assert caplog.messages == [remark, remark]  # once for each command, not for each loss network
    identities = {run.record.key.plugins["backbone"] for both in runs for run in both}
    assert len(identities) == 2
    assert all(identity.startswith("user code unknown-") for identity in identities)


def test_a_layout_of_an_own_point_is_another_run() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Identity())
    layouts: list[Any] = ["NCHW", "NHWC", "NCHW"]
    runs = [
        lnkit.evaluate(network, {"end": lnkit.ExtractionPoint("end", "1", layout=name)}, **SAMPLE) for name in layouts
    ]
    assert [run.reused for (run,) in runs] == [False, False, True]
