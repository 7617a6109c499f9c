"""The list of real data, their checksums, the recipes on originals made here, and downloads from a bad server."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
import torch
from file_server import Behavior, running, serving
from real_data import Entry, Original, check, content, fault, read_entries
from real_data_recipes import FAMILIES, METRICS, RECIPES, Recipe, image_name, table_name
from realdata import RealData
from safetensors.torch import load_file
from torchvision.models import squeezenet1_1

import lnkit_superres
from lnkit.data.fetch import transfer
from lnkit.progress import SilentProgress

ROOT = Path(__file__).resolve().parents[1]
ENTRIES = read_entries()
CONTENT = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def sources() -> str:
    """All tests but this one."""
    files = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("plugins/*/tests/**/*.py")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.name != Path(__file__).name)


def test_every_file_that_a_test_uses_is_listed_and_every_listed_file_is_used() -> None:
    used = set(re.findall(r'real_data\(f?"([^"]+)"\)', sources()))
    patterns = [re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(path))) for path in used]
    for pattern in patterns:
        assert any(pattern.fullmatch(path) for path in ENTRIES), pattern
    for path in ENTRIES:
        assert any(pattern.fullmatch(path) for pattern in patterns), path


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_an_entry_is_complete(entry: Entry) -> None:
    assert entry.title
    assert entry.license
    assert entry.size > 0
    assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
    assert re.match("https?://", entry.original.url)
    assert bool(entry.made_by) is bool(entry.checked) is not bool(entry.why_not_made)
    if entry.made_by:
        module, _, recipe = entry.made_by.partition(":")
        assert (ROOT / module).is_file()
        assert recipe in RECIPES
        assert bool(RECIPES[recipe].names) is not bool(entry.original.size)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_real_data_have_the_checksums(entry: Entry, real_data: RealData) -> None:
    path = real_data(entry.path)
    assert content(path) == (entry.size, entry.sha256)
    assert fault(entry, path) == ""


def test_the_checksum_of_a_folder_is_that_of_a_list_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_bytes(b"one")
    (folder / "b").write_bytes(b"two!")
    (folder / ".hidden").write_bytes(b"of a file manager")
    lines = f"{hashlib.sha256(b'two!').hexdigest()}  b\n{hashlib.sha256(b'one').hexdigest()}  sub/a\n"
    expected = (7, hashlib.sha256(lines.encode()).hexdigest())
    assert content(folder) == expected
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "data.zip", "w", compression) as archive:
            for name in ("sub/a", "b"):
                archive.write(folder / name, name)
        assert content(tmp_path / "data.zip") == expected
    (folder / "b").write_bytes(b"two?")
    assert content(folder) != expected


def export(network: torch.nn.Module, originals: Path) -> None:
    """Write the network as ONNX, as the model zoo names the file."""
    arguments = (torch.zeros(1, 3, 64, 64),)
    torch.onnx.export(network.eval(), arguments, str(originals / "squeezenet1.1-7.onnx"), dynamo=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_weights_from_onnx_have_the_names_of_torchvision(tmp_path: Path) -> None:
    network = squeezenet1_1()
    for parameter in network.parameters():  # the exporter stores equal biases once
        torch.nn.init.normal_(parameter)
    export(network, tmp_path)
    RECIPES["squeezenet"].make(tmp_path, tmp_path / "made")
    made = load_file(tmp_path / "made")
    assert made.keys() == network.state_dict().keys()
    assert all(torch.equal(made[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_real_weights_exported_and_converted_are_the_same_bytes(real_data: RealData, tmp_path: Path) -> None:
    network = squeezenet1_1()
    network.load_state_dict(load_file(real_data("weights/squeezenet1_1.safetensors")))
    export(network, tmp_path)
    RECIPES["squeezenet"].make(tmp_path, tmp_path / "made")
    assert fault(ENTRIES["weights/squeezenet1_1.safetensors"], tmp_path / "made") == ""


def write_tables(arrays: dict[str, np.ndarray], originals: Path) -> None:
    """Write the published tables: image, two distances, share of people who agree, judgment."""
    for metric in METRICS:
        for family in FAMILIES:
            path = originals / table_name(metric, family)
            path.parent.mkdir(parents=True, exist_ok=True)
            columns = (arrays[f"{family}/{metric}/d0"], arrays[f"{family}/{metric}/d1"], arrays[f"{family}/judge"])
            rows = (
                f"../datasets/2afc/val/{family}/p0/{row:06d}.png,{float(d0)!r},{float(d1)!r},0.25,{float(judge)!r}\n"
                for row, (d0, d1, judge) in enumerate(zip(*columns, strict=True))
            )
            path.write_text("".join(rows))


def test_judgments_are_the_columns_of_the_tables(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    names = [f"{family}/judge" for family in FAMILIES]
    names += [f"{family}/{metric}/{side}" for family in FAMILIES for metric in METRICS for side in ("d0", "d1")]
    arrays = {name: draw.random(3, dtype=np.float32) for name in names}
    write_tables(arrays, tmp_path)
    RECIPES["judgments"].make(tmp_path, tmp_path / "made.npz")
    with np.load(tmp_path / "made.npz") as made:
        assert set(made.files) == set(names)
        assert all(made[name].dtype == np.float32 for name in names)
        assert all(np.array_equal(made[name], array) for name, array in arrays.items())


def test_real_judgments_written_as_tables_and_collected_are_the_same(real_data: RealData, tmp_path: Path) -> None:
    with np.load(real_data("judgments/bapps_val_2afc.npz")) as arrays:
        write_tables(dict(arrays), tmp_path)
    RECIPES["judgments"].make(tmp_path, tmp_path / "made.npz")
    assert fault(ENTRIES["judgments/bapps_val_2afc.npz"], tmp_path / "made.npz") == ""


def test_the_first_classes_of_tiny_imagenet(tmp_path: Path) -> None:
    wnids = [f"n{number:08d}" for number in range(70)]
    with zipfile.ZipFile(tmp_path / "tiny-imagenet-200.zip", "w") as archive:
        for name, lines in (
            ("wnids.txt", random.Random(0).sample(wnids, 70)),
            ("words.txt", [f"{wnid}\tword of {wnid}" for wnid in [*wnids, "n99999999"]]),
            (
                "val/val_annotations.txt",
                [f"val_{row}.JPEG\t{wnid}\t0\t0\t9\t9" for row, wnid in enumerate(wnids[::-1])],
            ),
        ):
            archive.writestr(f"tiny-imagenet-200/{name}", "".join(f"{line}\n" for line in lines))
        for wnid in wnids:
            archive.writestr(f"tiny-imagenet-200/train/{wnid}/{wnid}_boxes.txt", "boxes")
            archive.writestr(f"tiny-imagenet-200/train/{wnid}/images/", "")
            archive.writestr(f"tiny-imagenet-200/train/{wnid}/images/{wnid}_0.JPEG", wnid)
        for row in range(70):
            archive.writestr(f"tiny-imagenet-200/val/images/val_{row}.JPEG", str(row))
        archive.writestr("tiny-imagenet-200/test/images/test_0.JPEG", "no label")
    RECIPES["tiny_imagenet"].make(tmp_path, tmp_path / "made.zip")
    with zipfile.ZipFile(tmp_path / "made.zip") as made:
        files = {name.partition("/")[2]: made.read(name).decode() for name in made.namelist()}
    assert {name.partition("/")[0] for name in made.namelist()} == {"tiny-imagenet-60"}
    assert files.pop("wnids.txt").split() == wnids[:60]
    assert files.pop("words.txt").splitlines() == [f"{wnid}\tword of {wnid}" for wnid in wnids[:60]]
    labels = [line.split("\t")[:2] for line in files.pop("val/val_annotations.txt").splitlines()]
    assert labels == [[f"val_{row}.JPEG", wnids[69 - row]] for row in range(10, 70)]
    assert files == {
        **{f"train/{wnid}/images/{wnid}_0.JPEG": wnid for wnid in wnids[:60]},
        **{f"val/images/val_{row}.JPEG": str(row) for row in range(10, 70)},
    }


def test_the_real_classes_of_tiny_imagenet_among_others_are_found(real_data: RealData, tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(real_data("tiny_imagenet_60.zip")) as ours,
        zipfile.ZipFile(tmp_path / "tiny-imagenet-200.zip", "w") as original,
    ):
        more = {"wnids.txt": "n99999999\n", "words.txt": "n99999999\tword\n"}
        more["val/val_annotations.txt"] = "val_10000.JPEG\tn99999999\t0\t0\t9\t9\n"
        for name in ours.namelist():
            inner = name.partition("/")[2]
            text = ours.read(name)
            original.writestr(f"tiny-imagenet-200/{inner}", more.get(inner, "").encode() + text)
        original.writestr("tiny-imagenet-200/train/n99999999/images/n99999999_0.JPEG", "image")
        original.writestr("tiny-imagenet-200/val/images/val_10000.JPEG", "image")
    RECIPES["tiny_imagenet"].make(tmp_path, tmp_path / "made.zip")
    assert fault(ENTRIES["tiny_imagenet_60.zip"], tmp_path / "made.zip") == ""


def test_the_test_sets_are_fetched_where_lnkit_fetches_them() -> None:
    address = ENTRIES["superres"].original.url
    urls = [f"{address}/{name}" for name in RECIPES["superres"].names]
    assert urls[:19] == [file.url for spec in (lnkit_superres.SET5, lnkit_superres.SET14) for file in spec.files]
    assert urls[19:] == [f"{address}/{image_name('BSD100', number)}" for number in range(1, 101)]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """An empty folder of the user's, and the empty folder of test data in the cache; retries do not wait."""
    (tmp_path / "own").mkdir()
    monkeypatch.setenv("LNKIT_TEST_DATA", str(tmp_path / "own"))
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(transfer, "FIRST_PAUSE", 0.001)
    monkeypatch.setitem(RECIPES, "copy", Recipe(lambda old, new: shutil.copyfile(old / "data.bin", new)))  # type: ignore[arg-type, return-value]
    return tmp_path / "own", tmp_path / "cache" / "test-data"


