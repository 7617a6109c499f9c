"""The check behind lnkit-timm's table: it passes what is right, and finds each fault that is planted."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("timm")
catalog = pytest.importorskip("lnkit_timm.catalog")
checks = pytest.importorskip("checks")
substitutes = pytest.importorskip("substitutes")

ROWS = {one.name: one for one in catalog.read_index().architectures}


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_vit", "test_mambaout", "efficientvim_m1", "hiera_tiny_224", "vit_tiny_r_s16_p8_224"]
)
def test_what_is_right_passes(name: str) -> None:
    found = checks.check(ROWS[name])
    assert found.passed
    assert found.parameters == ROWS[name].parameters
    assert all(point.timm in ("equal", "none") for point in found.points)
    assert found.points[-1].timm == "none" if ROWS[name].class_token else found.points[-1].timm == "equal"


def test_another_block_than_the_rules_does_not_agree_with_timm() -> None:
    found = checks.check(replace(ROWS["test_vit"], nodes="blocks.0 blocks.1 blocks.3 blocks.5"))
    assert [point.timm for point in found.points] == ["equal", "differs", "equal", "equal", "none"]


def test_a_prefix_token_that_is_not_left_out_is_found() -> None:
    found = checks.check(replace(ROWS["test_vit"], layout="NLC+0"))
    assert not found.passed
    assert not any(point.own for point in found.points[:4])


def test_tokens_out_of_order_are_found() -> None:
    found = checks.check(replace(ROWS["hiera_tiny_224"], nodes="blocks.0 blocks.2 blocks.9 blocks.11", layout="NLC+0"))
    assert [point.timm for point in found.points[:3]] == ["differs"] * 3


def test_a_size_that_does_not_get_through_is_found() -> None:
    found = checks.check(replace(ROWS["test_convnext"], min_size=4))
    assert not found.passed
    assert "4 x 4 pixels do not reach the point" in found.problem


def test_a_module_that_does_not_exist_is_what_the_table_says() -> None:
    found = checks.check(replace(ROWS["test_resnet"], nodes="layer1 layer2 layer3 layer5"))
    assert not found.passed
    assert "layer5" in found.problem


def test_checks_are_read_as_they_were_written() -> None:
    found = checks.check(ROWS["test_resnet"])
    assert checks.from_json(json.loads(json.dumps(asdict(found)))) == found


# Substitute weights


def test_weights_are_views_that_copies_share() -> None:
    from lnkit_timm.load import build

    with substitutes.without_weights():
        empty = build(ROWS["vit_base_patch16_224"])
    network = substitutes.SubstituteWeights().fill(empty)
    storages = {
        parameter.untyped_storage().data_ptr(): parameter.untyped_storage() for parameter in network.parameters()
    }
    values = sum(parameter.nbytes for parameter in network.parameters())
    assert sum(storage.nbytes() for storage in storages.values()) < values / 4
    copied = copy.deepcopy(network)
    for one, other in zip(network.parameters(), copied.parameters(), strict=True):
        assert one is other


def test_buffers_are_real_and_weights_differ_between_modules() -> None:
    from lnkit_timm.load import build

    with substitutes.without_weights():
        empty = build(ROWS["swin_tiny_patch4_window7_224"])
    network = substitutes.SubstituteWeights().fill(empty)
    real = build(ROWS["swin_tiny_patch4_window7_224"])
    for name, buffer in real.named_buffers():
        assert torch.equal(network.get_buffer(name), buffer), name
    first, second = (network.layers[0].blocks[block].attn.qkv.weight for block in (0, 1))
    assert not torch.equal(first, second)


def test_modules_register_as_usual_afterwards() -> None:
    with substitutes.without_weights():
        assert torch.nn.Linear(500, 500).weight.is_meta
    assert not torch.nn.Linear(500, 500).weight.is_meta


# The table


def test_the_table_holds_what_was_checked_and_says_what_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from table import main

    page = tmp_path / "page.md"
    where = ["--store", str(tmp_path), "--page", str(page)]
    main(["test_resnet", *where])
    assert "1 of 1: test_resnet: ok" in capsys.readouterr().err
    text = page.read_text()
    assert f"Of the {len(ROWS):,} architectures" in text
    assert "| test_resnet |" in text
    assert "`layer1 layer2 layer3 layer4`" in text
    assert "- `test_vit`: not run" in text
    main(["--page-only", *where])
    assert page.read_text() == text


def test_the_page_in_the_repository_is_where_the_table_writes_it() -> None:
    from page import LEGEND
    from table import TARGET

    text = TARGET.read_text(encoding="utf-8")
    assert LEGEND.format(**catalog.RULES) in text
    (command,) = re.findall(r"written by `python (\S+)`", text)
    assert (TARGET.parents[3] / command).is_file()
