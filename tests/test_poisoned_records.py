"""Records that somebody changed: each is named and passed over, and no command stops at one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import RUN_KEY, make_record

from lnkit.cli import run
from lnkit.errors import DataError, PluginError
from lnkit.results.folder import ResultsFolder
from lnkit.results.images import save_image
from lnkit.results.part_store import FolderPartStore
from lnkit.results.record_files import fault_of_names
from lnkit.results.records import RunKey, from_json, to_json
from lnkit.training.outcome_builder import OutcomeBuilder

HUGE = 10**400
PLAIN: dict[str, Any] = json.loads(to_json(make_record(files=("distances.npz",))))
WRONG = ("text", 7, True, None, 0.5, [], {}, [[]], {"": 1}, HUGE)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a record, containers included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in leaves(item, (*path, key)))]


def changed(path: tuple[Any, ...], new: Any) -> dict[str, Any]:
    record = json.loads(json.dumps(PLAIN))
    place = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return record


def kind(value: object) -> str:
    return type(value).__name__


CHECKED = [
    path
    for path in leaves(PLAIN)[1:]
    if path[0] not in ("id", "schema") and path[:2] not in [("key", "protocol"), ("key", "input")]  # any JSON
]
NULL_OR = ("seed", "interval", "bounds", "spread")


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: ".".join(map(str, path)))
def test_another_type_in_any_place_is_damage(path: tuple[Any, ...]) -> None:
    right: Any = PLAIN
    for key in path:
        right = right[key]
    for wrong in WRONG:
        if kind(wrong) == kind(right) and wrong is not HUGE and wrong not in ([[]], {"": 1}):
            continue
        if (wrong is None and path[-1] in NULL_OR) or (wrong == 7 and isinstance(right, float)):
            continue
        with pytest.raises(DataError, match=r"is damaged|written by") as caught:
            from_json(json.dumps(changed(path, wrong)), "result.json")
        assert len(str(caught.value)) < 500


BAD_NAMES = ("", "a\nb", "x" * 10_000_000, "\x1b[2J", "a‮b", "\x00")


@pytest.mark.parametrize("name", BAD_NAMES, ids=["empty", "line", "long", "escape", "turned", "nul"])
@pytest.mark.parametrize("place", ["benchmark", "variant", "backbone", "point", "score", "version"])
def test_names_that_no_table_takes_are_damage(name: str, place: str) -> None:
    record = json.loads(json.dumps(PLAIN))
    if place == "score":
        record["scores"] = {name: record["scores"]["2afc"]}
    elif place == "point":
        record["key"]["points"] = {name: "features.7"}
    else:
        record["key"][{"version": "benchmark_version"}.get(place, place)] = name
    with pytest.raises(DataError, match="is damaged") as caught:
        from_json(json.dumps(record), "result.json")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
@pytest.mark.parametrize("place", ['"value": ', '"seconds": ', '"resolution": '])
def test_numbers_that_are_not_finite_are_damage(number: str, place: str) -> None:
    start, _, rest = json.dumps(PLAIN).partition(place)
    text = start + place + number + rest[min(rest.index(end) for end in ",}" if end in rest) :]
    with pytest.raises(DataError, match="is damaged"):
        from_json(text)


def test_a_field_that_this_version_does_not_know_is_passed_over() -> None:
    """The schema is raised whenever that could mislead."""
    newer = json.loads(json.dumps(PLAIN)) | {"energy": 7}
    newer["scores"]["2afc"]["median"] = 0.5
    assert from_json(json.dumps(newer)) == from_json(json.dumps(PLAIN))


def test_a_newer_record_says_which_lnkit_wrote_it() -> None:
    newer = json.loads(json.dumps(PLAIN)) | {"schema": 3, "environment": {"lnkit": "7.1"}, "scores": "elsewhere"}
    with pytest.raises(DataError, match=r"written by lnkit 7\.1 with schema 3; this is .*, which reads schema 2\."):
        from_json(json.dumps(newer), "result.json")
    newer = json.loads(json.dumps(PLAIN)) | {"environment": {"lnkit": "7.1"}}
    newer["key"]["moon"] = "full"
    with pytest.raises(DataError, match=r"written by lnkit 7\.1, which identifies runs by 'moon' too"):
        from_json(json.dumps(newer), "result.json")


@pytest.mark.parametrize("schema", [True, 2.0, "2", None, [2], HUGE, -1, 0])
def test_a_schema_that_is_no_number_is_damage(schema: Any) -> None:
    with pytest.raises(DataError, match=r"is damaged|written by another version"):
        from_json(json.dumps(PLAIN | {"schema": schema}))


def fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def link_to(target: str) -> Callable[[Path], None]:
    def poison(file: Path) -> None:
        file.unlink()
        file.symlink_to(target)

    return poison


POISONS: dict[str, Callable[[Path], object]] = {
    "half a character": lambda file: file.write_text(json.dumps(PLAIN | {"family": "\ud800"})),
    "deep": lambda file: file.write_text("[" * 100_000),
    "deep inside": lambda file: file.write_text(
        json.dumps(PLAIN)[:-1] + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
    ),
    "FIFO": fifo,
    "device": link_to("/dev/zero"),
    "link to itself": link_to("result.json"),
    "dangling": link_to("nothing"),
    "folder": lambda file: (file.unlink(), file.mkdir()),  # type: ignore[func-returns-value]
    "empty": lambda file: file.write_text(""),
    "bytes": lambda file: file.write_bytes(b"\xff\xfe\x00"),
    "text for a value": lambda file: file.write_text(json.dumps(changed(("scores", "2afc", "value"), "high"))),
    "missing": lambda file: file.unlink(),
    "a list": lambda file: file.write_text("[1]"),
    "escapes": lambda file: file.write_text(json.dumps(PLAIN | {"files": ["../../../etc/passwd"]})),
    "absolute": lambda file: file.write_text(json.dumps(PLAIN | {"files": ["/training.json"]})),
}


@pytest.mark.parametrize("poison", POISONS)
def test_a_poisoned_record_is_named_and_the_others_are_listed(poison: str, tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path / "results")
    bad = results.write(make_record(), {})
    good = make_record(backbone="vgg16")
    results.write(good, {})
    POISONS[poison](bad / "result.json")
    records, damaged = results.load()
    assert records == [good]
    assert [item.path for item in damaged] == [bad]
    assert "\n" not in damaged[0].reason
    assert len(damaged[0].reason) < 700


COMMANDS = (
    ["results", "list"],
    ["results", "list", "--json"],
    ["results", "show", "vgg16:mid"],
    ["results", "export", "--format", "csv"],
    ["results", "compare", "vgg16:mid", "vgg11:mid"],
    ["place", "vgg16"],
    ["recommend", "--task", "2afc"],
    ["analyze", "ranks"],
    ["analyze", "difference", "vgg16:mid", "vgg11:mid"],
    ["plot", "best-points", "--output", "{}/plot.svg"],
    ["report", "--output", "{}/report.html"],
    ["reproduce", "--output", "{}/reproduction.html"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_stops_at_poisoned_records(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = ResultsFolder(tmp_path / "results")
    arrays = {"2afc/cnn/d0": np.zeros(3), "2afc/cnn/d1": np.ones(3), "2afc/cnn/judge": np.ones(3)}
    good = [make_record(backbone=name, files=("distances.npz",)) for name in ("vgg16", "vgg11")]
    for record in good:
        results.write(record, arrays)
    bad = [results.write(make_record(seed=seed), {}) for seed in range(len(POISONS))]
    for folder, poison in zip(bad, POISONS.values(), strict=True):
        poison(folder / "result.json")
    code = run([word.format(tmp_path) for word in command])
    shown = capsys.readouterr()
    assert code == 0 or (command[:2] == ["analyze", "difference"] and code == 1), shown.err
    assert "Traceback" not in shown.err
    if command[-1] not in ("vgg16:mid", "vgg11:mid"):
        text = shown.err.replace("\n", "") + shown.out
        assert all(folder.name in text for folder in bad) or f"{len(bad)}" in text, shown.err


def test_a_closed_folder_is_named(tmp_path: Path) -> None:
    """For its owner; who may read everything reads it."""
    results = ResultsFolder(tmp_path)
    closed, good = results.write(make_record(), {}), make_record(backbone="vgg16")
    results.write(good, {})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            closed.chmod(0)
            os.chdir(tmp_path)
            if os.getuid() == 0:  # root reads everything
                tmp_path.chmod(0o755)
                os.setuid(65534)
            records, damaged = ResultsFolder(Path()).load()
            assert [record.id for record in records] == [good.id], records
            assert [item.path.name for item in damaged] == [closed.name], damaged
            assert "Permission denied" in damaged[0].reason
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    closed.chmod(0o755)


@pytest.mark.parametrize(
    "name",
    [
        *("../../../x", "/etc/x", "a/../../x", "result.json", "Result.JSON", "distances.npz", "edition-1/x", "x" * 300),
        *("a\0b", "", "a//b", "a/./b", "C:\\x", "a\\b", "a\nb", 7, None, "images/" + "ä" * 150),
    ],
)
def test_files_cannot_leave_the_folder_of_their_record(name: Any, tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_text("content")
    with pytest.raises(PluginError, match="Benchmark 'bapps' returned a file that cannot be stored") as caught:
        ResultsFolder(tmp_path / "results").write(make_record(), {}, {name: source})
    assert len(str(caught.value)) < 500
    assert sorted(path.name for path in tmp_path.rglob("*")) in (["source.txt"], ["results", "source.txt"])


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", "a\nb"])
def test_nothing_is_written_outside_before_a_record_is(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "inner" / "folder"
    pixels = np.zeros((2, 2, 3), np.uint8)
    with pytest.raises(PluginError, match="expected a relative path"):
        save_image(folder, name, pixels)
    with pytest.raises(PluginError, match="expected a relative path"):
        OutcomeBuilder(folder).add_sheet(name, ["a"], [("b", [pixels])], 20)
    with pytest.raises(PluginError, match="Expected the name of a file as the key of a part"):
        FolderPartStore(folder).get_or_compute(f"{name}/", lambda: {"x": pixels})
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("names", [("a.png", "A.PNG"), ("ä.png", "ä.png"), ("a", "a/b"), ("A/x", "a/X")])
def test_names_of_files_that_clash_on_some_systems_are_refused(names: tuple[str, str]) -> None:
    assert "have the name" in fault_of_names(names)
    assert fault_of_names(["images/a.png", "images/b.png", "overlay.png"]) == ""


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_only_regular_files_are_stored(make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / "source")
    results = ResultsFolder(tmp_path / "results")
    with pytest.raises(PluginError, match="Benchmark 'bapps' returned a file that cannot be stored"):
        results.write(make_record(), {}, {"x.png": tmp_path / "source"})
    assert results.load() == ([], [])
    assert not list((results.path / ".parts").iterdir())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "0.5", None, b"x", {1, 2}])
def test_what_is_no_json_is_never_written(value: Any, tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path)
    with pytest.raises(PluginError, match="Benchmark 'bapps' returned a value that cannot be stored"):
        results.write(make_record(seconds=value), {})
    assert results.load() == ([], [])


def test_every_field_of_a_key_has_a_form() -> None:
    """A forged key that is consistent with its folder's name is checked all the same."""
    for name in RunKey.__slots__:
        forged = json.loads(json.dumps(PLAIN))
        forged["key"][name] = 3.5
        with pytest.raises(DataError, match="is damaged"):
            from_json(json.dumps(forged))
    assert RUN_KEY.digest() == from_json(json.dumps(PLAIN)).key.digest()