def entry_of(url: str, *, original: str = SHA256, made: str = SHA256) -> Entry:
    source = Original(url, len(CONTENT), original)
    return Entry("some/data.bin", "noise", len(CONTENT), made, "none", source, made_by="tools:copy")


def test_what_is_missing_is_fetched_into_the_cache(folders: tuple[Path, Path]) -> None:
    with serving(Behavior(CONTENT)) as server:
        for _ in range(2):
            assert check(entry_of(server.url), SilentProgress()) == (True, f"intact, {folders[1] / 'some/data.bin'}")
        assert len(server.asked) == 1
    assert (folders[1] / "some" / "data.bin").read_bytes() == CONTENT
    assert not list(folders[0].iterdir())
    assert not list((folders[1].parent / "downloads").rglob("data.bin*"))


def test_a_broken_download_goes_on_where_it_ended(folders: tuple[Path, Path]) -> None:
    with serving(Behavior(CONTENT, drops=[120_000] + [0] * transfer.ATTEMPTS)) as server:
        intact, sentence = check(entry_of(server.url), SilentProgress())
        assert not intact
        assert "120 kB are kept, and the same command resumes from there" in sentence
        server.drops.clear()
        server.asked.clear()
        assert check(entry_of(server.url), SilentProgress())[0]
        assert server.asked == ["bytes=120000-"]


