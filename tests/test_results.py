"""The results folder: atomic, shared by processes, patient with what is damaged."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import make_record

from lnkit.errors import DataError, LnkitError, UsageError
from lnkit.results.editions import ReplacedError
from lnkit.results.folder import ResultsFolder, results_dir
from lnkit.results.part_store import FolderPartStore
from lnkit.results.records import to_json

ARRAYS = {"2afc/cnn/d0": np.array([0.1, 0.2]), "2afc/cnn/judge": np.array([1.0, 0.0])}


def left_behind(folder: Path) -> list[str]:
    """What a results folder holds, beside the empty place for unfinished work."""
    unfinished = folder / ".parts"
    assert not unfinished.exists() or not list(unfinished.iterdir())
    return [path.name for path in folder.iterdir() if path != unfinished]


def test_a_written_record_is_found_with_its_arrays(tmp_path: Path) -> None:
    results, record = ResultsFolder(tmp_path), make_record()
    folder = results.write(record, ARRAYS)
    assert folder.name == record.id
    assert results.find(record.key) == record
    stored = results.arrays(record)
    assert {name: array.tolist() for name, array in stored.items()} == {n: a.tolist() for n, a in ARRAYS.items()}


def test_a_run_that_was_never_made_is_not_found(tmp_path: Path) -> None:
    assert ResultsFolder(tmp_path / "nowhere").find(make_record().key) is None
    assert ResultsFolder(tmp_path / "nowhere").load() == ([], [])


def test_the_first_of_two_equal_runs_stays_unless_it_is_replaced(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path)
    results.write(make_record(0.7), ARRAYS)
    results.write(make_record(0.8), ARRAYS)
    assert results.read(tmp_path / make_record().id).scores["2afc"].value == 0.7
    results.write(make_record(0.8), ARRAYS, replace=True)
    assert results.read(tmp_path / make_record().id).scores["2afc"].value == 0.8
    assert left_behind(tmp_path) == [make_record().id]


def test_arrays_of_another_edition_are_not_mixed_with_a_record(tmp_path: Path) -> None:
    results, record = ResultsFolder(tmp_path), make_record(0.7)
    results.write(record, ARRAYS)
    results.write(make_record(0.8), {"x": np.zeros(3)}, replace=True)
    with pytest.raises(ReplacedError, match="was replaced while it was read; run this command again"):
        results.arrays(record)
    assert list(results.arrays(make_record(0.8))) == ["x"]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(LnkitError, match=r"the disk is full.*--results DIR"):
        ResultsFolder(tmp_path).write(make_record(), ARRAYS)
    assert left_behind(tmp_path) == []


def test_damaged_results_are_named_and_left_alone(tmp_path: Path) -> None:
    results, record = ResultsFolder(tmp_path), make_record()
    file = results.write(record, ARRAYS) / "result.json"
    results.write(make_record(seed=1), ARRAYS)
    file.write_text(file.read_text()[:100])
    records, damaged = results.load()
    assert [r.key.seed for r in records] == [1]
    assert [d.path for d in damaged] == [file.parent]
    with pytest.raises(DataError, match=r"damaged.*Remove the folder .*--force"):
        results.find(record.key)
    assert len(file.read_text()) == 100


def test_a_damaged_result_can_be_asked_for_and_is_named(tmp_path: Path) -> None:
    results, record = ResultsFolder(tmp_path), make_record()
    (results.write(record, ARRAYS) / "result.json").write_text("{")
    with pytest.raises(DataError, match="is damaged: it is not JSON"):
        results.choose(record.id)


def test_a_record_that_is_not_that_of_its_folder_is_damage(tmp_path: Path) -> None:
    results, record = ResultsFolder(tmp_path), make_record()
    file = results.write(record, ARRAYS) / "result.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 7'))
    with pytest.raises(DataError, match=f"Expected the record {record.id} in "):
        results.find(record.key)


@pytest.mark.parametrize("damage", [lambda data: b"PK", lambda data: data[:-30], lambda data: b"", lambda data: b"x"])
def test_damaged_arrays_are_said(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    results, record = ResultsFolder(tmp_path), make_record()
    file = results.write(record, ARRAYS) / "distances.npz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match="run the same command again with --force"):
        results.arrays(record)


def test_foreign_folders_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / ".new-1").mkdir()
    (tmp_path / ".new-1" / "result.json").write_text("{")
    assert ResultsFolder(tmp_path).load() == ([], [])


def _write_many(path: Path, first: int) -> None:
    for seed in range(first, first + 20):
        ResultsFolder(path).write(make_record(seed=seed), ARRAYS)


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(tmp_path, first)) for first in (0, 10)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    records, damaged = ResultsFolder(tmp_path).load()
    assert sorted(r.key.seed for r in records) == list(range(30))
    assert not damaged
    assert not [name for name in left_behind(tmp_path) if name.startswith(".")]


def test_choose_by_id_hash_or_name(tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path)
    first, second = make_record(), make_record(backbone="vgg16")
    results.write(first, {})
    results.write(second, {})
    assert results.choose(first.id) == first
    assert results.choose(second.key.digest()[:8]) == second
    assert results.choose("vgg16:mid") == second
    with pytest.raises(UsageError, match="matches 2 results"):
        results.choose("bapps")
    with pytest.raises(UsageError, match="There is no result 'resnet'"):
        results.choose("resnet")


def test_parts_are_computed_once(tmp_path: Path) -> None:
    parts, calls = FolderPartStore(tmp_path / "parts"), []

    def compute() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"distance": np.arange(3.0)}

    for _ in range(2):
        assert parts.get_or_compute("a", compute)["distance"].tolist() == [0, 1, 2]
    assert len(calls) == 1
    (tmp_path / "parts" / "a.npz").write_bytes(b"half")
    assert parts.get_or_compute("a", compute)["distance"].tolist() == [0, 1, 2]
    assert len(calls) == 2
    parts.clear()
    assert not (tmp_path / "parts").exists()


def test_a_part_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> dict[str, np.ndarray]:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        FolderPartStore(tmp_path).get_or_compute("a", fail)
    assert list(tmp_path.iterdir()) == []


STORED = Path(__file__).parent / "stored_results"  # written by lnkit 0.1.0: what each later version must read or refuse


def test_a_folder_of_the_first_version_is_read(tmp_path: Path) -> None:
    """In a form that this version knows: against a plain reading of the same files."""
    results = ResultsFolder(shutil.copytree(STORED, tmp_path / "results"))
    (record,), damaged = results.load()
    assert not damaged
    (file,) = STORED.glob("*/result.json")
    plain = json.loads(file.read_text())
    assert record.id == file.parent.name == plain["id"]
    assert record.key.digest()[:12] == file.parent.name[-12:]
    assert {name: score.value for name, score in record.scores.items()} == {
        name: score["value"] for name, score in plain["scores"].items()
    }
    assert to_json(record) == file.read_text()
    with np.load(file.parent / "distances.npz") as stored:
        assert {name: array.tolist() for name, array in results.arrays(record).items()} == {
            name: stored[name].tolist() for name in stored.files
        }


def test_two_of_three_judges_of_the_first_version_agree(tmp_path: Path) -> None:
    """The score that its stored distances give when they are counted by hand."""
    results = ResultsFolder(shutil.copytree(STORED, tmp_path / "results"))
    ((record,), _) = results.load()
    arrays = results.arrays(record)
    first, second, judge = (arrays[f"2afc/sample_blur/{name}"] for name in ("d0", "d1", "judge"))
    assert record.scores["2afc/sample_blur"].value == ((second < first) == judge).mean() == 2 / 3


def test_a_folder_that_is_closed_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)\. Change .*, or .*--results"):
        ResultsFolder(tmp_path).load()


def test_results_need_a_folder_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UsageError, match="Expected a folder for results"):
        results_dir(tmp_path / "fifo")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.delenv("LNKIT_RESULTS", raising=False)
    with pytest.raises(UsageError, match="The working directory was removed"):
        results_dir()
    assert results_dir(tmp_path) == tmp_path
