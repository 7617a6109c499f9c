"""Foreign code that ends or changes the process: what the command says, and what the next one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from fakeplugins import FakePlugins, fake_plugins
from test_benchmark_faults import BENCHMARK

from lnkit.cli import run
from lnkit.plugins.load import default_registry, load_registry

__all__ = ["fake_plugins"]

PLUGIN = """
    import lnkit
    {at_import}

    @lnkit.hookimpl
    def register_backbone(register):
        register(lnkit.BackboneSpec(name="changer", family="Fake", load=print))
"""
MAIN = "from lnkit.cli import main; import sys; sys.argv = ['lnkit', 'list-backbones', '--json']; main()"


def lnkit(plugins: FakePlugins) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(plugins.folder), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "LNKIT_PLUGINS": "changer"}
    return subprocess.run([sys.executable, "-c", MAIN], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("raised", ["SystemExit(0)", "KeyboardInterrupt", "EOFError", "GeneratorExit", "BaseException"])
@pytest.mark.parametrize("where", ["open", "run"])
def test_whatever_a_benchmark_raises_is_its_failure(
    raised: str, where: str, fake_plugins: FakePlugins, capsys: pytest.CaptureFixture[str]
) -> None:
    source = BENCHMARK.format(body=f"raise {raised}", open="open_data")
    if where == "open":
        source = source.replace("    return lnkit.BenchmarkData", f"    raise {raised}\n    return lnkit.BenchmarkData")
    fake_plugins.add("faulty", source)
    default_registry.cache_clear()
    assert run(["eval", "--backbone", "pixel", "--bench", "faulty", "--device", "cpu"]) == 1
    doing = "to open its data" if where == "open" else "to run"
    said = capsys.readouterr().err
    assert f"Benchmark 'faulty' of faulty 1.0 failed {doing}: {raised.partition('(')[0]}" in said
    assert "site/faulty.py, line " in said
    assert ("name their folder with --data" in said) == (where == "open")


@pytest.mark.parametrize(
    "at_import", ["import os; os._exit(0)", "raise MemoryError", "import errno; raise OSError(errno.ENOSPC, 'full')"]
)
def test_a_plugin_that_ends_its_import_stops_no_command(at_import: str, fake_plugins: FakePlugins) -> None:
    fake_plugins.add("changer", PLUGIN.format(at_import=at_import))
    done = lnkit(fake_plugins)
    assert done.returncode == 0
    assert any(backbone["name"] == "pixel" for backbone in json.loads(done.stdout))
    assert "changer" in done.stderr


def test_a_benchmark_that_ends_the_process_has_failed(
    fake_plugins: FakePlugins, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_plugins.add("faulty", BENCHMARK.format(body="import os; os._exit(0)", open="open_data"))
    default_registry.cache_clear()
    assert run(["eval", "--backbone", "pixel", "--bench", "faulty", "--device", "cpu"]) == 1
    assert "Benchmark 'faulty' of faulty 1.0 failed to run: SystemExit: os._exit(0)" in capsys.readouterr().err


@pytest.mark.parametrize("ends", ["os.kill(os.getpid(), 9)", "os.abort()"])
def test_a_plugin_that_ends_the_process_is_named_by_the_next_command(ends: str, fake_plugins: FakePlugins) -> None:
    fake_plugins.add("changer", PLUGIN.format(at_import=f"import os; {ends}"))
    first, second = lnkit(fake_plugins), lnkit(fake_plugins)
    assert "changer" not in first.stderr.partition("Fatal")[0]
    assert "The plugin 'changer' of changer 1.0 was loaded when an earlier lnkit (process " in second.stderr
    assert "ended or was killed, importing it. If that happens again, leave it out: LNKIT_PLUGINS=" in second.stderr
    (fake_plugins.folder / "changer.py").write_text("x = 1")
    lnkit(fake_plugins)
    assert "ended or was killed" not in lnkit(fake_plugins).stderr, "said once"


def test_threads_of_a_plugin_do_not_print_into_results(fake_plugins: FakePlugins) -> None:
    noise = (
        "import os, threading; threading.Thread(target=lambda: "
        "[(print('noise', flush=True), os.write(1, b'raw\\n')) for _ in range(20000)], daemon=True).start()"
    )
    fake_plugins.add("changer", PLUGIN.format(at_import=noise))
    done = lnkit(fake_plugins)
    assert done.returncode == 0
    assert any(backbone["name"] == "changer" for backbone in json.loads(done.stdout))
    assert "noise" in done.stderr
    assert "raw" in done.stderr


CHANGES = {
    "the umask": "os.umask(0o777)",
    "the handler of SIGTERM": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "the handler of SIGINT": "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "a timer": "signal.alarm(1000)",
    "the recursion limit": "sys.setrecursionlimit(sys.getrecursionlimit() - 7)",
    "resource limits": "n = resource.RLIMIT_NOFILE; resource.setrlimit(n, (99, resource.getrlimit(n)[1]))",
    "the standard streams": "sys.stdout = None; sys.stderr = None",
    "descriptor 2": "os.close(2)",
    "builtins.open": "import builtins; builtins.open = None",
    "functions of json (dumps)": "json.dumps = None",
    "functions of os (replace)": "os.replace = print",
    "sys.modules (json)": "sys.modules['json'] = sys",
    "the import hooks": "sys.meta_path.insert(0, type('F', (), {'find_spec': lambda *_: None})())",
    "garbage collection": "gc.disable()",
    "Python's hooks for errors and output": "sys.excepthook = print",
    "Python's switch interval": "sys.setswitchinterval(1)",
    "the context of decimal": "decimal.getcontext().prec = 3",
    "NumPy's error handling": "numpy.seterr(all='ignore')",
    "NumPy's print options": "numpy.set_printoptions(precision=1)",
    "functions of torch (relu)": "torch.relu = print",
    "torch's hooks of all modules": "torch.nn.modules.module.register_module_forward_hook(print)",
}
LOOK = """
import builtins, decimal, gc, json, numpy, os, resource, signal, sys, torch
def look():
    mask = os.umask(0); os.umask(mask)
    return [mask, signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), signal.getitimer(0),
        sys.getrecursionlimit(), resource.getrlimit(resource.RLIMIT_NOFILE), sys.stdout, sys.stderr, os.fstat(2).st_ino,
        builtins.open, json.dumps, os.replace, sys.modules['json'], sys.meta_path[0], gc.isenabled(), sys.excepthook,
        sys.getswitchinterval(), decimal.getcontext().prec, numpy.geterr(), numpy.get_printoptions(), torch.relu,
        dict(torch.nn.modules.module._global_forward_hooks)]
