"""Text in place of a path: every promised function and class that takes a Path takes ``"folder"`` too."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lnkit
from lnkit import _text_paths, analysis, data, evaluation, report, results
from lnkit.datasets import image_folder, text_tables

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(lnkit[\w.]*)` \| (.*) \|$", TEXT, re.MULTILINE)
SAMPLE: dict[str, Any] = {"sample": True, "engine": "eager", "overrides": {"per_family": "3", "resamples": "0"}}


class Place:
    """A path that is neither text nor a Path."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return self.path


def promised() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Functions, classes and methods of the public door that have a parameter of type Path."""
    for module, names in ROWS:
        for name in re.findall(r"`(\w+)`", names):
            found = getattr(import_module(module), name, None)
            if inspect.isclass(found) and not getattr(found, "_is_protocol", False):
                yield from ((f"{name}.{method}", f) for method, f in vars(found).items() if inspect.isfunction(f))
            elif inspect.isfunction(found):
                yield name, found


def takes_path(function: Callable[..., Any]) -> bool:
    kinds = [str(parameter.annotation) for parameter in inspect.signature(function).parameters.values()]
    return any(re.fullmatch(r"(Path|(Mapping|dict)\[str, Path\])( \| None)?", kind) for kind in kinds)


FUNCTIONS = {name: function for name, function in promised() if takes_path(function) and "._" not in name}
CLASSES = {name: function for name, function in promised() if takes_path(function) and name.endswith(".__init__")}


def test_there_are_many() -> None:
    assert {"atomic_write", "open_images", "ResultsFolder.read", "save_figure", "write_report"} <= set(FUNCTIONS)
    assert {"RunRequest.__init__", "ImageTable.__init__", "Outcome.__init__"} <= set(CLASSES)


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_every_promised_path_may_be_text(name: str) -> None:
    function = (FUNCTIONS | CLASSES)[name]
    layers = [function]
    while hasattr(layers[-1], "__wrapped__"):
        layers.append(layers[-1].__wrapped__)
    assert _text_paths.__file__ in {layer.__code__.co_filename for layer in layers}, f"{name} needs @text_paths"


@pytest.mark.parametrize("kind", [str, Path, Place])
def test_a_run_takes_text(kind: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = lnkit.load_backbone("squeezenet1_1", weights="random")
    torch.save(network.state_dict(), "weights.pth")
    lnkit.load_loss_network("squeezenet1_1", "mid", weights=kind("weights.pth"))
    (run,) = lnkit.evaluate("squeezenet1_1", "mid", weights=kind("weights.pth"), results=kind("out"), **SAMPLE)
    (again,) = evaluation.run(
        lnkit.RunRequest("squeezenet1_1", "mid", weights=kind("weights.pth"), results=kind("out"), **SAMPLE)
    )
    assert (run.reused, again.reused) == (False, True)
    assert run.folder == Path("out") / run.record.id
    with pytest.raises(lnkit.LnkitError, match="nowhere"):
        lnkit.evaluate("pixel", "image", data=kind("nowhere"), results=kind("out"))

    folder = results.ResultsFolder(kind("out"))
    assert folder.read(kind(os.fspath(run.folder))).id == run.record.id
    gathered = analysis.gather(kind("out"), "own", analysis.Selection(sample=True))
    assert report.write_report(gathered, kind("report.html")) > 0
    assert Path("report.html").stat().st_size > 1000


@pytest.mark.parametrize("kind", [str, Path, Place])
def test_tools_for_data_take_text(kind: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with data.atomic_write(kind("table.csv")) as new:
        new.write_text("a,b\n1,2\n")
    assert text_tables.read_text(kind("table.csv")).startswith("a,b")
    assert results.save_image(kind("."), "black.png", np.zeros((4, 4), np.uint8)) == {"black.png": Path("black.png")}
    with data.atomic_folder(kind("made")) as folder:
        (folder / "file").write_text("x")
    assert data.file_sha256(kind("made/file")) == data.file_sha256(Path("made/file"))
    assert data.image_names(kind("."), (".png",), "") == ["black.png"]
    assert image_folder.inner_folder(kind("made")) == Path("made")


def test_what_is_no_path_is_passed_on() -> None:
    assert _text_paths.as_path(None) is None
    assert _text_paths.as_path(3) == 3