@pytest.mark.parametrize("of", ["original", "made"])
def test_another_checksum_leaves_nothing(of: str, folders: tuple[Path, Path]) -> None:
    with serving(Behavior(CONTENT)) as server:
        intact, sentence = check(entry_of(server.url, **{of: "ab" * 32}), SilentProgress())
    assert not intact
    assert SHA256 in sentence
    assert "ab" * 32 in sentence
    assert "removed" in sentence
    assert not [path for path in folders[1].parent.rglob("*") if path.suffix != ".lock" and path.is_file()]


def test_an_original_of_another_kind_is_a_sentence(folders: tuple[Path, Path]) -> None:
    with serving(Behavior(CONTENT), "tiny-imagenet-200.zip") as server:
        entry = Entry("t.zip", "", 1, "", "", Original(server.url, len(CONTENT)), made_by="tools:tiny_imagenet")
        intact, sentence = check(entry, SilentProgress())
    assert not intact
    assert "BadZipFile: File is not a zip file" in sentence


def test_a_file_that_is_gone(folders: tuple[Path, Path]) -> None:
    with serving(Behavior(CONTENT, status=404)) as server:
        intact, sentence = check(entry_of(server.url), SilentProgress())
    assert not intact
    assert "answered 404 Not Found. Set LNKIT_TEST_DATA to a folder that has some/data.bin" in sentence


