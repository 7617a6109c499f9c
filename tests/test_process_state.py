"""Changes of process state by a plugin are undone and reported, and so are slow plugins."""

from __future__ import annotations

import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakeplugins import FakePlugins, fake_plugins
from torch import nn

from lnkit import BackboneSpec, PluginError
from lnkit.networks.weights import build_backbone, build_random
from lnkit.plugins import plugin_warnings
from lnkit.plugins.load import load_registry
from lnkit.plugins.registry import Registry

__all__ = ["fake_plugins"]

PLUGIN = """
    import lnkit

    {at_import}

    @lnkit.hookimpl
    def register_backbone(register):
        register(lnkit.BackboneSpec(name="changer", family="Fake", load=print))
        {in_hook}
"""

CHANGES: dict[str, tuple[str, Callable[[], Any]]] = {
    # state named in the warning: (code of the plugin, how to observe the state)
    "Python's random generator": ("import random; random.seed(1)", random.getstate),
    "NumPy's random generator": ("import numpy; numpy.random.seed(1)", lambda: np.random.get_state()[1].tolist()),
    "torch's random generator": ("import torch; torch.manual_seed(987)", lambda: torch.get_rng_state().tolist()),
    "torch's default dtype": ("import torch; torch.set_default_dtype(torch.float64)", torch.get_default_dtype),
    "torch's default device": ("import torch; torch.set_default_device('meta')", lambda: torch.ones(1).device),
    "torch's gradient mode": ("import torch; torch.set_grad_enabled(False)", torch.is_grad_enabled),
    "torch's number of threads": (
        "import torch; torch.set_num_threads(torch.get_num_threads() + 1)",
        torch.get_num_threads,
    ),
    "torch's deterministic algorithms": (
        "import torch; torch.use_deterministic_algorithms(True)",
        torch.are_deterministic_algorithms_enabled,
    ),
    "torch's float32 matmul precision": (
        "import torch; torch.set_float32_matmul_precision('medium')",
        torch.get_float32_matmul_precision,
    ),
    "torch's cuDNN settings": (
        "import torch; torch.backends.cudnn.benchmark = True",
        lambda: torch.backends.cudnn.benchmark,
    ),
    "torch.hub's folder": ("import torch; torch.hub.set_dir('/elsewhere')", torch.hub.get_dir),
    "the working directory": ("import os; os.chdir('/')", Path.cwd),
    "the environment's TORCH_HOME": ("import os; os.environ['TORCH_HOME'] = '/'", lambda: os.environ["TORCH_HOME"]),
    "the environment's HF_HOME and LNKIT_CACHE": (
        "import os; del os.environ['LNKIT_CACHE']; os.environ['HF_HOME'] = '/'",
        lambda: (os.environ.get("HF_HOME"), os.environ["LNKIT_CACHE"]),
    ),
    "the order of sys.path": ("import sys; sys.path.insert(0, '/first')", lambda: sys.path[0]),
    "the global warning filters": ("import warnings; warnings.simplefilter('error')", lambda: warnings.filters[:]),
    "the root logger": (
        "import logging; logging.basicConfig(level=10, force=True); logging.disable(40)",
        lambda: (logging.root.level, logging.root.handlers[:], logging.root.manager.disable),
    ),
}


@pytest.mark.parametrize("where", ["when it is imported", "in register_backbone"])
@pytest.mark.parametrize("what", CHANGES)
def test_changes_are_undone_and_reported(what: str, where: str, fake_plugins: FakePlugins) -> None:
    change, look = CHANGES[what]
    spot = "in_hook" if "register" in where else "at_import"
    fake_plugins.add("changer", PLUGIN.format(**{"at_import": "", "in_hook": "", spot: change}))
    before = look()
    registry = load_registry(only=["changer"])
    assert look() == before
    assert "changer" in registry.backbones, "it works all the same"
    assert warnings_of("changer", registry)[-1] == f"Plugin 'changer' changes {what} {where}; lnkit undid this."


