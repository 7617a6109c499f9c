"""A plugin that fails in any way affects no other, and is reported with stage and reason."""

from __future__ import annotations

import re
import signal

import pytest
from fakeplugins import BACKBONE, FakePlugins, fake_plugins

from lnkit.errors import PluginError
from lnkit.plugins.load import load_registry
from lnkit.plugins.registry import Registry

__all__ = ["fake_plugins"]

HOOK = """
    import lnkit

    @lnkit.hookimpl
    def {hook}({arguments}):
        {body}
"""

GOOD_SPEC = "lnkit.BackboneSpec(name='kept_back', family='Fake', load=print)"


def hook(name: str, body: str, arguments: str = "register") -> str:
    return HOOK.format(hook=name, arguments=arguments, body=body)


def backbone(change: str) -> str:
    """Return a plugin that registers a valid backbone, then one with changed fields."""
    good = "register(lnkit.BackboneSpec(name='good_before', family='Fake', load=print))"
    fields = f"**(dict(name='changed', family='Fake', load=print) | dict({change}))"
    return hook("register_backbone", f"{good}; register(lnkit.BackboneSpec({fields}))")


def point(change: str) -> str:
    fields = f"**(dict(name='fake_point', node='a.b') | dict({change}))"
    return hook("register_extraction_points", f"register('vgg16', lnkit.ExtractionPoint({fields}))")


def benchmark(change: str) -> str:
    protocol = "__import__('dataclasses').make_dataclass('Protocol', [], frozen=True)()"
    fields = (
        "name='fake', title='Fake', version='1', citation='', protocols={'paper': "
        f"{protocol}}}, scores=(lnkit.ScoreSpec('s', 'score'),), open_data=print, run=print"
    )
    return hook("register_benchmark", f"register(lnkit.BenchmarkSpec(**(dict({fields}) | dict({change}))))")


