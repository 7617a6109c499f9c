"""`lnkit results merge`: the results of several machines become one folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import lnkit
from lnkit.cli import cli
from lnkit.results.folder import ResultsFolder
from lnkit.results.merge import merge_results


@pytest.fixture(scope="module")
def two_folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folders = tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b")
    lnkit.evaluate("pixel", "image", "bapps", sample=True, results=folders[0])
    lnkit.evaluate("pixel", "image", "bapps", sample=True, overrides={"distance": "l1"}, results=folders[1])
    return folders


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["results", "merge", *map(str, words)])
    return result.exit_code, result.output + str(result.exception or "")


def test_two_folders_become_one(two_folders: tuple[Path, Path], tmp_path: Path) -> None:
    code, said = run(*two_folders, "--results", tmp_path / "all")
    assert (code, said.splitlines()[-1]) == (0, f"2 results copied into {tmp_path / 'all'}, 0 were there before.")
    merged, damaged = ResultsFolder(tmp_path / "all").load()
    assert not damaged
    for folder in two_folders:
        (record,), _ = ResultsFolder(folder).load()
        assert record in merged
        arrays, copied = (ResultsFolder(place).arrays(record) for place in (folder, tmp_path / "all"))
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, copied[name])
    assert run(*two_folders, "--results", tmp_path / "all")[1].startswith("0 results copied")


def test_what_is_there_with_other_scores_stays(two_folders: tuple[Path, Path], tmp_path: Path) -> None:
    merge_results([two_folders[0]], tmp_path / "all")
    (file,) = (tmp_path / "all").glob("*/**/result.json")
    content = json.loads(file.read_text())
    content["scores"]["2afc"]["value"] = 0.5
    file.write_text(json.dumps(content))
    merged = merge_results([two_folders[0]], tmp_path / "all")
    assert (merged.copied, merged.present, len(merged.different)) == ([], [], 1)
    assert json.loads(file.read_text())["scores"]["2afc"]["value"] == 0.5


def test_wrong_folders_are_refused(two_folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert "Expected a folder of results" in run(tmp_path / "none", "--results", tmp_path)[1]
    assert "name only the others" in run(two_folders[0], "--results", two_folders[0])[1]
    (tmp_path / "bad" / "bapps_pixel_image_0123456789ab").mkdir(parents=True)
    (tmp_path / "bad" / "bapps_pixel_image_0123456789ab" / "result.json").write_text("{}")
    code, said = run(tmp_path / "bad", two_folders[0], "--results", tmp_path / "all")
    assert code == 1
    assert "1 results copied" in said
    assert "is not an lnkit record" in said
