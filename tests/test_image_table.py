"""Packed arrays: right, quick to open, made again when they must be, never half-made."""

from __future__ import annotations

import errno
import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image

from lnkit.data.pack import columns, image_table
from lnkit.data.pack.columns import PackedTable
from lnkit.data.pack.image_table import ImageTable, open_images
from lnkit.errors import DataError
from lnkit.progress import Advance, SilentProgress

ROWS = 12


class Heard(SilentProgress):
    """Remembers what was said and counted."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.steps = 0
        self.total: int | None = None

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        def advance(steps: int) -> None:
            self.steps += steps

        self.total = total
        yield advance

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def read_number(data: bytes, path: Path) -> float:
    return float(data)


def make_images(folder: Path, rows: int = ROWS, side: int = 16) -> None:
    rng = np.random.default_rng(0)
    for column in ("a", "b", "n"):
        (folder / column).mkdir(parents=True)
    for row in range(rows):
        for column in ("a", "b"):
            pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / column / f"{row:03d}.png")
        (folder / "n" / f"{row:03d}.txt").write_text(str(row / rows))


def table_of(folder: Path) -> ImageTable:
    names = {c: tuple(sorted(f"{c}/{p.name}" for p in (folder / c).iterdir())) for c in ("a", "b", "n")}
    return ImageTable("test images", folder, {"a": names["a"], "b": names["b"]}, {"n": names["n"]}, read_number)


def opened(source: Path, packed: Path, progress: SilentProgress | None = None, size: int = 16) -> PackedTable:
    return open_images(
        table_of(source), packed, size=size, resize_filter="bilinear", progress=progress or SilentProgress()
    )


def direct(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    make_images(tmp_path / "source")
    return tmp_path / "source"


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "packed"


def test_holds_what_pillow_reads(source: Path, packed: Path) -> None:
    table = opened(source, packed)
    for column in ("a", "b"):
        assert isinstance(table.arrays[column], np.memmap)
        assert not table.arrays[column].flags.writeable
        expected = np.stack([direct(path) for path in sorted((source / column).iterdir())])
        np.testing.assert_array_equal(table.arrays[column], expected)
    np.testing.assert_allclose(table.arrays["n"], np.arange(ROWS) / ROWS, atol=1e-7)
    assert table.arrays["n"].dtype == np.float32
    assert sorted(p.name for p in packed.iterdir()) == ["a.npy", "b.npy", "manifest.json", "n.npy"]


def test_order_survives_blocks_and_threads(tmp_path: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_images(tmp_path / "many", rows=97, side=4)
    monkeypatch.setattr(columns, "MOST_ROWS", 2)
    table = opened(tmp_path / "many", packed, size=4)
    expected = np.stack([direct(path) for path in sorted((tmp_path / "many" / "b").iterdir())])
    np.testing.assert_array_equal(table.arrays["b"], expected)


def test_reading_stays_close_to_the_writing() -> None:
    """A disk slower than the decoding must not fill the memory with blocks that wait."""
    begun: list[str] = []

    def read(names: Sequence[str]) -> columns._Block:
        begun.extend(names)
        return columns._Block(np.zeros(1), [])

    with ThreadPoolExecutor(2) as pool:
        blocks = columns._in_order(pool, read, [[str(number)] for number in range(1000)])
        next(blocks)
        assert len(begun) <= 2 * columns.MOST_THREADS + 1
        assert len(list(blocks)) == 999


def test_progress_counts_the_files(source: Path, packed: Path) -> None:
    progress = Heard()
    opened(source, packed, progress)
    assert progress.steps == progress.total == 3 * ROWS
    assert progress.said == []


def test_the_second_time_nothing_is_decoded(source: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(source, packed)
    monkeypatch.setattr(image_table, "decode", None)
    again = opened(source, packed)
    assert again.sha256 == first.sha256
    np.testing.assert_array_equal(again.arrays["a"], first.arrays["a"])


def test_the_fingerprint_is_what_sha256sum_says(source: Path, packed: Path) -> None:
    names = sorted(p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file())
    listing = subprocess.run(["sha256sum", *names], cwd=source, capture_output=True, check=True).stdout
    assert opened(source, packed).sha256 == hashlib.sha256(listing).hexdigest()


def test_the_fingerprint_knows_no_path_and_no_time(source: Path, packed: Path, tmp_path: Path) -> None:
    first = opened(source, packed)
    shutil.copytree(source, tmp_path / "elsewhere", copy_function=shutil.copy)
    assert opened(tmp_path / "elsewhere", tmp_path / "other").sha256 == first.sha256


def test_other_sizes_are_resized_as_pillow_does(source: Path, packed: Path) -> None:
    table = opened(source, packed, size=6)
    expected = Image.open(source / "a" / "003.png").resize((6, 6), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(table.arrays["a"][3], np.asarray(expected))
    assert table.resized == 2 * ROWS


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "LA"])
def test_other_kinds_of_images_become_rgb(source: Path, packed: Path, mode: str) -> None:
    path = source / "a" / "003.png"
    Image.open(path).convert(mode).save(path)
    table = opened(source, packed)
    np.testing.assert_array_equal(table.arrays["a"][3], direct(path))
    assert table.converted == {mode: 1}
    assert opened(source, packed).converted == {mode: 1}


def test_transparency_is_dropped_and_not_blended(source: Path, packed: Path) -> None:
    pixels = np.full((16, 16, 4), (200, 100, 50, 0), np.uint8)
    Image.fromarray(pixels).save(source / "a" / "003.png")
    np.testing.assert_array_equal(opened(source, packed).arrays["a"][3], pixels[..., :3])


def change_a_file(source: Path) -> None:
    Image.new("RGB", (16, 16), (1, 2, 3)).save(source / "a" / "003.png")


def remove_a_row(source: Path) -> None:
    for path in source.glob("*/011.*"):
        path.unlink()


def replace_keeping_size(source: Path) -> None:
    path = source / "n" / "001.txt"
    path.write_text(path.read_text()[::-1])


@pytest.mark.parametrize("change", [change_a_file, remove_a_row, replace_keeping_size])
def test_a_changed_source_is_packed_again(source: Path, packed: Path, change: object) -> None:
    before, progress = opened(source, packed), Heard()
    sha256 = before.sha256
    change(source)  # type: ignore[operator]
    after = opened(source, packed, progress)
    assert after.sha256 != sha256
    assert progress.said == ["Packing test images again: the source files have changed."]
    rows = sorted((source / "a").iterdir())
    np.testing.assert_array_equal(after.arrays["a"], np.stack([direct(path) for path in rows]))
    assert [p.name for p in packed.parent.iterdir() if p.is_dir()] == ["packed"]


def flip_a_bit(packed: Path) -> str:
    with (packed / "b.npy").open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)
        file.seek(5000)
        file.write(bytes([byte[0] ^ 1]))
    return "b.npy is damaged"


def cut_short(packed: Path) -> str:
    os.truncate(packed / "a.npy", 4000)
    return "a.npy is damaged"


def lose_an_array(packed: Path) -> str:
    (packed / "n.npy").unlink()
    return "n.npy is damaged"


def break_the_manifest(packed: Path) -> str:
    (packed / "manifest.json").write_text('{"format": 1, ')
    return "its manifest is missing or damaged"


def empty_the_manifest(packed: Path) -> str:
    manifest = json.loads((packed / "manifest.json").read_text())
    del manifest["crc32"]
    (packed / "manifest.json").write_text(json.dumps(manifest))
    return "manifest.json is damaged"


def lose_a_field(packed: Path) -> str:
    manifest = json.loads((packed / "manifest.json").read_text())
    del manifest["converted"]
    (packed / "manifest.json").write_text(json.dumps(manifest))
    return "manifest.json is damaged"


def lose_a_checksum(packed: Path) -> str:
    manifest = json.loads((packed / "manifest.json").read_text())
    manifest["crc32"].pop("b")
    (packed / "manifest.json").write_text(json.dumps(manifest))
    return "manifest.json is damaged"


def age(packed: Path) -> str:
    manifest = json.loads((packed / "manifest.json").read_text())
    (packed / "manifest.json").write_text(json.dumps(manifest | {"format": 0}))
    return "it was packed by another version of lnkit"


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        cut_short,
        lose_an_array,
        break_the_manifest,
        empty_the_manifest,
        lose_a_field,
        lose_a_checksum,
        age,
    ],
)
def test_a_damaged_pack_is_named_and_made_again(source: Path, packed: Path, damage: object) -> None:
    expected = {name: np.array(values) for name, values in opened(source, packed).arrays.items()}
    progress = Heard()
    reason = damage(packed)  # type: ignore[operator]
    again = opened(source, packed, progress)
    assert progress.said == [f"Packing test images again: {reason}."]
    for name, values in expected.items():
        np.testing.assert_array_equal(again.arrays[name], values)
    opened(source, packed, progress)
    assert len(progress.said) == 1


def test_another_pillow_resizes_again(source: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(source, packed)
    opened(source, packed.with_name("small"), size=8)
    monkeypatch.setattr(PIL, "__version__", "0.0")
    same, small = Heard(), Heard()
    opened(source, packed, same)
    opened(source, packed.with_name("small"), small, size=8)
    assert same.said == []
    assert "it was made with Pillow" in small.said[0]


def cut_a_png(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def flip_in_a_png(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty_a_png(path: Path) -> None:
    path.write_bytes(b"")


def not_square(path: Path) -> None:
    Image.new("RGB", (16, 8)).save(path)


def sixteen_bits(path: Path) -> None:
    Image.fromarray(np.zeros((16, 16), np.uint16)).save(path)


@pytest.mark.parametrize("spoil", [cut_a_png, flip_in_a_png, empty_a_png, not_square, sixteen_bits])
def test_a_broken_image_is_named_and_nothing_is_left(source: Path, packed: Path, spoil: object) -> None:
    path = source / "b" / "007.png"
    spoil(path)  # type: ignore[operator]
    with pytest.raises(DataError) as error:
        opened(source, packed)
    assert str(path) in str(error.value)
    assert [p for p in packed.parent.iterdir() if p.suffix != ".lock"] == []


def test_a_broken_image_leaves_the_older_pack_in_place(source: Path, packed: Path) -> None:
    opened(source, packed)
    cut_a_png(source / "b" / "007.png")
    with pytest.raises(DataError):
        opened(source, packed)
    assert (packed / "manifest.json").is_file()
    assert not list(packed.parent.glob("*.part"))


def test_interrupted_nothing_is_left(source: Path, packed: Path) -> None:
    class Impatient(SilentProgress):
        @contextmanager
        def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
            def advance(steps: int) -> None:
                raise KeyboardInterrupt

            yield advance

    with pytest.raises(KeyboardInterrupt):
        opened(source, packed, Impatient())
    assert [p for p in packed.parent.iterdir() if p.suffix != ".lock"] == []
    assert len(opened(source, packed).arrays["a"]) == ROWS


SLOWLY = """
import signal, sys, time
from contextlib import contextmanager
from pathlib import Path
from lnkit.progress import SilentProgress
from test_image_table import opened

