"""`lnkit data verify`: a published correlation is met by data that are read rightly, and by no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakeplugins import FakePlugins, fake_plugins
from PIL import Image

from lnkit.benchmark import ReaderCheck
from lnkit.cli import run
from lnkit.datasets.opinions import Opinion, OpinionSet
from lnkit.datasets.reader_check import CheckedReader, check_reader, squared_differences
from lnkit.errors import DataError
from lnkit.plugins.load import default_registry
from lnkit.progress import SilentProgress

__all__ = ["fake_plugins"]

LEVELS = 5
REFERENCES = 4
SIZES = [(24, 16), (16, 24), (20, 20), (9, 13)]  # height, width: every reference has its own
PLUGIN = """
    from dataclasses import dataclass
    from pathlib import Path
    import lnkit
    from lnkit.benchmark import ReaderCheck

    @dataclass(frozen=True)
    class Protocol:
        pass

    def read(folder):
        from lnkit.datasets.opinions import Opinion, OpinionSet
        rows = [line.split() for line in (folder / "labels.txt").read_text().splitlines()]
        opinions = [
            Opinion(name, folder / f"{name}.png", name[0], folder / f"{name[0]}.png", "noise", float(label))
            for name, label in rows
        ]
        return OpinionSet(folder, tuple(opinions), "labels.txt", higher_is_better=HIGHER)

    HIGHER = True
    CHECKS = (ReaderCheck("all images", EXPECTED, 6, IMAGES, read, "a table"),)

    @lnkit.hookimpl
    def register_benchmark(register):
        register(lnkit.BenchmarkSpec(
            name="own_set", title="own", version="1", citation="", protocols={"paper": Protocol()},
            scores=(lnkit.ScoreSpec("srcc", "correlation"),), open_data=read, run=read, checks=CHECKS,
        ))
"""


def own_value(folder: Path) -> float:
    """The published number by own code: squared differences in float64, ranks by counting, Pearson of the ranks."""
    rows = [line.split() for line in (folder / "labels.txt").read_text().splitlines()]
    pixels = {path.stem: np.asarray(Image.open(path).convert("RGB"), float) for path in folder.glob("*.png")}
    errors = np.array([((pixels[name] - pixels[name[0]]) ** 2).mean() for name, _ in rows])
    labels = np.array([float(label) for _, label in rows])

    def ranks(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])

    return float(np.corrcoef(ranks(-errors), ranks(labels))[0, 1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Noise of five strengths on four references, with labels that follow it but for chance."""
    rng = np.random.default_rng(3)
    root = tmp_path / "set"
    root.mkdir()
    lines = []
    for reference in range(REFERENCES):
        image = rng.integers(0, 256, (*SIZES[reference], 3))
        Image.fromarray(image.astype(np.uint8)).save(root / f"{reference}.png")
        for level in range(1, LEVELS + 1):
            noisy = (image + rng.normal(0, 4 * level + reference, image.shape)).clip(0, 255).round()
            Image.fromarray(noisy.astype(np.uint8)).save(root / f"{reference}_{level}.png")
            lines.append(f"{reference}_{level} {9 - level + rng.normal(0, 1.5):.4f}\n")
    (root / "labels.txt").write_text("".join(lines))
    return root


def verify(
    plugins: FakePlugins, folder: Path, expected: float, *options: str, images: int = 20, source: str = PLUGIN
) -> int:
    plugins.add("own_set", source.replace("EXPECTED", repr(expected)).replace("IMAGES", str(images)))
    default_registry.cache_clear()
    return run(["data", "verify", "own_set", "--data", str(folder), *options])


