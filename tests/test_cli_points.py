"""`lnkit points`, as a user runs it."""

from __future__ import annotations

import json

import pytest

from lnkit.cli import run


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    """The cells of a command's table."""
    assert run(["points", *arguments]) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_every_point_with_its_node_shape_stride_and_costs(capsys: pytest.CaptureFixture[str]) -> None:
    table = lines(capsys, "resnet18", "--size", "224")
    assert table[0] == ["resnet18", "at", "224", "x", "224"]
    assert table[2][:9] == ["early", "relu", "64", "x", "112", "x", "112", "2", "9,536"]
    assert [row[0] for row in table[2:]] == ["early", "semi_early", "mid", "late"]
    assert table[5][:9] == ["late", "layer4", "512", "x", "7", "x", "7", "32", "11,176,512"]


def test_a_set_shows_all_its_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    table = lines(capsys, "alexnet")
    at = next(number for number, row in enumerate(table) if row[0] == "lpips")
    assert [row[1] for row in table[at:]] == [f"features.{index}" for index in (1, 4, 7, 9, 11)]


def test_an_image_too_small_is_a_remark_and_not_a_crash(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["points", "alexnet", "--size", "10"]) == 0
    printed = capsys.readouterr()
    table = printed.out.splitlines()
    assert "64 x 1 x 1" in table[2]
    assert all("too small" in line for line in table[3:6])
    assert "--size 31" in printed.err


def test_json_has_exact_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["points", "squeezenet1_1", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    mid = next(point for point in content["points"] if point["name"] == "mid")
    assert (content["backbone"], content["size"]) == ("squeezenet1_1", 64)
    assert mid["outputs"] == [{"node": "features.7", "shape": [256, 7, 7], "stride": 8}]
    assert (mid["parameters"], mid["macs"]) == (120_416, 11_576_000)


def test_all_lists_every_node(capsys: pytest.CaptureFixture[str]) -> None:
    table = lines(capsys, "alexnet", "--all")
    assert [row[0] for row in table[2:5]] == ["features", "features.0", "features.1"]
    assert run(["points", "alexnet", "--all", "--json"]) == 0
    nodes = json.loads(capsys.readouterr().out)["nodes"]
    assert nodes[1] == {
        "node": "features.0",
        "kind": "Conv2d",
        "shape": [64, 15, 15],
        "stride": 4,
        "parameters": 23_296,
        "macs": 5_227_200,
    }


def test_a_wrong_name_shows_near_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["points", "squeezenet"]) == 2
    printed = capsys.readouterr()
    assert "squeezenet1_1" in printed.err
    assert printed.out == ""
