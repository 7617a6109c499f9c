"""Networks that nobody registered: a module in hand, or a function named on the command line."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import squeezenet1_1

import lnkit
from lnkit import UnknownNameError, UsageError
from lnkit.cli import run

Capture = pytest.CaptureFixture[str]

SAMPLE: dict[str, Any] = {"sample": True, "engine": "eager", "overrides": {"per_family": "3", "resamples": "0"}}
OPTIONS = ["--sample", "--engine", "eager", "--set", "per_family=3", "--set", "resamples=0"]

BUILD = """
    import torch
    from torch import nn
    from own_parts import Half

    def build():
        return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), Half({factor}), nn.ReLU())

    def build_either(pretrained):
        network = build()
        if pretrained:
            nn.init.constant_(network[0].weight, 0.1)
        return network

    def build_needy(name):
        return build()

    def describe():
        return "a network"

    number = 3
"""
PARTS = """
    from torch import nn

    class Half(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, x):
            return {expression}
"""


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(a=nn.Conv2d(3, 4, 3), b=nn.ReLU(), c=nn.Conv2d(4, 5, 3, stride=2)))


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a module ``own_nets`` and another that it uses."""
    monkeypatch.chdir(tmp_path)
    write_code(tmp_path)
    yield tmp_path
    forget_code()


def write_code(folder: Path, factor: str = "0.5", expression: str = "x * self.factor") -> None:
    (folder / "own_nets.py").write_text(dedent(BUILD).format(factor=factor))
    (folder / "own_parts.py").write_text(dedent(PARTS).format(expression=expression))
    forget_code()


def forget_code() -> None:
    """Let the next import read the files again, as another process would."""
    for name in ("own_nets", "own_parts"):
        sys.modules.pop(name, None)


def distances_of(found: lnkit.FinishedRun) -> dict[str, np.ndarray]:
    with np.load(found.folder / "distances.npz") as arrays:
        return dict(arrays)


# from Python


def test_a_module_scores_like_the_same_network_registered() -> None:
    torch.manual_seed(0)
    (named,) = lnkit.evaluate("squeezenet1_1", "mid", weights="random", **SAMPLE)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = squeezenet1_1()
    (own,) = lnkit.evaluate(network, {"halfway": "features.7"}, **SAMPLE)
    assert own.record.key.weights_sha256 == named.record.key.weights_sha256
    assert own.record.loss_network == "SqueezeNet:halfway"
    ours, theirs = distances_of(own), distances_of(named)
    assert ours.keys() == theirs.keys() > set()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_a_module_is_left_as_it_was() -> None:
    network = small_network().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    lnkit.evaluate(network, {"end": "c"}, **SAMPLE)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_several_points_and_node_paths() -> None:
    runs = lnkit.evaluate(small_network(), {"begin": "a", "end": "c"}, name="mine", **SAMPLE)
    assert [run.record.loss_network for run in runs] == ["mine:begin", "mine:end"]
    (joined,) = lnkit.evaluate(small_network(), "a+c", name="mine", **SAMPLE)
    assert joined.record.loss_network == "mine:a+c"
    distances = [distances_of(run) for run in (*runs, joined)]
    for name in distances[0]:
        if "/d" in name:
            np.testing.assert_allclose(distances[0][name] + distances[1][name], distances[2][name], rtol=1e-5)


def test_mean_and_std_are_used_and_kept() -> None:
    (own,) = lnkit.evaluate(small_network(), "c", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), **SAMPLE)
    assert own.record.key.input == {"mean": [0.5] * 3, "std": [0.25] * 3, "size": ""}
    (usual,) = lnkit.evaluate(small_network(), "c", **SAMPLE)
    assert usual.record.id != own.record.id
    ours, theirs = distances_of(own), distances_of(usual)
    assert any(not np.array_equal(ours[name], theirs[name]) for name in ours)


def test_images_are_resized_for_a_network_of_one_size() -> None:
    (resized,) = lnkit.evaluate(small_network(), "c", input_size=(32, 32), interpolation="bilinear", **SAMPLE)
    (signature,) = {
        s.signature for s in resized.record.scores.values() if s.primary and s.signature.startswith("2afc|")
    }
    assert "|resized to 32x32,bilinear|" in signature


def test_a_distance_is_chosen_in_overrides() -> None:
    options = SAMPLE | {"overrides": {**SAMPLE["overrides"], "distance": "style"}}
    (found,) = lnkit.evaluate(small_network(), "c", **options)
    assert found.record.key.protocol["distance"] == "style"


def test_the_same_network_is_found_again_and_another_is_not() -> None:
    (first,) = lnkit.evaluate(small_network(), "c", **SAMPLE)
    (again,) = lnkit.evaluate(small_network(), "c", **SAMPLE)
    other = small_network()
    other.b = nn.ReLU6()
    (changed,) = lnkit.evaluate(other, "c", **SAMPLE)
    assert (first.reused, again.reused, changed.reused) == (False, True, False)


def test_another_seed_is_another_run() -> None:
    first, again, other = (lnkit.evaluate("pixel", "image", seed=seed, **SAMPLE)[0] for seed in (0, 0, 1))
    assert (first.reused, again.reused, other.reused) == (False, True, False)
    assert (first.record.key.seed, other.record.key.seed) == (0, 1)


