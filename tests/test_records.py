"""Records: the way to JSON and back, what makes two runs the same, and what damage is said."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from helpers import RUN_KEY, make_record

from lnkit.errors import DataError
from lnkit.results.records import SCHEMA, RunKey, from_json, record_id, to_json
from lnkit.results.signature import score_signature


def test_a_record_survives_the_way_to_json_and_back() -> None:
    record = make_record(notes=("partial",), files=("distances.npz",), deviations=("resolution is 32",))
    assert from_json(to_json(record)) == record


def test_json_carries_schema_and_id() -> None:
    stored = json.loads(to_json(make_record()))
    assert stored["schema"] == SCHEMA
    assert stored["id"] == make_record().id


CHANGED = {
    "benchmark": "other",
    "benchmark_version": "2",
    "variant": "reference",
    "protocol": {"distance": "spatial", "resolution": 65},
    "backbone": "vgg16",
    "points": {"mid": "features.8"},
    "weights_sha256": "00" * 32,
    "data": {"2afc/cnn": "00" * 32},
    "seed": 1,
    "precision": "bf16",
    "plugins": {"backbone": "lnkit 0.2.0"},
    "input": {"mean": [0.5, 0.5, 0.5]},
    "extra": {"lin_weights": "00"},
}


@pytest.mark.parametrize("name", [f.name for f in fields(RunKey)])
def test_every_field_of_the_key_makes_another_run(name: str) -> None:
    other = replace(RUN_KEY, **{name: CHANGED[name]})
    assert other.digest() != RUN_KEY.digest()
    assert record_id(other) != record_id(RUN_KEY)


def test_identity_does_not_depend_on_the_order_of_fields() -> None:
    turned = replace(RUN_KEY, protocol=dict(reversed(list(RUN_KEY.protocol.items()))))
    assert turned.digest() == RUN_KEY.digest()


@pytest.mark.parametrize("name", ["../../etc", "timm/resnet18", "a b<c>", "x" * 300, "..."])
def test_the_id_is_a_safe_folder_name(name: str) -> None:
    found = record_id(replace(RUN_KEY, backbone=name, points={name: name}))
    assert "/" not in found
    assert not found.startswith(".")
    assert len(found) < 255
    assert not set(found) & set(' <>:"|?*\\')


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "damaged: expected a JSON object, got list"),
        ('{"a": 1}', "no field 'schema'"),
        ('{"schema": 99}', "written by another version of lnkit with schema 99; this is lnkit .*pip install -U lnkit"),
        ('{"schema": 2}', "damaged: a field is missing"),
        ('{"schema": 2, "scores": 3}', "damaged"),
        (json.dumps(json.loads(to_json(make_record())) | {"created": None}), "damaged.*created"),
        (json.dumps(json.loads(to_json(make_record())) | {"environment": 3}), "damaged.*environment"),
    ],
)
def test_damage_is_said(text: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        from_json(text, "result.json")


def test_a_changed_score_form_is_damage() -> None:
    stored = json.loads(to_json(make_record()))
    stored["scores"]["2afc"]["value"] = "high"
    with pytest.raises(DataError, match="damaged"):
        from_json(json.dumps(stored))


def test_only_full_runs_are_comparable() -> None:
    assert make_record().comparable
    assert not make_record(sample=True).comparable
    assert not make_record(variant="quick").comparable


def test_where_no_primary_score_could_be_made_all_are_main() -> None:
    record = make_record()
    other = replace(record.scores["2afc"], primary=False)
    both = replace(record, scores={"2afc": record.scores["2afc"], "jnd_map": other})
    assert both.main_scores == ("2afc",)
    assert replace(record, scores={"x": other, "y": other}).main_scores == ("x", "y")
    assert replace(record, scores={}).main_scores == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"notes": ("absent: the part jnd",)}, ""),
        ({"sample": True}, "sample data"),
        ({"variant": "quick"}, "cut-down protocol 'quick'"),
        ({"notes": ("partial: none of the 6 official 2afc families",)}, "other data"),
        ({"deviations": ("distance: style instead of spatial",)}, "deviations"),
    ],
)
def test_what_keeps_scores_from_standing_beside_published_ones(changes: dict[str, Any], reason: str) -> None:
    record = make_record(**changes)
    assert reason in record.incomparable
    assert record.comparable is (not reason)


def test_a_signature_tells_the_content_of_data_apart() -> None:
    data = ({"a": "ab" * 32, "b": "cd" * 32}, {"b": "cd" * 32, "a": "ab" * 32}, {"a": "ab" * 32, "b": "ce" * 32})
    first, other_order, other_content = (
        score_signature("2afc", "", replace(RUN_KEY, data=parts), "V1", "spatial") for parts in data
    )
    assert first == other_order != other_content