def test_without_a_network(folders: tuple[Path, Path]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    intact, sentence = check(entry_of(f"http://127.0.0.1:{port}/data.bin"), SilentProgress())
    assert not intact
    assert "could not be fetched (Connection refused). Set LNKIT_TEST_DATA" in sentence


def test_damage_is_repaired_in_the_cache_and_reported_in_the_users_folder(folders: tuple[Path, Path]) -> None:
    with serving(Behavior(CONTENT)) as server:
        for folder, repaired in ((folders[1], True), (folders[0], False)):
            path = folder / "some" / "data.bin"
            path.parent.mkdir(parents=True)
            path.write_bytes(b"damaged")
            intact, sentence = check(entry_of(server.url), SilentProgress())
            assert intact is repaired, sentence
            assert (path.read_bytes() == CONTENT) is repaired
        assert "got 7 bytes" in sentence


class _Triplet(BaseHTTPRequestHandler):
    """Serves the three images of PerceptualSimilarity: their names."""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(name)))
        self.end_headers()
        self.wfile.write(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


@pytest.fixture
def triplet_server() -> Iterator[str]:
    with running(_Triplet) as address:
        yield address


def test_an_entry_of_several_files(folders: tuple[Path, Path], triplet_server: str, tmp_path: Path) -> None:
    expected = tmp_path / "expected"
    expected.mkdir()
    for name in ("ref", "p0", "p1"):
        (expected / f"{name}.png").write_text(f"ex_{name}.png")
    size, sha256 = content(expected)
    entry = Entry("triplet", "", size, sha256, "", Original(f"{triplet_server}/imgs"), made_by="tools:lpips_example")
    for _ in ("missing", "damaged"):
        assert check(entry, SilentProgress()) == (True, f"intact, {folders[1] / 'triplet'}")
        assert content(folders[1] / "triplet") == (size, sha256)
        (folders[1] / "triplet" / "ref.png").unlink()


def command(*paths: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "real_data.py", *paths],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_exit_codes_of_the_command(tmp_path: Path) -> None:
    code, out, _ = command("cracks", LNKIT_TEST_DATA=str(tmp_path))
    assert code == 1
    assert "cracks: missing. It cannot be fetched: How the masks were made of its ground truth" in out
    assert "0 of 1 are there and intact. Tests that need the others are skipped." in out
    code, _, err = command("crack")
    assert code == 2
    assert "Did you mean 'cracks'?" in err
    code, _, err = command("cracks", LNKIT_TEST_DATA=str(tmp_path / "nowhere"))
    assert code == 2
    assert "Expected a folder in LNKIT_TEST_DATA, got" in err


def test_the_command_finds_intact_data(real_data: RealData, tmp_path: Path) -> None:
    shutil.copytree(real_data("lpips_example"), tmp_path / "lpips_example")
    code, out, _ = command("lpips_example", LNKIT_TEST_DATA=str(tmp_path))
    assert (code, out.splitlines()[-1]) == (0, "1 of 1 are there and intact.")


@pytest.mark.parametrize(("required", "outcome"), [("", "1 skipped"), ("0", "1 skipped"), ("1", "1 failed")])
def test_missing_data_skip_a_test_or_fail_it(required: str, outcome: str, tmp_path: Path) -> None:
    done = run_a_test_that_needs_data(tmp_path, required)
    assert outcome in done.stdout, done.stdout + done.stderr
    assert "needs lpips_example. Run `make test-data`, or set LNKIT_TEST_DATA to a folder that has it." in done.stdout


def test_tests_find_what_was_fetched_into_the_users_cache(tmp_path: Path) -> None:
    """Although they have a cache of their own."""
    (tmp_path / "cache" / "test-data" / "lpips_example").mkdir(parents=True)
    done = run_a_test_that_needs_data(tmp_path, "1")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def run_a_test_that_needs_data(tmp_path: Path, required: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_it.py").write_text("def test_it(real_data):\n    real_data('lpips_example')\n")
    plugins = ["-p", "conftest", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rsf", "-c", os.devnull, *plugins, "test_it.py"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(ROOT / "tools"), *sys.path]),
            "LNKIT_TEST_DATA": str(tmp_path),
            "LNKIT_CACHE": str(tmp_path / "cache"),
            "LNKIT_REQUIRE_REAL": required,
        },
        capture_output=True,
        text=True,
        check=False,
    )