def test_wrong_calls_are_sentences() -> None:
    with pytest.raises(UsageError, match=r"nn.Module or a BackboneSpec, got int"):
        lnkit.evaluate(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"no option 'devise'. Did you mean 'device'\?"):
        lnkit.evaluate("pixel", devise="cpu")
    with pytest.raises(UsageError, match="'pixel' is registered, and so are its points"):
        lnkit.evaluate("pixel", {"a": "image"})
    with pytest.raises(UnknownNameError, match="give node paths, such as points='layer1,layer2'"):
        lnkit.evaluate(small_network(), **SAMPLE)
    with pytest.raises(UnknownNameError, match="no node 'd'"):
        lnkit.evaluate(small_network(), {"end": "d"}, **SAMPLE)
    with pytest.raises(UsageError, match="is built with its weights, so random ones cannot be had"):
        lnkit.evaluate(small_network(), "c", weights="random", **SAMPLE)


# from the command line


def run_json(arguments: list[str], capsys: Capture) -> Any:
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_function_is_named_as_a_backbone(own_code: Path, capsys: Capture) -> None:
    command = ["eval", "--backbone", "own_nets:build", "--point", "0,2", *OPTIONS]
    first, second = run_json(command, capsys)
    assert (first["key"]["backbone"], first["weights"]) == ("own_nets:build", "as built")
    assert first["key"]["plugins"]["backbone"].startswith("user code ")
    assert second["key"]["points"] == {"2": "2"}
    assert [one["reused"] for one in run_json(command, capsys)] == [True, True]


@pytest.mark.parametrize("change", [{"factor": "0.25"}, {"expression": "x * self.factor + 0"}])
def test_changed_own_code_is_run_anew(change: dict[str, str], own_code: Path, capsys: Capture) -> None:
    """A setting that is no weight, and a line in a module that the named one uses."""
    command = ["eval", "--backbone", "own_nets:build", "--point", "2", *OPTIONS]
    run_json(command, capsys)
    write_code(own_code, **change)
    (again,) = run_json(command, capsys)
    assert not again["reused"]


def test_a_function_that_takes_pretrained_gives_random_weights_too(own_code: Path, capsys: Capture) -> None:
    command = ["eval", "--backbone", "own_nets:build_either", "--point", "2", *OPTIONS]
    (pretrained,) = run_json(command, capsys)
    (random,) = run_json([*command, "--weights", "random"], capsys)
    assert (pretrained["weights"], random["weights"]) == ("pretrained", "random")
    assert pretrained["key"]["weights_sha256"] != random["key"]["weights_sha256"]


def test_points_of_own_code(own_code: Path, capsys: Capture) -> None:
    facts = run_json(["points", "own_nets:build", "--all"], capsys)
    assert [node["node"] for node in facts["nodes"]] == ["0", "1", "1.mul", "2"]
    assert facts["nodes"][0]["shape"] == [4, 64, 64]


def test_own_code_has_no_named_points_and_says_so(own_code: Path, capsys: Capture) -> None:
    assert run(["points", "own_nets:build"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "own_nets:build has no named points; any node can be one." in printed.err


def test_a_network_in_hand_is_named_with_its_near_nodes_and_no_command() -> None:
    for points, sentence in {
        "d": "'Sequential' has no node 'd'. Its first nodes: a, b, c.",
        "aa": "'Sequential' has no node 'aa'. Similar nodes: a.",
        "all": "No extraction point is registered for 'Sequential': give node paths",
    }.items():
        with pytest.raises(UnknownNameError) as raised:
            lnkit.evaluate(small_network(), points, **SAMPLE)
        assert str(raised.value).startswith(sentence)
        assert "lnkit points" not in str(raised.value)


def test_the_command_for_own_code_works(own_code: Path, capsys: Capture) -> None:
    assert run(["eval", "--backbone", "own_nets:build", "--point", "9", *OPTIONS]) == 2
    assert "`lnkit points own_nets:build --all` lists every node" in capsys.readouterr().err
    assert run(["points", "own_nets:build", "--all"]) == 0


def test_what_varies_is_allowed_by_an_option(own_code: Path, capsys: Capture) -> None:
    write_code(own_code, expression="x + __import__('torch').rand_like(x)")
    command = ["eval", "--backbone", "own_nets:build", "--point", "2", *OPTIONS]
    assert run(command) == 2
    assert "--allow-varying" in capsys.readouterr().err
    assert run([*command, "--allow-varying", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["key"]["extra"] == {"varies": "chance"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("own_nets:absent", "own_nets:absent cannot be imported (AttributeError"),
        ("no_such_module:build", "no_such_module:build cannot be imported (ModuleNotFoundError"),
        (
            "own_nets:number",
            "Expected own_nets:number to be a function that returns an nn.Module, or a BackboneSpec, got int",
        ),
        ("own_nets:describe", "own_nets:describe returned str instead of an nn.Module."),
        ("own_nets:build_needy", "own_nets:build_needy raised TypeError: build_needy() missing 1 required"),
        ("own nets:build", "No backbone is called 'own nets:build'"),
    ],
)
def test_a_wrong_place_is_a_sentence(name: str, sentence: str, own_code: Path, capsys: Capture) -> None:
    assert run(["eval", "--backbone", name, "--point", "0", *OPTIONS]) == 2
    assert sentence in capsys.readouterr().err


def test_random_weights_need_a_function_that_takes_pretrained(own_code: Path, capsys: Capture) -> None:
    assert run(["eval", "--backbone", "own_nets:build", "--point", "0", "--weights", "random", *OPTIONS]) == 2
    assert "a function with a parameter `pretrained`" in capsys.readouterr().err
