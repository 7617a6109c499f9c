"""lnkit.testing: a valid plugin passes every check, and each check finds the fault planted for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakeplugins import FakePlugins, fake_plugins
from faulty_plugin import FAULTS, FETCH, GOOD

from lnkit.errors import UnknownNameError, UsageError
from lnkit.plugins.load import load_registry
from lnkit.progress import SilentProgress
from lnkit.testing import CheckOptions, CheckResult, collect, selection_note
from lnkit.testing.backbones import BackboneSubject

__all__ = ["fake_plugins"]


def results_of(name: str, check: str = "", choice: CheckOptions | None = None) -> list[CheckResult]:
    """Return the results of a plugin's checks, or of those with one name."""
    return [case.run() for case in collect(name, choice) if check in ("", case.name)]


def test_a_good_plugin_passes(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("good", GOOD)
    results = results_of("good")
    assert [result for result in results if result.state != "passed"] == []
    subjects = dict.fromkeys(result.subject for result in results)
    assert list(subjects) == ["plugin good", "backbone probe", "points of pixel", "distance probe", "benchmark probe"]
    assert {result.check for result in results} == {check for _, _, check, _ in FAULTS.values()}, (
        "each check has a fault that it finds"
    )
    assert all(result.message.endswith(".") for result in results)


@pytest.mark.parametrize("fault", FAULTS)
def test_fault(fault: str, fake_plugins: FakePlugins) -> None:
    good, faulty, check, sentence = FAULTS[fault]
    assert good in GOOD
    fake_plugins.add("faulty", GOOD.replace(good, faulty))
    (failed,) = [result for result in results_of("faulty", check) if result.state == "failed"]
    assert re.search(sentence, failed.message)
    assert "\n" not in failed.message
    if failed.check not in ("loads", "light imports", "no warnings", "unique names") and "nothing" not in fault:
        assert re.search(r"/faulty\.py, line \d+", failed.place or failed.message)


def test_the_place_is_the_line_of_the_fault(fake_plugins: FakePlugins) -> None:
    source = GOOD.replace("batches = []", "1 / 0")
    line = source.splitlines().index("    1 / 0") + 1
    fake_plugins.add("faulty", source)
    (failed,) = results_of("faulty", "declared scores")
    assert failed.message.startswith(
        "Benchmark 'probe' of faulty 1.0 failed to run: ZeroDivisionError: division by zero"
    )
    assert f"site/faulty.py, line {line})" in failed.message


def test_pretrained_weights_are_checked_on_request(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("faulty", GOOD.replace("nn.Linear(12, 5)", "nn.Linear(12, 6 if pretrained else 5)"))
    asked = CheckOptions(pretrained=True)
    (failed,) = [result for result in results_of("faulty", choice=asked) if result.state != "passed"]
    assert failed.check == "pretrained weights"
    assert "The shape of head.weight, head.bias differs" in failed.message
    assert results_of("faulty", "pretrained weights") == []


def test_a_backbone_without_pretrained_weights_is_checked_with_random_ones(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("good", GOOD.replace('weights="theirs"', 'weights=""'))
    results = {result.check: result for result in results_of("good", choice=CheckOptions(pretrained=True))}
    assert {check for check, result in results.items() if result.state != "passed"} == {"pretrained weights"}
    assert results["pretrained weights"].message == "Not checked. It has no pretrained weights."


def test_downloads_of_pretrained_weights_are_announced(fake_plugins: FakePlugins) -> None:
    """No server listens at that port: the download fails, but it is announced."""
    remote = "remote=lnkit.RemoteFile('http://127.0.0.1:9/probe-01234567.pth', size=10)"
    fake_plugins.add("remote", GOOD.replace('weights="theirs"', f'weights="theirs", {remote}'))
    sentences: list[str] = []

    class RecordingProgress(SilentProgress):
        def say(self, sentence: str) -> None:
            sentences.append(sentence)

    (built,) = results_of("remote", "builds", CheckOptions(pretrained=True, progress=RecordingProgress()))
    assert built.state == "failed"
    assert any("theirs weights of probe" in sentence for sentence in sentences)


def test_checks_that_do_not_apply_are_skipped_with_a_reason(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("faulty", GOOD.replace("return Network()", "raise OSError('no')"))
    results = [result for result in results_of("faulty") if result.subject == "backbone probe"]
    assert [result.check for result in results if result.state == "failed"] == ["builds"]
    skipped = [result for result in results if result.state == "skipped"]
    assert len(skipped) == len(results) - 2, "it has points even if it cannot be built"
    assert all("Not checked. Backbone probe cannot be built" in result.message for result in skipped)


NO_SAMPLE = "import lnkit.errors; raise lnkit.UsageError('Get the images from their authors.')"


@pytest.mark.parametrize(
    ("instead", "said"), [(NO_SAMPLE, "Get the images from their authors."), (FETCH, "fetching p")]
)
def test_a_benchmark_without_a_sample_is_skipped(instead: str, said: str, fake_plugins: FakePlugins) -> None:
    fake_plugins.add("sampleless", GOOD.replace("    import numpy as np\n", f"    {instead.strip()}\n"))
    results = [result for result in results_of("sampleless") if result.subject == "benchmark probe"]
    results = [
        result for result in results if result.check != "data folders"
    ]  # which says in a sentence what is missing
    assert {result.state for result in results} == {"skipped"}
    assert all(said in result.message for result in results)


@pytest.mark.parametrize(("named", "state"), [('weights=""', "skipped"), ('distance="probe"', "passed")])
def test_a_learned_distance_is_checked_at_a_point_of_its_backbone(
    named: str, state: str, fake_plugins: FakePlugins
) -> None:
    learned = "load=lambda backbone, point: {('probe', 'early'): distance}[backbone, point], per_point=True"
    source = GOOD.replace("load=lambda: distance", learned).replace('weights="theirs"', named)
    fake_plugins.add("learned", source)
    results = [result for result in results_of("learned") if result.subject == "distance probe"]
    assert {result.state for result in results} == {state}
    assert ("no backbone of its plugin has it as its distance" in results[0].message) == (state == "skipped")


def test_dangling_points_are_no_fault(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("good", GOOD)
    assert "points of absent" not in {case.subject.title for case in collect("good")}
    assert ("absent", "good") in {(backbone, plugin) for backbone, _, plugin in load_registry().dangling}


def test_a_network_is_freed_after_its_last_check(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("good", GOOD)
    cases = [case for case in collect("good") if case.subject.title == "backbone probe"]
    subject = cases[0].subject
    assert isinstance(subject, BackboneSubject)
    for case in cases[:-1]:
        case.run()
    assert "loaded_or_error" in vars(subject)
    cases[-1].run()
    assert not {"loaded_or_error", "network", "features"} & set(vars(subject))


# Which backbones


MANY = """
    import lnkit

    @lnkit.hookimpl
    def register_backbone(register):
        for index in range(100):
            register(lnkit.BackboneSpec(f"many/{index:02}", "Fake", load=print))
"""


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (CheckOptions(limit=4), ["00", "33", "66", "99"]),
        (CheckOptions(limit=1), ["00"]),
        (CheckOptions(only=("many/07", "many/03")), ["07", "03"]),
        (CheckOptions(limit=0), [f"{index:02}" for index in range(100)]),
    ],
)
def test_selection_of_backbones(choice: CheckOptions, names: list[str], fake_plugins: FakePlugins) -> None:
    fake_plugins.add("many", MANY)
    titles = dict.fromkeys(case.subject.title for case in collect("many", choice))
    assert list(titles) == ["plugin many", *(f"backbone many/{name}" for name in names)]


def test_a_note_says_how_many_backbones_are_checked(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("many", MANY)
    registry = load_registry()
    assert selection_note("many", CheckOptions(limit=4), registry).startswith(
        "4 of the 100 backbones of many are checked, evenly"
    )
    for whole in (CheckOptions(limit=0), CheckOptions(limit=100), CheckOptions(only=("many/00",))):
        assert selection_note("many", whole, registry) == ""


def test_wrong_names(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("many", MANY)
    with pytest.raises(UnknownNameError, match=r"No plugin is called 'few'; installed are: .*many"):
        collect("few")
    with pytest.raises(UsageError, match=r"many has neither a backbone 'many/7' nor points for one\. Did you mean"):
        collect("many", CheckOptions(only=("many/7",)))


def test_a_disabled_plugin_fails_to_load(fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_plugins.add("good", GOOD)
    monkeypatch.setenv("LNKIT_PLUGINS", "none")
    results = {result.check: result for result in results_of("good")}
    assert results["loads"].state == "failed"
    assert "LNKIT_PLUGINS leaves good out" in results["loads"].message
    assert {results[check].state for check in ("registers", "light imports")} == {"skipped"}


# lnkit's own plugins


@pytest.mark.parametrize(
    ("name", "only"),
    [
        ("lnkit_builtins", ()),
        ("lnkit_bapps", ()),
        ("lnkit_torchvision", ("squeezenet1_1", "googlenet", "inception_v3")),
    ],
)
def test_the_bundled_plugins_pass(name: str, only: tuple[str, ...]) -> None:
    results = results_of(name, choice=CheckOptions(only))
    assert len(results) > 4
    assert [result for result in results if result.state != "passed"] == []


# As a pytest suite


SUITE = """
import lnkit.testing


class TestFaulty(lnkit.testing.PluginSuite):
    plugin = "faulty"


class TestAbsent(lnkit.testing.PluginSuite):
    plugin = "absent"
"""


def test_the_suite_makes_one_test_of_each_check(fake_plugins: FakePlugins, tmp_path: Path) -> None:
    source = GOOD.replace("(a - b).square()", "-(a - b).square()").replace("import numpy as np\n", NO_SAMPLE + "\n")
    fake_plugins.add("faulty", source)
    (tmp_path / "test_mine.py").write_text(SUITE)
    out = run_python("-m", "pytest", "-v", "-rs", "test_mine.py", folder=tmp_path, site=fake_plugins.folder)
    cases = collect("faulty")
    for case in cases:
        assert f"test_mine.py::TestFaulty::test_plugin[{case.title}] " in out
    assert "[distance probe: never negative] FAILED" in out
    assert "[benchmark probe: declared scores] SKIPPED" in out
    assert "\nExpected a distance of 0 or more between unrelated features, got -" in out
    assert "Not checked. It has no sample. Get the images from their authors." in out
    assert "No plugin is called 'absent'; installed are:" in out
    assert f"2 failed, {len(cases) - 5} passed, 4 skipped" in out


def test_the_library_needs_no_pytest(fake_plugins: FakePlugins) -> None:
    code = "import sys; sys.modules['pytest'] = None; import lnkit.testing; print(lnkit.testing.PluginSuite.__name__)"
    assert run_python("-c", code, folder=fake_plugins.folder, site=fake_plugins.folder) == "PluginSuite\n"


def run_python(*arguments: str, folder: Path, site: Path) -> str:
    """Run Python in ``folder`` with the plugins in ``site``, and return its output."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    ).stdout