class Slow(SilentProgress):
    @contextmanager
    def task(self, title, total=None, *, unit=""):
        print("begun", flush=True)
        yield lambda steps, note="": time.sleep(30)

signal.signal(signal.SIGINT, signal.default_int_handler)
opened(Path(sys.argv[1]), Path(sys.argv[2]), Slow())
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_real_signal_in_the_middle(source: Path, packed: Path, sent: signal.Signals) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    arguments = [sys.executable, "-c", SLOWLY, str(source), str(packed)]
    with subprocess.Popen(arguments, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(sent)
        assert process.wait(20) != 0
    assert not packed.exists()
    if sent == signal.SIGINT:
        assert not list(packed.parent.glob("*.part"))
    assert len(opened(source, packed).arrays["a"]) == ROWS
    assert [p.name for p in packed.parent.iterdir() if p.is_dir()] == ["packed"]


def test_what_a_killed_process_left_is_cleared(source: Path, packed: Path) -> None:
    leftover = packed.with_name(".packed.part")
    leftover.mkdir(parents=True)
    (leftover / "a.npy").write_bytes(b"half")
    assert len(opened(source, packed).arrays["a"]) == ROWS
    assert not leftover.exists()


def test_a_disk_that_is_too_small_is_noticed_before(
    source: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(source)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=5000))
    with pytest.raises(DataError, match=r"Packing test images needs 18\.5 kB .* 5\.0 kB are free.*LNKIT_CACHE"):
        opened(source, packed)
    assert not packed.exists()


