"""Archives that are honest, damaged, or made to do harm."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lnkit.data.fetch import unpack as unpacking
from lnkit.data.fetch.unpack import unpack
from lnkit.errors import DataError
from lnkit.progress import SilentProgress

NOISE = random.Random(1).randbytes(200_000)
FILES = {"2afc/val/cnn/ref/000000.png": NOISE, "2afc/val/cnn/judge/000000.npy": b"judge", "readme.txt": b""}


def make_tar(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in members.items():
            bundle.writestr(name, data)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar(tmp_path: Path, mode: str) -> None:
    unpack(make_tar(tmp_path / "a", FILES, mode), tmp_path / "out", SilentProgress())
    assert contents(tmp_path / "out") == FILES


def test_zip(tmp_path: Path) -> None:
    unpack(make_zip(tmp_path / "a", FILES), tmp_path / "out", SilentProgress())
    assert contents(tmp_path / "out") == FILES


def test_folders_in_an_archive_are_fine(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(Path(__file__).parent, "plugins", filter=lambda info: info if info.isdir() else None)
        tar.add(__file__, "plugins/one.py")
    unpack(tmp_path / "a.tar", tmp_path / "out", SilentProgress())
    assert set(contents(tmp_path / "out")) == {"plugins/one.py"}


@pytest.mark.parametrize("make", [make_tar, make_zip])
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "..\\evil", "C:/evil"])
def test_paths_that_lead_out(tmp_path: Path, make: Callable[..., Path], name: str) -> None:
    archive = make(tmp_path / "a", {"good": b"1", name: b"2"})
    with pytest.raises(DataError, match="leads out of the folder"):
        unpack(archive, tmp_path / "out", SilentProgress())
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(DataError, match="'link' is a link or a device"):
        unpack(tmp_path / "a.tar", tmp_path / "out", SilentProgress())


def test_links_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as bundle:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        bundle.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="'link' is a link or a device"):
        unpack(tmp_path / "a.zip", tmp_path / "out", SilentProgress())


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_bombs(tmp_path: Path, make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS_ALLOWED", 1000)
    archive = make(tmp_path / "a", {"bomb": bytes(5_000_000)})
    with pytest.raises(DataError, match="too much for an archive of images"):
        unpack(archive, tmp_path / "out", SilentProgress())
    assert contents(tmp_path) == {"a": archive.read_bytes()}


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_a_bomb_of_many_files(tmp_path: Path, make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS_ALLOWED", 1000)
    members = {f"{number}": bytes(15_000) for number in range(100)}
    archive = make(tmp_path / "a", members)
    assert 15_000 < unpacking.MOST_EXPANSION * archive.stat().st_size < 1_500_000, "each is allowed, and all are not"
    with pytest.raises(DataError, match="too much for an archive of images"):
        unpack(archive, tmp_path / "out", SilentProgress())


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_a_name_that_is_a_file_and_a_folder(tmp_path: Path, make: Callable[..., Path]) -> None:
    archive = make(tmp_path / "a", {"a": b"1", "a/b": b"2"})
    with pytest.raises(DataError, match="both a file and a folder"):
        unpack(archive, tmp_path / "out", SilentProgress())


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("kept", [0.3, 0.95])
def test_tars_that_are_cut_short(tmp_path: Path, mode: str, kept: float) -> None:
    whole = make_tar(tmp_path / "a", {"one": NOISE, "two": NOISE}, mode).read_bytes()
    (tmp_path / "a").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DataError, match=r"damaged.* fetch it again"):
        unpack(tmp_path / "a", tmp_path / "out", SilentProgress())


def test_a_zip_that_is_cut_short(tmp_path: Path) -> None:
    whole = make_zip(tmp_path / "a.zip", FILES).read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"Expected a tar or zip archive, got .* may be damaged"):
        unpack(tmp_path / "a.zip", tmp_path / "out", SilentProgress())


def test_a_zip_with_a_flipped_bit(tmp_path: Path) -> None:
    data = bytearray(make_zip(tmp_path / "a.zip", {"noise": NOISE}).read_bytes())
    data[100_000] ^= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DataError, match="damaged or truncated"):
        unpack(tmp_path / "a.zip", tmp_path / "out", SilentProgress())


def test_a_header_that_is_damaged_in_the_middle(tmp_path: Path) -> None:
    """Tarfile alone takes it for the end of the archive."""
    data = bytearray(make_tar(tmp_path / "a.tar", {"one": NOISE, "two": NOISE}, "w").read_bytes())
    second = 512 + (len(NOISE) + 511) // 512 * 512
    data[second : second + 20] = b"x" * 20
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(DataError, match="damaged or truncated"):
        unpack(tmp_path / "a.tar", tmp_path / "out", SilentProgress())


def test_a_wrong_checksum_at_the_end_of_a_gzip(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(make_tar(tmp_path / "a", {"one": NOISE}, "w").read_bytes()))
    data[-8] ^= 1
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(DataError, match="damaged or truncated"):
        unpack(tmp_path / "a", tmp_path / "out", SilentProgress())


def test_something_else(tmp_path: Path) -> None:
    (tmp_path / "page.tar.gz").write_text("<html>Please log in</html>")
    with pytest.raises(DataError, match="Expected a tar or zip archive"):
        unpack(tmp_path / "page.tar.gz", tmp_path / "out", SilentProgress())


def test_a_disk_that_is_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    archive = make_tar(tmp_path / "a", FILES)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1000))
    with pytest.raises(DataError, match=r"Unpacking a needs 200 kB"):
        unpack(archive, tmp_path / "out", SilentProgress())