FAULTS = {
    # what the plugin does: (its source, the stage at which it fails, what the reason says)
    "raises at import": ("raise ValueError('no\\nluck')", "import", r"ValueError: no luck$"),
    "lacks a package": ("import absent_package", "import", "ModuleNotFoundError: No module named 'absent_package'"),
    "does not parse": ("def", "import", "SyntaxError"),
    "leaves at import": ("import sys; sys.exit(3)", "import", "SystemExit: 3"),
    "raises to get past except Exception": (
        "raise type('Outcome', (BaseException,), {})('skipped')",
        "import",
        "Outcome: skipped$",
    ),
    "raises what cannot be shown": (
        "raise type('Mute', (Exception,), {'__str__': lambda self: 1 / 0})()",
        "import",
        "^Mute was raised$",
    ),
    "steers the terminal": ("raise ValueError('\\x1b[2J\\u202e\\udcff x')", "import", r"^ValueError: \[2J x$"),
    "has no end": ("raise ValueError('x' * 10**6)", "import", r"^ValueError: x{1000}\.\.\.$"),
    "has no hook": ("x = 1", "validate", "implements no hook"),
    "misspells a hook": (hook("register_backbon", "pass"), "validate", "no hook 'register_backbon'; it has register_b"),
    "misspells an argument": (hook("register_backbone", "pass", "registre"), "validate", "'registre'"),
    "raises in a hook": (hook("register_backbone", "1 / 0"), "register_backbone", "ZeroDivisionError"),
    "leaves in a hook": (hook("register_backbone", "exit()"), "register_backbone", "SystemExit"),
    "raises in points": (
        hook("register_extraction_points", "backbones['absent']", "register, backbones"),
        "register_extraction_points",
        "KeyError: 'absent'",
    ),
    "writes to the backbones": (
        hook("register_extraction_points", "backbones['mine'] = 1", "register, backbones"),
        "register_extraction_points",
        "TypeError",
    ),
    "raises in distances": (hook("register_distance", "1 / 0"), "register_distance", "ZeroDivisionError"),
    "raises in benchmarks": (hook("register_benchmark", "1 / 0"), "register_benchmark", "ZeroDivisionError"),
    "returns its specs": (hook("register_backbone", f"return [{GOOD_SPEC}]"), "register_backbone", "calling register"),
    "yields its specs": (hook("register_backbone", f"yield {GOOD_SPEC}"), "register_backbone", "calling register"),
    "hands over a dict": (
        hook("register_backbone", "register({})"),
        "register_backbone",
        "expected a BackboneSpec, got dict",
    ),
    "hands over the wrong spec": (
        hook("register_distance", f"register({GOOD_SPEC})"),
        "register_distance",
        "expected a DistanceSpec, got BackboneSpec",
    ),
    "forgets the backbone": (
        hook("register_extraction_points", "register(lnkit.ExtractionPoint('late', 'x'))"),
        "register_extraction_points",
        r"Expected register\(backbone\'s name, point, \.\.\.\), got ExtractionPoint",
    ),
    "a name that is none": (backbone("name=None"), "register_backbone", "None is not a valid backbone name"),
    "a name with a line break": (backbone("name='x\\n'"), "register_backbone", r"'x\\n' is not a valid backbone name"),
    "a name too long": (backbone("name='x' * 201"), "register_backbone", "it has 201 characters, over 200"),
    "a reserved name": (backbone("name='random'"), "register_backbone", "a meaning on the command line"),
    "load that is no function": (
        backbone("load='vgg'"),
        "register_backbone",
        "load must be callable, or 'module:function', got 'vgg'",
    ),
    "family that is empty": (backbone("family=''"), "register_backbone", "family must be a text that is not empty"),
    "mean of two numbers": (backbone("mean=(0.5, 0.5)"), "register_backbone", "mean must be a tuple of three numbers"),
    "std of zero": (backbone("std=(1.0, 0.0, 1.0)"), "register_backbone", "std must be three numbers above 0"),
    "std that is infinite": (backbone("std=(1.0, 1e999, 1.0)"), "register_backbone", "std must be a tuple of three"),
    "min_size of zero": (backbone("min_size=0"), "register_backbone", "min_size must be"),
    "transform_input as a number": (backbone("transform_input=1"), "register_backbone", "transform_input must be True"),
    "a weights file as a text": (backbone("remote='x.pth'"), "register_backbone", "remote must be a RemoteFile, a Hub"),
    "a weights file of no size": (
        backbone("remote=lnkit.RemoteFile('https://x.org/y', size=None)"),
        "register_backbone",
        "The weights file of 'changed': size must be a number of bytes, got None",
    ),
    "a weights file without an address": (
        backbone("remote=lnkit.RemoteFile('/etc/passwd', size=1)"),
        "register_backbone",
        "url must be an http, https or file address",
    ),
    "a file of the hub without an owner": (
        backbone("remote=lnkit.HubFile('resnet18')"),
        "register_backbone",
        "The weights file of 'changed': repository must be the name of a repository: owner/name, got 'resnet18'",
    ),
    "a file of the hub outside of its repository": (
        backbone("remote=lnkit.HubFile('a/b', names=('../x',))"),
        "register_backbone",
        "names must be a tuple of names of files in the repository",
    ),
    "a file of weights that is a number": (
        backbone("weights_file=1"),
        "register_backbone",
        "weights_file must be a text",
    ),
    "training data on two lines": (
        backbone("trained_on='ImageNet-1k\\nof mine'"),
        "register_backbone",
        "trained_on must be a text on one line",
    ),
    "input_size of one number": (backbone("input_size=224"), "register_backbone", "input_size must be a tuple of h"),
    "input_size of zero": (backbone("input_size=(0, 224)"), "register_backbone", "input_size must be a tuple of h"),
    "an unknown interpolation": (backbone("interpolation='cubic'"), "register_backbone", "must be one of bicubic, bil"),
    "tags that are no names": (backbone("tags=('a b',), with_tag=print"), "register_backbone", "tags must be a tuple"),
    "tags that nothing can be made of": (backbone("tags=('a',)"), "register_backbone", "with_tag must be a function"),
    "weights that end a signature": (backbone("weights='a|b'"), "register_backbone", r"weights must be .* without \|"),
    "a citation of two lines": (
        backbone("citation='a\\nb'"),
        "register_backbone",
        "citation must be a text on one line",
    ),
    "a family that steers": (backbone("family='\\x1b[2J'"), "register_backbone", r"family must be .*got '\\x1b\[2J'"),
    "a description turned round": (point("description='\\u202e'"), "register_extraction_points", "description must be"),
    "requires as a text": (backbone("requires='timm'"), "register_backbone", "requires must be a tuple"),
    "a node that is no path": (point("node='a..b'"), "register_extraction_points", "node must be a dotted module path"),
    "a node twice": (point("node='a+a'"), "register_extraction_points", "node must be"),
    "an unknown layout": (point("layout='CHW'"), "register_extraction_points", "layout must be one of NCHW"),
    "a number that is an answer": (point("prefix_tokens=True"), "register_extraction_points", "a number of tokens"),
    "a point called all": (point("name='all'"), "register_extraction_points", "a meaning on the command line"),
    "a point with a plus": (point("name='a+b'"), "register_extraction_points", "is not a valid extraction point name"),
    "no protocols": (benchmark("protocols={}"), "register_benchmark", "protocols must be a mapping"),
    "a protocol that is a dict": (benchmark("protocols={'paper': {}}"), "register_benchmark", "a frozen dataclass"),
    "no scores": (benchmark("scores=()"), "register_benchmark", "scores must be a tuple of ScoreSpec"),
    "bounds upside down": (
        benchmark("scores=(lnkit.ScoreSpec('s', 'score', lower=1.0, upper=0.0),)"),
        "register_benchmark",
        "lower before upper",
    ),
    "bounds that are none": (
        benchmark("scores=(lnkit.ScoreSpec('s', '', lower=float('nan')),)"),
        "register_benchmark",
        "The score 's' of 'fake': lower must be a number",
    ),
    "a dataset outside of the cache": (
        benchmark("datasets=(lnkit.DatasetSpec('../up', 'Up', (), ''),)"),
        "register_benchmark",
        r"'\.\./up' is not a valid dataset name",
    ),
    "contents without a number of files": (
        benchmark("datasets=(lnkit.DatasetSpec('d', 'D', (), '', contents={'train': 0}),)"),
        "register_benchmark",
        "The dataset 'd': contents must be a mapping from places in the dataset's folder to numbers of files above 0",
    ),
    "contents outside of the dataset": (
        benchmark("datasets=(lnkit.DatasetSpec('d', 'D', (), '', contents={'../up': 1}),)"),
        "register_benchmark",
        "The dataset 'd': contents must be a mapping",
    ),
    "a checksum that is none": (
        benchmark("datasets=(lnkit.DatasetSpec('d', 'D', (lnkit.RemoteFile('file:///x', 1, 'ab'),), ''),)"),
        "register_benchmark",
        "The file of 'd': sha256 must be 64 hexadecimal digits",
    ),
    "a file outside of its dataset": (
        benchmark("datasets=(lnkit.DatasetSpec('d', 'D', (lnkit.RemoteFile('file:///x', 1, path='../x'),), ''),)"),
        "register_benchmark",
        r"The file of 'd': path must be a path that stays in the dataset's folder, or empty, got '\.\./x'",
    ),
    "another checksum that is none": (
        benchmark("datasets=(lnkit.DatasetSpec('d', 'D', (lnkit.RemoteFile('file:///x', 1, md5='ab'),), ''),)"),
        "register_benchmark",
        "The file of 'd': md5 must be 32 hexadecimal digits",
    ),
    "two files at one place": (
        benchmark("datasets=(lnkit.DatasetSpec('d', 'D', (lnkit.RemoteFile('file:///x', 1, path='a'),) * 2, ''),)"),
        "register_benchmark",
        "The dataset 'd': files must be at different places, none of them within another, got 'a'",
    ),
    "two archives of one name": (
        benchmark(
            "datasets=(lnkit.DatasetSpec('d', 'D', (lnkit.RemoteFile('file:///x/a.zip', 1), "
            "lnkit.RemoteFile('file:///y/a.zip', 1)), ''),)"
        ),
        "register_benchmark",
        r"files must be at different places, none of them within another, got 'a\.zip'",
    ),
    "a listing that is none": (
        benchmark("datasets=(lnkit.DatasetSpec('d', 'D', (), '', list_files='index.html'),)"),
        "register_benchmark",
        "The dataset 'd': list_files must be a function from fetch to the files, its place, or None",
    ),
    "a dataset of no size": (
        benchmark("datasets=(lnkit.DatasetSpec('d', 'D', (), '', size='1 GB'),)"),
        "register_benchmark",
        "The dataset 'd': size must be a number of bytes",
    ),
    "a score twice": (benchmark("scores=(lnkit.ScoreSpec('s', ''),) * 2"), "register_benchmark", "different from each"),
    "run that is no function": (benchmark("run=None"), "register_benchmark", "run must be callable"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(fault: str, fake_plugins: FakePlugins) -> None:
    source, stage, reason = FAULTS[fault]
    fake_plugins.add("faulty", source)
    fake_plugins.add("after", BACKBONE.format(name="unharmed"))
    without = load_registry(only=["after"])
    registry = load_registry(only=["faulty", "after"])
    (failure,) = registry.failures
    assert (failure.plugin, failure.stage, failure.distribution) == ("faulty", stage, "faulty")
    assert re.search(reason, failure.reason)
    assert "\n" not in failure.reason
    assert "Traceback" in failure.traceback
    assert names(registry) >= names(without) >= {"unharmed"}
    assert not {"good_before", "changed", "kept_back", "fake", "vgg16:fake_point"} & names(registry)
    with pytest.raises(PluginError, match=rf"^Plugin 'faulty' failed \({stage}\)"):
        load_registry(strict=True, only=["faulty"])


def names(registry: Registry) -> set[str]:
    points = {f"{backbone}:{name}" for backbone, points in registry.points.items() for name in points}
    return {*registry.backbones, *registry.distances, *registry.benchmarks, *points}


def test_the_faultless_benchmark_registers(fake_plugins: FakePlugins) -> None:
    """The benchmark without changes, from which the faulty ones are made, is valid."""
    fake_plugins.add("faultless", benchmark("") + backbone("").replace("    import lnkit", "") + point(""))
    registry = load_registry()
    assert [failure for failure in registry.failures if failure.plugin == "faultless"] == []
    assert {"fake", "changed", "vgg16:fake_point"} <= names(registry)


def test_an_entry_point_to_nothing(fake_plugins: FakePlugins) -> None:
    fake_plugins.announce("gone", "gone.module", "lnkit-gone")
    (failure,) = [failure for failure in load_registry().failures if failure.plugin == "gone"]
    assert failure.stage == "import"
    assert failure.reason == "ModuleNotFoundError: No module named 'gone'"
    assert failure.distribution == "lnkit-gone"


def test_an_entry_point_to_a_missing_attribute(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("half", BACKBONE.format(name="x"), entry="half:absent")
    (failure,) = [failure for failure in load_registry().failures if failure.plugin == "half"]
    assert "AttributeError" in failure.reason


def test_a_plugin_that_fails_in_one_hook_keeps_the_others(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("partly", BACKBONE.format(name="still_there") + hook("register_benchmark", "1 / 0"))
    registry = load_registry()
    assert "still_there" in registry.backbones
    assert [failure.stage for failure in registry.failures if failure.plugin == "partly"] == ["register_benchmark"]


def test_a_registered_name_is_never_replaced(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("aaa", BACKBONE.format(name="vgg16"))
    fake_plugins.add("bbb", BACKBONE.format(name="same"))
    fake_plugins.add("ccc", BACKBONE.format(name="same"))
    registry = load_registry()
    assert registry.provider("backbone", "vgg16").name == "lnkit_torchvision"
    assert registry.provider("backbone", "same").name == "bbb"
    reasons = {failure.plugin: failure.reason for failure in registry.failures}
    assert "'vgg16' is registered already, by plugin 'lnkit_torchvision'" in reasons["aaa"]
    assert "'same' is registered already, by plugin 'bbb'" in reasons["ccc"]
    assert "bbb" not in reasons


def test_a_name_twice_in_one_plugin(fake_plugins: FakePlugins) -> None:
    twice = f"register({GOOD_SPEC}); register({GOOD_SPEC})"
    fake_plugins.add("twice", hook("register_backbone", twice))
    registry = load_registry(only=["twice"])
    assert "kept_back" not in registry.backbones
    assert "registered already, by plugin 'twice'" in registry.failures[-1].reason


def test_two_distributions_with_one_entry_point(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("shared", BACKBONE.format(name="from_shared"), distribution="first-one")
    fake_plugins.announce("shared", "shared", "second-one", "2.0")
    registry = load_registry(only=["shared"])
    states = {plugin.distribution: plugin.state for plugin in registry.plugins if plugin.name == "shared"}
    assert states == {"first-one": "ok", "second-one": "failed"}
    assert registry.provider("backbone", "from_shared").distribution == "first-one"
    (failure,) = registry.failures
    assert failure.stage == "import"
    assert failure.reason.startswith(
        "Two plugins are called 'shared': that of first-one 1.0 is used, that of second-one"
    )


def test_register_after_the_hook(fake_plugins: FakePlugins) -> None:
    late = hook("register_backbone", "global keep; keep = register")
    late += f"""
    @lnkit.hookimpl
    def register_distance(register):
        keep({GOOD_SPEC})
    """
    fake_plugins.add("late", late)
    registry = load_registry(only=["late"])
    assert "kept_back" not in registry.backbones
    assert "after the hook had returned" in registry.failures[-1].reason


@pytest.mark.parametrize("where", ["at import", "in a hook"])
def test_an_interrupt_that_a_plugin_raises_is_its_failure(where: str, fake_plugins: FakePlugins) -> None:
    """Only a person's interrupt ends a command."""
    source = "raise KeyboardInterrupt" if where == "at import" else hook("register_backbone", "raise KeyboardInterrupt")
    fake_plugins.add("impatient", source)
    (failure,) = [failure for failure in load_registry().failures if failure.plugin == "impatient"]
    assert failure.reason == "KeyboardInterrupt was raised"


@pytest.mark.parametrize("where", ["at import", "in a hook"])
def test_an_interrupt_of_a_person_ends_the_command(where: str, fake_plugins: FakePlugins) -> None:
    pressed = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    fake_plugins.add("slow", pressed if where == "at import" else hook("register_backbone", pressed))
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        load_registry()
    assert signal.getsignal(signal.SIGINT) is before


def test_output_of_plugins_goes_to_stderr(fake_plugins: FakePlugins, capsys: pytest.CaptureFixture[str]) -> None:
    source = hook("register_backbone", "print('hello from hook')")
    fake_plugins.add("chatty", source.replace("import lnkit", "import lnkit; print('hello from import')"))
    load_registry()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.split("\n")[:2] == ["hello from import", "hello from hook"]


def test_a_plugin_of_ten_thousand_backbones(fake_plugins: FakePlugins) -> None:
    many = """
    import lnkit

    NAMES = [f"many/net_{number}" for number in range(10_000)]

    @lnkit.hookimpl
    def register_backbone(register):
        register(*(lnkit.BackboneSpec(name=name, family="Many", load=print) for name in NAMES))

    @lnkit.hookimpl
    def register_extraction_points(register, backbones):
        for name in NAMES:
            register(name, *(lnkit.ExtractionPoint(point, f"{point}.0") for point in "abcd"))
    """
    fake_plugins.add("many", many)
    registry = load_registry(only=["many"])
    assert registry.failures == ()
    assert len([name for name in registry.backbones if name.startswith("many/")]) == 10_000
    assert {len(registry.points[f"many/net_{number}"]) for number in (0, 5_000, 9_999)} == {4}
    assert registry.points["many/net_77"]["d"].node == "d.0"
    (plugin,) = [plugin for plugin in registry.plugins if plugin.name == "many"]
    assert {kind: len(names) for kind, names in plugin.added.items()} == {"backbone": 10_000, "point": 40_000}


def test_several_specs_are_registered_together_or_not_at_all(fake_plugins: FakePlugins) -> None:
    specs = f"{GOOD_SPEC}, lnkit.BackboneSpec(name='kept back', family='Fake', load=print)"
    fake_plugins.add("several", hook("register_backbone", f"register({specs})"))
    registry = load_registry(only=["several"])
    assert "kept_back" not in registry.backbones
    assert "'kept back' is not a valid backbone name" in registry.failures[0].reason