def test_a_disk_that_fills_up_meanwhile(source: Path, packed: Path) -> None:
    """A real limit on file size stands in for a full disk: the system refuses the bytes in the same way."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(DataError, match=r"The disk is full: packing test images needs 18\.5 kB"):
            opened(source, packed)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [p for p in packed.parent.iterdir() if p.suffix != ".lock"] == []


@pytest.mark.parametrize(("number", "sentence"), [(errno.ENOSPC, "The disk is full"), (errno.EROFS, "Cannot write in")])
def test_errors_of_the_disk_are_sentences(
    source: Path, packed: Path, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(columns, "build", fail)
    with pytest.raises(DataError, match=sentence):
        opened(source, packed)


def test_a_file_in_the_way_of_the_cache_is_said(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match=r"Cannot write in .*LNKIT_CACHE"):
        opened(source, tmp_path / "file" / "packed")


def _open_in_a_process(source: Path, packed: Path, results: multiprocessing.Queue[str]) -> None:
    table = opened(source, packed)
    results.put(hashlib.sha256(np.ascontiguousarray(table.arrays["a"]).tobytes()).hexdigest())


def test_processes_at_once_make_it_once(tmp_path: Path, packed: Path) -> None:
    make_images(tmp_path / "source", rows=200)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [
        context.Process(target=_open_in_a_process, args=(tmp_path / "source", packed, results)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    expected = np.stack([direct(path) for path in sorted((tmp_path / "source" / "a").iterdir())])
    assert set(found) == {hashlib.sha256(expected.tobytes()).hexdigest()}
    assert [p.name for p in packed.parent.iterdir() if p.is_dir()] == ["packed"]


MEMORY_OF = """
import resource, sys
from pathlib import Path
from test_image_table import opened, make_images
table = opened(Path(sys.argv[1]), Path(sys.argv[2]), size=224)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    """Ten times the rows, 80 MB more of arrays, and hardly more memory."""
    used = []
    for rows in (30, 300):
        make_images(tmp_path / f"source{rows}", rows=rows, side=8)
        arguments = [sys.executable, "-c", MEMORY_OF, str(tmp_path / f"source{rows}"), str(tmp_path / f"packed{rows}")]
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        used.append(int(subprocess.run(arguments, env=env, capture_output=True, check=True, text=True).stdout))
    assert used[1] - used[0] < 25_000  # kB
