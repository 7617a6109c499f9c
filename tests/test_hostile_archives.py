"""Archives made to fill the disk, to hang, to hide files or to leave litter behind."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from test_unpack import FILES, contents, make_tar, make_zip

from lnkit.data.cache import dataset_dir
from lnkit.data.fetch import unpack as unpacking
from lnkit.data.fetch.datasets import ensure_dataset, import_dataset
from lnkit.data.fetch.unpack import is_archive, unpack
from lnkit.errors import DataError
from lnkit.progress import SilentProgress
from lnkit.specs import DatasetSpec, RemoteFile

SPEC = DatasetSpec(
    "things", "Some things", (RemoteFile("http://127.0.0.1:9/things.zip", size=1000),), license="CC0-1.0"
)


def refuse(archive: Path, says: str) -> None:
    with pytest.raises(DataError, match=says):
        unpack(archive, archive.with_name("out"), SilentProgress())


def repeated(path: Path, kind: str, names: tuple[str, ...]) -> Path:
    """Write an archive with one byte in each member, names as they are, also if they are equal."""
    if kind == "tar":
        with tarfile.open(path, "w") as tar:
            for number, name in enumerate(names):
                info = tarfile.TarInfo(name)
                info.size = 1
                tar.addfile(info, io.BytesIO(b"%d" % number))
        return path
    with zipfile.ZipFile(path, "w") as bundle:
        for number, name in enumerate(names):
            with pytest.warns(UserWarning, match="Duplicate") if name in names[:number] else nullcontext():
                bundle.writestr(name, b"%d" % number)
    return path


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("second", ["a/b.png", "a//b.png", "./a/b.png"])
def test_a_name_that_is_there_twice(tmp_path: Path, kind: str, second: str) -> None:
    archive = repeated(tmp_path / "x", kind, ("a/b.png", second))
    refuse(archive, r"member '.*a/+b\.png' is in it, or in another archive of the data, a second time")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_deep_folders_leave_nothing_that_blocks(tmp_path: Path, kind: str) -> None:
    """Removing 1,800 folders in each other ends in a RecursionError."""
    name = "/".join(["d"] * 1800) + "/file"
    archive = (
        make_tar(tmp_path / "deep", {name: b"1"}, "w") if kind == "tar" else make_zip(tmp_path / "deep", {name: b"1"})
    )
    good = make_zip(tmp_path / "good.zip", FILES)
    with pytest.raises(DataError, match=r"more than 32 folders deep"):
        import_dataset(SPEC, [archive], tmp_path / "cache", SilentProgress())
    left = [path for path in dataset_dir("things", tmp_path / "cache").parent.iterdir() if path.suffix != ".lock"]
    assert left == []
    folder = import_dataset(SPEC, [good], tmp_path / "cache", SilentProgress())
    assert contents(folder).items() >= FILES.items()


@pytest.mark.parametrize("name", ["", ".", "./"])
def test_an_empty_name(tmp_path: Path, name: str) -> None:
    refuse(repeated(tmp_path / "x", "tar", (name,)), "has a name that cannot be printed|Expected a tar")


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("name", ["n" * 300, "d" * 300 + "/file"])
def test_a_long_name(tmp_path: Path, kind: str, name: str) -> None:
    refuse(repeated(tmp_path / "x", kind, (name,)), r"name that this file system does not take")


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "a\udc80b", "a\u202eb"])
def test_a_name_that_cannot_be_printed(tmp_path: Path, name: str) -> None:
    refuse(repeated(tmp_path / "x", "tar", (name,)), "has a name that cannot be printed")


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("kept", [1, 3, 8, 11, 20])
def test_an_archive_that_is_cut_within_its_first_bytes(tmp_path: Path, mode: str, kept: int) -> None:
    """An EOFError from here would look as if the user had interrupted the command."""
    whole = make_tar(tmp_path / "x", FILES, f"w:{mode}").read_bytes()
    (tmp_path / "x").write_bytes(whole[:kept])
    assert not is_archive(tmp_path / "x")
    refuse(tmp_path / "x", "Expected a tar or zip archive, got .* may be damaged")
    with pytest.raises(DataError, match="may be damaged"):
        import_dataset(SPEC, [tmp_path / "x"], tmp_path / "cache", SilentProgress())


def header(name: str, kind: bytes, size: bytes) -> bytes:
    """Return a tar header with any 12 bytes as its size, and the right checksum."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (b"\x80" + (2**60).to_bytes(11, "big"), "too much for an archive of images"),
        (b"\xff" * 11 + b"\x00", "damaged or truncated|Expected a tar"),  # -256
    ],
)
def test_a_size_that_no_file_has(tmp_path: Path, size: bytes, says: str) -> None:
    first = header("first", tarfile.REGTYPE, b"00000000000\0")
    (tmp_path / "x").write_bytes(first + header("big", tarfile.REGTYPE, size) + bytes(1024))
    refuse(tmp_path / "x", says)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_metadata_that_fill_the_memory(tmp_path: Path, kind: bytes) -> None:
    """The tarfile module reads a long name or an extended header as a whole: here 64 GiB of zeros."""
    first = header("first", tarfile.REGTYPE, b"00000000000\0")
    bomb = header("bomb", kind, b"\x80" + (2**36).to_bytes(11, "big"))
    (tmp_path / "x").write_bytes(gzip.compress(first + bomb + bytes(2**20)))
    refuse(tmp_path / "x", r"damaged or truncated \(a header states 68719476736 bytes\)")