def test_drawing_from_a_generator_is_undone(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("changer", PLUGIN.format(at_import="import torch; torch.rand(1)", in_hook=""))
    before = torch.get_rng_state()
    registry = load_registry(only=["changer"])
    assert torch.equal(torch.get_rng_state(), before)
    assert "torch's random generator" in warnings_of("changer", registry)[0]


def test_a_working_directory_that_the_plugin_removed(
    fake_plugins: FakePlugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    change = f"import os; os.chdir({str(tmp_path)!r}); os.rmdir('gone')"
    fake_plugins.add("changer", PLUGIN.format(at_import="", in_hook=change))
    registry = load_registry(only=["changer"])
    assert "changer" in registry.backbones
    assert "the working directory" in warnings_of("changer", registry)[0]


def test_the_generators_of_a_gpu_that_is_in_use(fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors stand for them, since tests run without a GPU."""
    states = [torch.zeros(4, dtype=torch.uint8), torch.ones(4, dtype=torch.uint8)]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: [state.clone() for state in states])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", lambda given: states.__setitem__(slice(None), given))
    change = "torch.cuda.set_rng_state_all([torch.full((4,), 7, dtype=torch.uint8)] * 2)"
    fake_plugins.add("changer", PLUGIN.format(at_import=f"import torch; {change}", in_hook=""))
    registry = load_registry(only=["changer"])
    assert [state.tolist() for state in states] == [[0] * 4, [1] * 4]
    assert "changes torch's GPU random generators when" in warnings_of("changer", registry)[0]


def warnings_of(name: str, registry: Registry) -> list[str]:
    return next(plugin.warnings for plugin in registry.plugins if plugin.name == name)


def test_changes_are_undone_if_the_plugin_fails(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("changer", "import os, torch; os.chdir('/'); torch.set_grad_enabled(False); 1 / 0")
    before = Path.cwd()
    registry = load_registry(only=["changer"])
    assert (Path.cwd(), torch.is_grad_enabled()) == (before, True)
    assert [failure.plugin for failure in registry.failures] == ["changer"]
    assert len(warnings_of("changer", registry)) == 1


@pytest.mark.parametrize(
    "harmless",
    [
        "warnings.filterwarnings('ignore', message='mine')",
        "warnings.simplefilter('ignore', type('Own', (Warning,), {}))",
        "sys.path.append('/last')",
        "os.environ['MY_OWN'] = 'x'",
        "logging.getLogger('mine').setLevel(10)",
        "random.Random(0).random()",
        "torch.rand(1, generator=torch.Generator())",
    ],
)
def test_state_of_the_plugin_itself_is_kept(
    harmless: str, fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delenv("MY_OWN", raising=False)
    imports = "import logging, os, random, sys, torch, warnings"
    fake_plugins.add("harmless", PLUGIN.format(at_import=imports, in_hook=harmless))
    with warnings.catch_warnings():
        registry = load_registry(only=["harmless"])
        mine = [entry for entry in warnings.filters if "mine" in str(entry) or "Own" in str(entry)]
    assert warnings_of("harmless", registry) == []
    assert bool(mine) == ("warnings" in harmless)
    assert (sys.path[-1] == "/last") == ("sys.path" in harmless)
    assert ("MY_OWN" in os.environ) == ("MY_OWN" in harmless)


def test_a_folder_first_on_the_path_is_moved_to_the_end(
    fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plugin can still import from it when it loads a backbone, but it hides no other module."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    fake_plugins.add("changer", PLUGIN.format(at_import="import sys; sys.path.insert(0, '/first')", in_hook=""))
    load_registry(only=["changer"])
    assert sys.path[-1] == "/first"
    assert sys.path.count("/first") == 1


def test_specific_filters_stay_when_global_ones_are_restored(fake_plugins: FakePlugins) -> None:
    both = "import warnings; warnings.simplefilter('once'); warnings.filterwarnings('ignore', message='mine')"
    fake_plugins.add("changer", PLUGIN.format(at_import=both, in_hook=""))
    with warnings.catch_warnings():
        load_registry(only=["changer"])
        assert "mine" in str(warnings.filters[0])
        assert ("once", None, Warning, None, 0) not in warnings.filters


# In a process that has not imported torch


def lnkit(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code with a folder of plugins on its path, and with buffered output as usual."""
    path = os.pathsep.join([str(folder), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "LNKIT_PLUGINS": "changer", "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        check=True,
    )


LIST = "from lnkit.cli import run; assert run(['list-backbones', '--json']) == 0\n"
TORCH_CHANGES = """
    import random, numpy, torch
    torch.manual_seed(3)
    random.seed(3)
    numpy.random.seed(3)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.deterministic = True
    torch.hub.set_dir("/elsewhere")
"""
TORCH_STATE = """
import json, os, random, sys, numpy, torch
home = os.path.join(os.environ["TORCH_HOME"], "hub")
draws = [torch.rand(1, dtype=torch.float64).item(), random.random(), numpy.random.rand()]
for seed in (torch.manual_seed, random.seed, numpy.random.seed):
    seed(3)
seeded = [torch.rand(1, dtype=torch.float64).item(), random.random(), numpy.random.rand()]
state = [torch.ones(1).dtype == torch.float32, torch.ones(1).device.type == "cpu", torch.is_grad_enabled(),
    not torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision() == "highest",
    not torch.backends.cudnn.deterministic, torch.hub.get_dir() == home,
    *(a != b for a, b in zip(draws, seeded))]
print(json.dumps(state), file=sys.stderr)
"""


def test_torch_is_restored_to_its_initial_state(fake_plugins: FakePlugins) -> None:
    """The plugin is the first to import torch, so its earlier state is unknown."""
    fake_plugins.add("changer", PLUGIN.format(at_import=TORCH_CHANGES.strip(), in_hook=""))
    done = lnkit(fake_plugins.folder, LIST + TORCH_STATE)
    assert json.loads(done.stderr.splitlines()[-1]) == [True] * 10
    changed = [what for what in CHANGES if what.startswith("torch") and "threads" not in what]
    waiting, changing = done.stderr.splitlines()[:2]
    assert waiting.startswith(
        "Plugin 'changer' imports torch, numpy when it is imported, which delays every command by"
    )
    assert all(what in changing for what in changed)
    assert "changer" in done.stdout


def test_torch_is_not_imported_to_read_its_state(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("changer", PLUGIN.format(at_import="import os; os.chdir('/')", in_hook=""))
    done = lnkit(fake_plugins.folder, LIST + "import sys; assert not {'torch', 'numpy', 'random'} & set(sys.modules)")
    assert done.stderr == "Plugin 'changer' changes the working directory when it is imported; lnkit undid this.\n"


NOISE = (
    "import os, subprocess, sys; os.write(1, b'direct\\n'); subprocess.run(['echo', 'started']); "
    "print('printed'); sys.__stdout__.write('kept\\n')"
)


def test_output_of_plugins_is_kept_out_of_results(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("changer", PLUGIN.format(at_import=NOISE, in_hook=NOISE))
    done = lnkit(fake_plugins.folder, LIST)
    assert any(backbone["name"] == "changer" for backbone in json.loads(done.stdout))
    for word in ("direct", "started", "printed", "kept"):
        assert done.stderr.count(word) == 2, word


BUILD = """
import contextlib, sys
from lnkit.networks.weights import build_random
from lnkit.plugins.load import default_registry
with contextlib.redirect_stdout(sys.stderr):
    build_random(default_registry().backbone("changer"))
print("result")
"""


def test_output_while_building_is_kept_out_of_results(fake_plugins: FakePlugins) -> None:
    """Also if Python's stdout is redirected already, as by `lnkit eval`."""
    build = f"""{NOISE}
        from torch import nn
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    """
    source = f"""
    import lnkit

    def load(pretrained):
        {build}

    @lnkit.hookimpl
    def register_backbone(register):
        register(lnkit.BackboneSpec(name="changer", family="Fake", load=load))
    """
    fake_plugins.add("changer", source)
    done = lnkit(fake_plugins.folder, BUILD)
    assert done.stdout == "result\n"
    for word in ("direct", "started", "printed", "kept"):
        assert word in done.stderr


def test_a_plugin_may_close_stdout(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("changer", PLUGIN.format(at_import="import os; os.close(1)", in_hook=""))
    assert any(backbone["name"] == "changer" for backbone in json.loads(lnkit(fake_plugins.folder, LIST).stdout))


# Slow plugins


def test_a_slow_plugin_is_reported(fake_plugins: FakePlugins) -> None:
    sleep = f"import time; time.sleep({plugin_warnings.SLOW})"
    fake_plugins.add("slow", PLUGIN.format(at_import="", in_hook=sleep))
    (warning,) = warnings_of("slow", load_registry(only=["slow"]))
    assert re.fullmatch(r"Plugin 'slow' takes \d\.\d s in register_backbone, which delays every command\.", warning)


def test_bundled_plugins_cause_no_warnings() -> None:
    bundled = [plugin for plugin in load_registry(only=[]).plugins if plugin.bundled]
    assert {plugin.name: plugin.warnings for plugin in bundled} == {plugin.name: [] for plugin in bundled}
    assert len(bundled) >= 3


# While a backbone is built


def spec(load: Callable[[bool], nn.Module], name: str = "tiny") -> BackboneSpec:
    return BackboneSpec(name=name, family="Test", load=load, weights="W")


@pytest.mark.parametrize("weights", ["random", "pretrained"])
@pytest.mark.parametrize("what", [what for what in CHANGES if not what.startswith(("Python", "NumPy", "torch's rand"))])
def test_building_restores(what: str, weights: str, caplog: pytest.LogCaptureFixture) -> None:
    change, look = CHANGES[what]

    def load(pretrained: bool) -> nn.Module:
        layer = nn.Linear(2, 2)
        exec(change)
        return layer

    before = look()
    build_backbone(spec(load, f"{what} {weights}"), weights)
    build_backbone(spec(load, f"{what} {weights}"), weights)
    assert look() == before
    assert [record.getMessage() for record in caplog.records] == [
        f"Building {what} {weights} changes {what}; lnkit undid this. Tell its author."
    ], "said once"


def test_building_draws_from_separate_generators() -> None:
    """Whatever generator a plugin uses, the same seed gives the same weights, and the caller's state is kept."""

    def load(pretrained: bool) -> nn.Module:
        layer = nn.Linear(3, 1, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([random.random(), np.random.rand(), torch.rand(())]))
        return layer

    def weights(seed: int) -> Any:
        random.random()
        np.random.rand()
        return build_backbone(spec(load), "random", seed).module.state_dict()["weight"]

    assert torch.equal(weights(0), weights(0))
    assert not torch.isin(weights(0), weights(1)).any()
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    build_backbone(spec(load), "random")
    build_random(spec(load))
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


def test_building_keeps_the_default_device_of_the_caller() -> None:
    def load(pretrained: bool) -> nn.Module:
        torch.set_default_device("cpu")
        return nn.Linear(2, 2)

    with torch.device("meta"):
        build_random(spec(load, "on the cpu"))
        assert torch.ones(1).device.type == "meta"
    assert torch.ones(1).device.type == "cpu"


def test_building_may_not_seed(caplog: pytest.LogCaptureFixture) -> None:
    def load(pretrained: bool) -> nn.Module:
        torch.manual_seed(7)
        return nn.Linear(2, 2)

    before = torch.get_rng_state()
    build_backbone(spec(load, "seeder"), "random", seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert "Building seeder changes torch's random generator" in caplog.text


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), ValueError("no\nluck"), ZeroDivisionError(), GeneratorExit("x"), KeyboardInterrupt()],
)
@pytest.mark.parametrize("weights", ["random", "pretrained"])
def test_building_that_fails_is_a_sentence(error: BaseException, weights: str) -> None:
    def load(pretrained: bool) -> nn.Module:
        os.chdir("/")
        raise error

    before = Path.cwd()
    with pytest.raises(PluginError, match=rf"^Backbone tiny cannot be built: its plugin raised {type(error).__name__}"):
        build_backbone(spec(load), weights)
    assert Path.cwd() == before


def test_building_can_be_interrupted() -> None:
    def load(pretrained: bool) -> nn.Module:
        signal.raise_signal(signal.SIGINT)
        return nn.Identity()

    with pytest.raises(KeyboardInterrupt):
        build_backbone(spec(load), "random")
