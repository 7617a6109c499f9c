"""Downloads against a real server on this machine that breaks off, lies, changes its file, or is not there."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from file_server import Behavior, serving

from lnkit.data.fetch import transfer
from lnkit.data.fetch.download import fetch
from lnkit.errors import DataError
from lnkit.progress import SilentProgress
from lnkit.specs import RemoteFile

CONTENT = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Heard(SilentProgress):
    """Remembers how far each task came."""

    def __init__(self) -> None:
        self.steps: dict[str, int] = {}

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Callable[[int], None]]:
        self.steps[title] = 0

        def advance(steps: int) -> None:
            self.steps[title] += steps

        yield advance


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "FIRST_PAUSE", 0.001)


def remote(behavior: Behavior, **facts: object) -> RemoteFile:
    return RemoteFile(**{"url": behavior.url, "size": len(CONTENT), **facts})  # type: ignore[arg-type]


def test_fetches_and_leaves_nothing_else_behind(tmp_path: Path) -> None:
    heard = Heard()
    with serving(Behavior(CONTENT)) as server:
        path = fetch(remote(server, sha256=SHA256, exact=True), tmp_path, heard)
    assert path.read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["data.bin"]
    assert heard.steps == {"fetching data.bin": len(CONTENT)}


def test_what_is_there_is_checked_and_not_fetched_again(tmp_path: Path) -> None:
    with serving(Behavior(CONTENT)) as server:
        file = remote(server, sha256=SHA256)
        fetch(file, tmp_path, SilentProgress())
        fetch(file, tmp_path, SilentProgress())
        assert len(server.asked) == 1
        (tmp_path / "data.bin").write_bytes(b"damaged")
        assert fetch(file, tmp_path, SilentProgress()).read_bytes() == CONTENT
        assert len(server.asked) == 2


def test_goes_on_where_the_connection_broke(tmp_path: Path) -> None:
    heard = Heard()
    with serving(Behavior(CONTENT, drops=[100_000, 50_000])) as server:
        path = fetch(remote(server, sha256=SHA256), tmp_path, heard)
        assert server.asked == ["", "bytes=100000-", "bytes=150000-"]
    assert path.read_bytes() == CONTENT
    assert heard.steps["fetching data.bin"] == len(CONTENT)


def test_a_later_command_goes_on_too(tmp_path: Path) -> None:
    with serving(Behavior(CONTENT, drops=[120_000] + [0] * transfer.ATTEMPTS)) as server:
        with pytest.raises(DataError, match=r"120 kB are kept, and the same command resumes from there"):
            fetch(remote(server), tmp_path, SilentProgress())
        server.drops.clear()
        server.asked.clear()
        assert fetch(remote(server), tmp_path, SilentProgress()).read_bytes() == CONTENT
        assert server.asked == ["bytes=120000-"]


def test_a_server_without_ranges_starts_over(tmp_path: Path) -> None:
    heard = Heard()
    with serving(Behavior(CONTENT, ranges=False, drops=[200_000, 10])) as server:
        path = fetch(remote(server), tmp_path, heard)
    assert path.read_bytes() == CONTENT
    assert heard.steps["fetching data.bin"] == len(CONTENT)


def test_a_server_that_names_no_version_starts_over(tmp_path: Path) -> None:
    with serving(Behavior(CONTENT, etag="", drops=[200_000])) as server:
        assert fetch(remote(server), tmp_path, SilentProgress()).read_bytes() == CONTENT
        assert server.asked == ["", ""]


@pytest.mark.parametrize("heeds_versions", [True, False])
def test_two_versions_are_never_glued_together(tmp_path: Path, heeds_versions: bool) -> None:
    behavior = Behavior(CONTENT, drops=[100_000] + [0] * transfer.ATTEMPTS, heeds_versions=heeds_versions)
    with serving(behavior) as server:
        with pytest.raises(DataError):
            fetch(remote(server), tmp_path, SilentProgress())
        server.drops.clear()
        server.content, server.etag = CONTENT[::-1], '"v2"'
        assert fetch(remote(server), tmp_path, SilentProgress()).read_bytes() == CONTENT[::-1]
        assert server.versions[-2:] == (['"v1"', '"v1"'] if heeds_versions else ['"v1"', ""])


def test_all_there_but_not_yet_renamed(tmp_path: Path) -> None:
    with serving(Behavior(CONTENT)) as server:
        (tmp_path / "data.bin.part").write_bytes(CONTENT)
        (tmp_path / "data.bin.part.json").write_text(json.dumps({"url": server.url, "validator": '"v1"'}))
        assert fetch(remote(server, sha256=SHA256), tmp_path, SilentProgress()).read_bytes() == CONTENT
        assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_waits_out_a_busy_server(tmp_path: Path) -> None:
    with serving(Behavior(CONTENT, failures=3)) as server:
        assert fetch(remote(server), tmp_path, SilentProgress()).read_bytes() == CONTENT


def test_gives_up_on_a_server_that_never_delivers(tmp_path: Path) -> None:
    with serving(Behavior(CONTENT, drops=[0] * 20)) as server:
        with pytest.raises(DataError, match=r"ended after 0 bytes of 300 kB"):
            fetch(remote(server), tmp_path, SilentProgress())
        assert len(server.asked) == transfer.ATTEMPTS


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("timed out"),
        OSError(101, "Network is unreachable"),
        ConnectionRefusedError(111, "Connection refused"),
        socket.gaierror(-2, "Name or service not known"),
    ],
)
def test_a_server_that_cannot_be_reached_is_asked_once(
    error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def connect(address: object, timeout: float, *_: object) -> None:
        tried.append(timeout)
        raise error

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(DataError, match=str(error.strerror or error)):
        fetch(RemoteFile("https://example.org/data.bin", size=1), tmp_path, SilentProgress())
    assert tried == [transfer.FIRST_TIMEOUT]


def test_a_slow_first_answer_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "FIRST_TIMEOUT", 0.2)
    with serving(Behavior(CONTENT, pauses=[0.5])) as server:
        assert fetch(remote(server), tmp_path, SilentProgress()).read_bytes() == CONTENT


def test_a_wrong_checksum_removes_the_file(tmp_path: Path) -> None:
    with serving(Behavior(CONTENT)) as server, pytest.raises(DataError) as error:
        fetch(remote(server, sha256="ab" * 32), tmp_path, SilentProgress())
    assert SHA256 in str(error.value)
    assert "ab" * 32 in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_without_a_published_checksum_the_first_one_counts(tmp_path: Path) -> None:
    with serving(Behavior(CONTENT)) as server:
        fetch(remote(server), tmp_path, SilentProgress()).unlink()
        server.content = CONTENT[:-1] + b"x"
        with pytest.raises(
            DataError, match=rf"the first download had {SHA256}; if the file was renewed on the server, delete .*json"
        ):
            fetch(remote(server), tmp_path, SilentProgress())


def test_another_size_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    with (
        serving(Behavior(CONTENT)) as server,
        pytest.raises(DataError, match=r"Expected 299,999 bytes from .*, got 300,000"),
    ):
        fetch(remote(server, size=299_999, exact=True), tmp_path, SilentProgress())
    assert not (tmp_path / "data.bin").exists()


def test_not_found_is_not_tried_again(tmp_path: Path) -> None:
    with serving(Behavior(CONTENT, status=404)) as server, pytest.raises(DataError, match=r"answered 404 Not Found"):
        fetch(remote(server), tmp_path, SilentProgress())
    assert len(server.asked) == 1


def test_an_unreachable_server_names_the_alternatives(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(DataError) as error:
        fetch(RemoteFile(f"http://127.0.0.1:{port}/data.bin", 10), tmp_path, SilentProgress())
    for way in ("lnkit data import", "--data DIR", "--weights FILE", "--sample"):
        assert way in str(error.value)
    assert "Connection refused" in str(error.value)


def test_a_file_address_works(tmp_path: Path) -> None:
    source = tmp_path / "there" / "data.bin"
    source.parent.mkdir()
    source.write_bytes(CONTENT)
    assert fetch(RemoteFile(source.as_uri(), 1), tmp_path / "here", SilentProgress()).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/data.bin",
        "http://host/",
        "http://host/%2e%2e",
        "http://host/../",
        "http://host//",
        "http://host/a%5Cb",
    ],
)
def test_addresses_that_name_no_file(tmp_path: Path, url: str) -> None:
    with pytest.raises(DataError, match="cannot be fetched"):
        fetch(RemoteFile(url, 10), tmp_path, SilentProgress())


def test_a_disk_that_is_too_small_is_noticed_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1000))
    with serving(Behavior(CONTENT)) as server, pytest.raises(DataError, match=r"needs 300 kB in .* 1\.0 kB are free"):
        fetch(remote(server), tmp_path, SilentProgress())


def test_interrupted_by_the_user_it_can_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "BLOCK", 65_536)
    reading = iter([transfer._read, transfer._read, None])

    def interrupted(response: object) -> bytes:
        read = next(reading)
        if read is None:
            raise KeyboardInterrupt
        return read(response)

    with serving(Behavior(CONTENT)) as server:
        with monkeypatch.context() as patch:
            patch.setattr(transfer, "_read", interrupted)
            with pytest.raises(KeyboardInterrupt):
                fetch(remote(server), tmp_path, SilentProgress())
        kept = (tmp_path / "data.bin.part").stat().st_size
        assert fetch(remote(server), tmp_path, SilentProgress()).read_bytes() == CONTENT
        assert kept > 0
        assert server.asked[-1] == f"bytes={kept}-"