from lnkit.plugins.load import load_registry
before = look()
registry = load_registry(only=["changer"])
after = look()
assert before == after, [(b, a) for b, a in zip(before, after) if b != a]
(plugin,) = [plugin for plugin in registry.plugins if plugin.name == "changer"]
print(plugin.state, plugin.warnings)
"""


@pytest.mark.parametrize("what", CHANGES)
def test_the_process_is_restored_and_the_change_named(what: str, fake_plugins: FakePlugins) -> None:
    imports = "import decimal, gc, json, numpy, os, resource, signal, sys, torch"
    fake_plugins.add("changer", PLUGIN.format(at_import=f"{imports}; {CHANGES[what]}"))
    path = os.pathsep.join([str(fake_plugins.folder), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert f"Plugin 'changer' changes {what} when it is imported; lnkit undid this." in done.stdout


def test_a_distribution_that_calls_itself_lnkit_is_not_trusted(
    fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_plugins.add("thief", PLUGIN.format(at_import=""), distribution="lnkit", version="99")
    monkeypatch.setenv("LNKIT_PLUGINS", "none")
    registry = load_registry()
    (thief,) = [plugin for plugin in registry.plugins if plugin.name == "thief"]
    assert (thief.bundled, thief.state) == (False, "off")
    assert "calls itself lnkit" in thief.warnings[-1]
    assert {"vgg16", "pixel"} <= set(registry.backbones), "lnkit's own are there all the same"


def test_a_bundled_module_is_announced_by_lnkit_alone(fake_plugins: FakePlugins) -> None:
    fake_plugins.announce("mine", "lnkit_bapps", "lnkit-mine")
    (failure,) = [failure for failure in load_registry().failures if failure.plugin == "mine"]
    assert failure.reason == "lnkit-mine announces lnkit_bapps, a plugin of lnkit itself. Uninstall it."