def test_a_sparse_file(tmp_path: Path) -> None:
    block = bytearray(header("sparse", tarfile.GNUTYPE_SPARSE, b"00000000000\0"))
    block[483:495] = b"00020000000\0"  # its size, 4 MiB, of which nothing is stored
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    (tmp_path / "x").write_bytes(bytes(block) + bytes(1024))
    refuse(tmp_path / "x", "'sparse' is a sparse file")


def test_a_negative_size_in_an_extended_header(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x", "w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("x")
        info.pax_headers = {"size": "-512"}
        tar.addfile(info)
    refuse(tmp_path / "x", "sparse|damaged")


def test_a_name_with_nul_in_an_extended_header(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x", "w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("x")
        info.pax_headers = {"path": "a\0b"}
        tar.addfile(info)
    refuse(tmp_path / "x", "leads out of the folder")


def test_many_empty_files_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS_ALLOWED", 1000)
    archive = tmp_path / "x"
    archive.write_bytes(gzip.compress(make_tar(archive, {f"{n:04}": b"" for n in range(2000)}, "w").read_bytes(), 9))
    refuse(archive, "too much for an archive of images")


def test_a_zip_whose_sizes_are_wrong(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "x.zip", {"a": b"0123456789" * 100})
    data = bytearray(archive.read_bytes())
    central = data.rindex(b"PK\1\2")
    for size in (999, 1001):
        data[central + 24 : central + 28] = struct.pack("<I", size)
        archive.write_bytes(data)
        refuse(archive, "damaged or truncated")
        for file in (tmp_path / "out").iterdir():
            file.unlink()


@pytest.mark.parametrize(("offset", "value", "says"), [(8, 1, "is encrypted"), (10, 77, "damaged or truncated")])
def test_a_zip_that_cannot_be_read(tmp_path: Path, offset: int, value: int, says: str) -> None:
    """Encrypted, or compressed in a way that nobody knows."""
    archive = make_zip(tmp_path / "x.zip", {"a": b"0123456789"})
    data = bytearray(archive.read_bytes())
    central = data.rindex(b"PK\1\2")
    data[central + offset] = value
    archive.write_bytes(data)
    refuse(archive, says)


def test_overlapping_members_of_a_zip(tmp_path: Path) -> None:
    """Many entries that share one compressed content."""
    archive = make_zip(tmp_path / "x.zip", {"a": b"0" * 1000, "b": b"0" * 1000})
    data = bytearray(archive.read_bytes())
    second = data.rindex(b"PK\1\2")
    data[second + 42 : second + 46] = bytes(4)  # its content begins where the first one's does
    archive.write_bytes(data)
    refuse(archive, "damaged or truncated")


def test_two_archives_with_one_file(tmp_path: Path) -> None:
    one, two = (make_zip(tmp_path / f"{name}.zip", {"same": name.encode()}) for name in ("one", "two"))
    urls = (RemoteFile(one.as_uri(), size=100), RemoteFile(two.as_uri(), size=100))
    spec = DatasetSpec("things", "Some things", urls, license="CC0-1.0")
    with pytest.raises(DataError, match=r"two\.zip was not unpacked: its member 'same' is in it, or in another"):
        ensure_dataset(spec, tmp_path / "cache", SilentProgress())