def test_data_that_are_read_rightly_have_the_published_value(
    fake_plugins: FakePlugins, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = round(own_value(folder), 6)
    assert 0.5 < value < 0.999
    assert verify(fake_plugins, folder, value) == 0
    said = capsys.readouterr().out.strip()
    expected = (
        f"own_set, all images, 20 images, labels of labels.txt: read rightly: {value:.6f} as published (a table)."
    )
    assert said == expected


@pytest.mark.parametrize("fault", ["pairs", "labels", "decoding", "rounding"])
def test_data_that_are_read_wrongly_do_not(
    fake_plugins: FakePlugins, folder: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    value = round(own_value(folder), 6)
    if fault == "pairs":
        first, second = folder / "0_1.png", folder / "0_5.png"
        content = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)
    elif fault == "labels":
        lines = (folder / "labels.txt").read_text().splitlines()
        labels = [line.split()[1] for line in lines]
        names = [line.split()[0] for line in lines]
        (folder / "labels.txt").write_text(
            "".join(f"{n} {v}\n" for n, v in zip(names, labels[1:] + labels[:1], strict=True))
        )
    elif fault == "decoding":
        for path in folder.glob("*.png"):
            Image.open(path).convert("L").save(path)
    else:
        lines = (folder / "labels.txt").read_text().splitlines()
        (folder / "labels.txt").write_text("".join(f"{n} {float(v):.0f}\n" for n, v in map(str.split, lines)))
    assert round(own_value(folder), 6) != value
    assert verify(fake_plugins, folder, value) == 1
    said = capsys.readouterr().err
    assert f"expected {value:.6f}, got {own_value(folder):.6f}: pairs, labels or decoding differ" in said


def test_labels_in_the_other_direction_are_named(
    fake_plugins: FakePlugins, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = round(own_value(folder), 6)
    source = PLUGIN.replace("HIGHER = True", "HIGHER = False")
    assert verify(fake_plugins, folder, value, source=source) == 1
    assert f"expected {value:.6f}, got -{value:.6f}: the labels run in the other" in capsys.readouterr().err


def test_a_part_says_that_nothing_can_be_said(
    fake_plugins: FakePlugins, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(fake_plugins, folder, 0.5, images=3000) == 0
    said = capsys.readouterr().out
    assert "20 images, labels of labels.txt: partial, so it cannot be said whether they were read rightly" in said
    assert f"the published 0.500000 is of 3,000 images, and these have {own_value(folder):.6f}" in said


def test_json_has_the_value_and_the_exit_code(
    fake_plugins: FakePlugins, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(fake_plugins, folder, 0.5, "--json") == 1
    (check,) = json.loads(capsys.readouterr().out)["checks"]
    assert (check["right"], check["partial"], check["images"], check["expected"]) == (False, False, 20, 0.5)
    assert check["value"] == pytest.approx(own_value(folder), abs=1e-12)


def test_one_damaged_image_and_other_sizes_are_sentences(
    fake_plugins: FakePlugins, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (5, 5)).save(folder / "0_1.png")
    assert verify(fake_plugins, folder, 0.5) == 1
    assert "0_1.png and its reference" in (said := capsys.readouterr().err)
    assert "have different sizes: 5 x 5 and 16 x 24 pixels." in said
    (folder / "0_1.png").write_bytes(b"no image")
    assert run(["data", "verify", "own_set", "--data", str(folder)]) == 1
    assert "0_1.png is not a readable image" in capsys.readouterr().err


def test_what_cannot_be_checked_is_said(
    fake_plugins: FakePlugins, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(fake_plugins, folder / "absent", 0.5) == 2
    assert "Expected a folder with the data (--data), got" in capsys.readouterr().err
    assert run(["data", "verify", "own_set"]) == 2
    assert (
        "lnkit does not fetch own_set. Name its folder: `lnkit data verify own_set --data DIR`."
        in capsys.readouterr().err
    )
    assert run(["data", "verify", "bapps", "--data", str(folder)]) == 2
    assert "No value is published by which the reading of bapps could be checked." in capsys.readouterr().err
    assert run(["data", "verify", "own_seet", "--data", str(folder)]) == 2
    assert "Did you mean 'own_set'?" in capsys.readouterr().err


def test_a_reader_of_a_plugin_that_fails_is_named(
    fake_plugins: FakePlugins, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "labels.txt").write_text("0_1 good\n")
    assert verify(fake_plugins, folder, 0.5) == 1
    assert "Benchmark 'own_set' of own-set 1.0 failed to read" in capsys.readouterr().err
    (folder / "labels.txt").write_text("")
    assert run(["data", "verify", "own_set", "--data", str(folder)]) == 1
    assert "expected opinions of all images, got OpinionSet" in capsys.readouterr().err


def test_an_invalid_check_is_refused(
    fake_plugins: FakePlugins, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(fake_plugins, folder, 68.7) == 2
    assert "expected must be a correlation, got 68.7" in capsys.readouterr().err


def test_an_image_is_compared_once_however_often_it_is_given(folder: Path) -> None:
    opinion = Opinion("0_1", folder / "0_1.png", "0", folder / "0.png", "noise", 1.0)
    (value,) = squared_differences([opinion, opinion], SilentProgress()).values()
    pixels = [np.asarray(Image.open(folder / name), float) for name in ("0_1.png", "0.png")]
    assert value == pytest.approx(((pixels[0] - pixels[1]) ** 2).mean(), rel=1e-12)


def test_labels_that_are_all_the_same_have_no_correlation(folder: Path) -> None:
    paths = [folder / f"0_{level}.png" for level in (1, 2)]
    opinions = tuple(Opinion(path.stem, path, "0", folder / "0.png", "noise", 3.0) for path in paths)
    check = ReaderCheck("all images", 0.5, 6, 2, "m:f", "")
    with pytest.raises(DataError, match="expected images and labels that differ, got 2 images"):
        check_reader(check, OpinionSet(folder, opinions), dict(zip(paths, (1.0, 2.0), strict=True)))


@pytest.mark.parametrize(("value", "right"), [(0.6757, True), (0.67574, True), (0.6758, True), (0.6760, False)])
def test_a_unit_of_the_last_published_digit_is_allowed(value: float, right: bool) -> None:
    check = ReaderCheck("all images", 0.6757, 4, 10, "m:f", "")
    assert CheckedReader(check, 10, value).right is right


def test_a_part_that_is_not_there_is_noted(
    fake_plugins: FakePlugins, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = round(own_value(folder), 6)
    two = PLUGIN.replace(
        ', "a table"),)', ', "a table"), ReaderCheck("the other part", 0.5, 6, 9, lambda f: read(f / "other"), ""))'
    ).replace(
        "        rows =",
        "        if not folder.is_dir():\n            raise lnkit.DataError('It is not here.')\n        rows =",
    )
    assert verify(fake_plugins, folder, value, source=two) == 0
    said = capsys.readouterr()
    assert f"read rightly: {value:.6f} as published" in said.out
    assert "own_set, the other part: not checked. It is not here." in said.err
