"""Datasets of many single files: several connections, resumed, checked, from listings, never half in the cache."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sites import Site, hosting
from test_datasets import data_in
from test_unpack import make_tar

from lnkit.data.cache import dataset_dir, download_dir
from lnkit.data.fetch import connections, transfer
from lnkit.data.fetch.checksums import compare_inventory
from lnkit.data.fetch.connections import CONNECTIONS, Target, fetch_all
from lnkit.data.fetch.dataset_download import announced_size
from lnkit.data.fetch.datasets import dataset_state, ensure_dataset, import_dataset
from lnkit.data.fetch.download import FirstChecksums
from lnkit.data.fetch.manifest import read_manifest
from lnkit.data.fetch.remote_files import all_files
from lnkit.errors import DataError, PluginError
from lnkit.progress import Advance, SilentProgress
from lnkit.specs import DatasetSpec, RemoteFile

COUNT = 40
SIZE = 2000
RNG = random.Random(0)
FILES = {f"{kind}/{number}.tiff": RNG.randbytes(SIZE) for kind in ("sat", "map") for number in range(COUNT // 2)}


class Heard(SilentProgress):
    """Remembers what was said, each task, and in which threads it was told of steps."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.tasks: dict[str, tuple[int | None, str]] = {}
        self.steps: dict[str, list[int]] = {}
        self.notes: list[str] = []
        self.threads: set[threading.Thread] = set()

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        self.tasks[title] = (total, unit)
        steps = self.steps.setdefault(title, [])

        def advance(count: int, note: str = "", /) -> None:
            steps.append(count)
            self.notes.append(note)
            self.threads.add(threading.current_thread())

        yield advance

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "FIRST_PAUSE", 0.001)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def site() -> Iterator[Site]:
    with hosting(Site(dict(FILES))) as site:
        yield site


def spec_of(site: Site, files: Sequence[str] = tuple(FILES), **facts: object) -> DatasetSpec:
    remote = tuple(RemoteFile(f"{site.url}/{name}", size=SIZE, path=name, **facts) for name in files)  # type: ignore[arg-type]
    return DatasetSpec("roads", "Some roads", remote, license="none stated")


def waiting(cache: Path) -> dict[str, bytes]:
    """What has arrived and waits in the download folder."""
    folder = download_dir("roads", cache) / "files"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def nothing_half(cache: Path) -> bool:
    """Whether there is no dataset, and nothing that would look like one."""
    folder = dataset_dir("roads", cache)
    return [path for path in folder.parent.glob("*") if path.suffix != ".lock"] == []


def test_files_lie_where_they_belong(cache: Path, site: Site) -> None:
    spec, heard = spec_of(site), Heard()
    folder = ensure_dataset(spec, cache, heard)
    assert data_in(folder) == FILES
    assert sorted(site.asked) == sorted(FILES)
    assert ensure_dataset(spec, cache, heard) == folder
    assert len(site.asked) == COUNT
    assert compare_inventory(folder, SilentProgress()).intact
    assert dataset_state(spec, cache).state == "ready"
    assert heard.said == [
        f"Fetching Some roads: 40 files, about 80.0 kB, into {dataset_dir('roads', cache)}. License: none stated."
    ]
    assert [path.name for path in download_dir("roads", cache).iterdir()] == ["checksums.jsonl"]


def test_facts_name_the_folders_and_not_every_file(cache: Path, site: Site) -> None:
    sources = read_manifest(ensure_dataset(spec_of(site), cache, SilentProgress()))["sources"]
    assert [(source["name"], source["source"], source["size"]) for source in sources] == [
        ("20 files", f"{site.url}/sat/", 20 * SIZE),
        ("20 files", f"{site.url}/map/", 20 * SIZE),
    ]


def test_several_connections_work_at_the_same_time(cache: Path, site: Site) -> None:
    site.seconds = 0.1
    begin = time.monotonic()
    ensure_dataset(spec_of(site), cache, SilentProgress())
    assert time.monotonic() - begin < 0.7 * COUNT * site.seconds
    late = 2  # answers that have arrived, and that a busy server still counts
    assert CONNECTIONS // 2 < site.most <= CONNECTIONS + late


def test_one_progress_over_all_files(cache: Path, site: Site) -> None:
    heard = Heard()
    ensure_dataset(spec_of(site), cache, heard)
    fetching = [title for title in heard.tasks if title.startswith("fetching")]
    assert fetching == ["fetching roads"]
    assert heard.tasks["fetching roads"] == (COUNT * SIZE, "bytes")
    assert sum(heard.steps["fetching roads"]) == COUNT * SIZE
    assert "40 of 40 files" in heard.notes
    assert heard.threads == {threading.current_thread()}


@pytest.mark.parametrize(
    ("announced", "unit", "total"), [(SIZE // 3, "bytes", COUNT * (SIZE // 3)), (0, "files", COUNT)]
)
def test_progress_ends_where_it_was_announced(
    tmp_path: Path, site: Site, announced: int, unit: str, total: int
) -> None:
    """Also where sizes are not quite known, or not at all."""
    wanted = [Target(RemoteFile(f"{site.url}/{name}", announced), tmp_path / name) for name in FILES]
    heard = Heard()
    sums = fetch_all("things", wanted, tmp_path, heard)
    assert heard.tasks["fetching things"] == (total, unit)
    assert sum(heard.steps["fetching things"]) == total
    assert sums == [hashlib.sha256(content).hexdigest() for content in FILES.values()]


def test_archives_and_single_files_mix(cache: Path, site: Site, tmp_path: Path) -> None:
    site.files["more.tar"] = make_tar(tmp_path / "more.tar", {"more/a": b"1", "more/b": b"2"}, "w").read_bytes()
    spec = spec_of(site)
    spec = DatasetSpec("roads", "", (*spec.files, RemoteFile(f"{site.url}/more.tar", 10_000)), "")
    folder = ensure_dataset(spec, cache, SilentProgress())
    assert data_in(folder) == FILES | {"more/a": b"1", "more/b": b"2"}
    assert {source["name"] for source in read_manifest(folder)["sources"]} == {"20 files", "more.tar"}
    assert [path.name for path in download_dir("roads", cache).iterdir()] == ["checksums.jsonl"]


def test_files_are_moved_and_not_copied(cache: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """At no time do they take their space twice: they are one file under two names for a moment."""
    monkeypatch.delattr(shutil, "copyfileobj")
    folder = ensure_dataset(spec_of(site), cache, SilentProgress())
    assert {path.stat().st_nlink for path in folder.rglob("*.tiff")} == {1}


def test_a_file_system_without_second_names(cache: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, other: Path) -> None:
        raise OSError("Operation not supported")

    monkeypatch.setattr(Path, "hardlink_to", fail)
    assert data_in(ensure_dataset(spec_of(site), cache, SilentProgress())) == FILES


def test_the_next_call_fetches_only_what_is_missing(cache: Path, site: Site) -> None:
    last = list(FILES)[-1]
    site.status[last] = 404
    with pytest.raises(DataError, match=rf"{last}: the server answered 404 .*\d+ of 40 files are complete \(.* kB"):
        ensure_dataset(spec_of(site), cache, SilentProgress())
    assert nothing_half(cache)
    here = waiting(cache)
    assert len(here) > COUNT // 2
    state = dataset_state(spec_of(site), cache)
    assert (state.state, state.fetched) == ("begun", sum(map(len, here.values())))
    site.status.clear()
    site.asked.clear()
    assert data_in(ensure_dataset(spec_of(site), cache, SilentProgress())) == FILES
    assert set(site.asked) == set(FILES) - set(here)


def test_a_half_file_goes_on_where_it_stopped(cache: Path, site: Site) -> None:
    site.drops["sat/3.tiff"] = [700] + [0] * transfer.ATTEMPTS
    with pytest.raises(DataError, match=r"sat/3\.tiff could not be fetched .*700 bytes are kept, and the same command"):
        ensure_dataset(spec_of(site), cache, SilentProgress())
    site.drops.clear()
    site.ranges.clear()
    assert data_in(ensure_dataset(spec_of(site), cache, SilentProgress())) == FILES
    assert site.ranges["sat/3.tiff"] == ["bytes=700-"]


def test_a_file_damaged_meanwhile_is_fetched_again(cache: Path, site: Site) -> None:
    site.status["map/19.tiff"] = 404
    with pytest.raises(DataError):
        ensure_dataset(spec_of(site), cache, SilentProgress())
    site.status.clear()
    (download_dir("roads", cache) / "files" / "sat/0.tiff").write_bytes(bytes(SIZE))
    assert data_in(ensure_dataset(spec_of(site), cache, SilentProgress())) == FILES


def test_one_failure_ends_the_others_soon(cache: Path, site: Site) -> None:
    site.seconds, site.block = 0.1, 10  # 20 seconds for each file
    site.status["sat/2.tiff"] = 404
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"sat/2\.tiff"):
        ensure_dataset(spec_of(site), cache, SilentProgress())
    assert time.monotonic() - begin < 4
    assert len(site.asked) <= 2 * CONNECTIONS
    assert not [thread for thread in threading.enumerate() if "_work" in thread.name and thread.is_alive()]


def test_an_outage_in_the_middle_is_waited_out(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was reached before may come back: not only the connections that were open try again."""
    line, out = transfer.TransferGroup(reached=True), iter([True, True])
    usual = transfer.build_opener

    def sometimes() -> object:
        if next(out, False):
            raise transfer.URLError(ConnectionRefusedError("Connection refused"))
        return usual()

    monkeypatch.setattr(transfer, "build_opener", sometimes)
    file, partial = RemoteFile(f"{site.url}/sat/0.tiff", SIZE), transfer.PartialFile(tmp_path / "x.part", "")
    transfer.receive_file(file, partial, transfer.Meter(lambda steps, note="": None, line), "")
    assert partial.size == SIZE


def test_interrupted_it_ends_at_once_and_goes_on_later(cache: Path, site: Site) -> None:
    site.seconds, site.block = 0.2, 100  # 4 seconds for each file

    class Impatient(Heard):
        @contextmanager
        def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
            def advance(steps: int, note: str = "", /) -> None:
                if steps:
                    raise KeyboardInterrupt

            yield advance

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ensure_dataset(spec_of(site), cache, Impatient())
    assert time.monotonic() - begin < 3
    assert nothing_half(cache)
    site.seconds, site.block = 0, 0
    assert data_in(ensure_dataset(spec_of(site), cache, SilentProgress())) == FILES
    assert any(wanted.startswith("bytes=") for asked in site.ranges.values() for wanted in asked)


@pytest.mark.parametrize("published", ["md5", "sha256"])
def test_a_wrong_checksum_is_refused(cache: Path, site: Site, published: str) -> None:
    good = {name: hashlib.new(published, content).hexdigest() for name, content in FILES.items()}
    files = tuple(RemoteFile(f"{site.url}/{name}", SIZE, path=name, **{published: good[name]}) for name in FILES)  # type: ignore[arg-type]
    spec = DatasetSpec("roads", "", files, "")
    site.files["sat/5.tiff"] = content = bytes(SIZE)
    with pytest.raises(DataError) as error:
        ensure_dataset(spec, cache, SilentProgress())
    assert f"{site.url}/sat/5.tiff has the" in str(error.value)
    assert hashlib.new(published, content).hexdigest() in str(error.value)
    assert good["sat/5.tiff"] in str(error.value)
    assert "sat/5.tiff" not in waiting(cache)
    assert nothing_half(cache)
    site.files["sat/5.tiff"] = FILES["sat/5.tiff"]
    assert data_in(ensure_dataset(spec, cache, SilentProgress())) == FILES


def test_what_came_first_is_remembered(cache: Path, site: Site) -> None:
    shutil.rmtree(ensure_dataset(spec_of(site), cache, SilentProgress()))
    site.files["map/7.tiff"] = bytes(SIZE)
    with pytest.raises(DataError, match=r"map/7\.tiff has the SHA-256 .*, but the first download had .*checksums\.jso"):
        ensure_dataset(spec_of(site), cache, SilentProgress())


def test_checksums_survive_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    FirstChecksums(tmp_path).add("http://x/a", "01")
    with (tmp_path / "checksums.jsonl").open("a") as file:
        file.write('["http://x/b", "0')
    FirstChecksums(tmp_path).add("http://x/c", "03")
    known = FirstChecksums(tmp_path)
    assert [known.get(f"http://x/{name}") for name in ("a", "b", "c")] == ["01", "", "03"]


def test_many_threads_may_remember_at_once(tmp_path: Path) -> None:
    checksums = FirstChecksums(tmp_path)

    def remember(thread: int) -> None:
        for number in range(100):
            checksums.add(f"http://x/{thread}/{number}", f"{thread}.{number}")

    threads = [threading.Thread(target=remember, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = FirstChecksums(tmp_path)
    assert all(known.get(f"http://x/{t}/{n}") == f"{t}.{n}" for t in range(8) for n in range(100))


def test_ten_thousand_files_here_already_cost_little(tmp_path: Path) -> None:
    """What is here is found without a request, and without a file of checksums being written for each."""
    count = 10_100
    (tmp_path / "files").mkdir()
    wanted = [Target(RemoteFile(f"http://127.0.0.1:9/{n}.jpg", 1), tmp_path / "files" / str(n)) for n in range(count)]
    for one in wanted:
        one.path.write_bytes(b"1")
    begin = time.monotonic()
    assert len(fetch_all("things", wanted, tmp_path, SilentProgress())) == count
    assert time.monotonic() - begin < 10


def index(names: Sequence[str]) -> bytes:
    return "".join(f'<a href="{name}">{name}</a>\n' for name in names).encode()


def listed(site: Site, pages: Sequence[str] = ("sat", "map")) -> DatasetSpec:
    """A dataset whose files two pages of the same name list."""

    def list_files(fetch: Callable[[RemoteFile], Path]) -> list[RemoteFile]:
        found = []
        for page in pages:
            text = fetch(RemoteFile(f"{site.url}/{page}/index.html", 1000)).read_text()
            names = re.findall('href="([^"]+)"', text)
            if "<a" not in text:
                raise DataError(f"The page {page} lists nothing.")
            found += [RemoteFile(f"{site.url}/{page}/{name}", SIZE, path=f"{page}/{name}") for name in names]
        return found

    for page in pages:
        names = [name.removeprefix(f"{page}/") for name in FILES if name.startswith(f"{page}/")]
        site.files.setdefault(f"{page}/index.html", index(names))
    return DatasetSpec("roads", "Some roads", (), "none stated", list_files=list_files, size=COUNT * SIZE)


def test_a_listing_says_which_files_there_are(cache: Path, site: Site) -> None:
    heard, spec = Heard(), listed(site)
    assert announced_size(spec) == COUNT * SIZE
    folder = ensure_dataset(spec, cache, heard)
    assert data_in(folder) == FILES
    assert site.asked[:2] == ["sat/index.html", "map/index.html"]
    assert heard.said == [
        f"Fetching Some roads: the files of a listing, about 80.0 kB, into {folder}. License: none stated.",
        "roads has 40 files, about 80.0 kB.",
    ]
    assert [path.name for path in download_dir("roads", cache).iterdir()] == ["checksums.jsonl"]


def test_a_resumed_fetch_knows_what_it_needs(cache: Path, site: Site) -> None:
    """The listing is kept, even if the server has another by now."""
    spec = listed(site)
    site.drops["map/19.tiff"] = [0] * transfer.ATTEMPTS
    with pytest.raises(DataError, match=r"map/19\.tiff"):
        ensure_dataset(spec, cache, SilentProgress())
    site.asked.clear()
    site.files["sat/index.html"] = b"under construction"
    heard = Heard()
    assert data_in(ensure_dataset(spec, cache, heard)) == FILES
    assert "sat/index.html" not in site.asked
    assert re.search(r"about 80\.0 kB; .* of it are downloaded already\.", heard.said[1])


def test_a_listing_that_changed_is_looked_at_again(cache: Path, site: Site) -> None:
    """A file that an old listing names is gone: the next call asks for the new listing."""
    spec = listed(site)
    del site.files["map/19.tiff"]
    with pytest.raises(DataError, match="404"):
        ensure_dataset(spec, cache, SilentProgress())
    site.files["map/index.html"] = index([f"{number}.tiff" for number in range(19)])
    assert data_in(ensure_dataset(spec, cache, SilentProgress())) == {
        name: content for name, content in FILES.items() if name != "map/19.tiff"
    }


def test_a_listing_may_be_another_one_every_day(cache: Path, site: Site) -> None:
    """Unlike files, whose first checksum counts."""
    shutil.rmtree(ensure_dataset(listed(site), cache, SilentProgress()))
    site.files["map/index.html"] = index(["3.tiff"])
    assert len(data_in(ensure_dataset(listed(site), cache, SilentProgress()))) == COUNT // 2 + 1


def test_a_kept_listing_that_is_damaged_is_fetched_again(cache: Path, site: Site) -> None:
    spec = listed(site)
    site.drops["map/19.tiff"] = [0] * transfer.ATTEMPTS
    with pytest.raises(DataError):
        ensure_dataset(spec, cache, SilentProgress())
    for page in (download_dir("roads", cache) / "listing").rglob("index.html"):
        page.write_bytes(b"")
    assert data_in(ensure_dataset(spec, cache, SilentProgress())) == FILES


def test_a_bad_listing_is_asked_for_anew_the_next_time(cache: Path, site: Site) -> None:
    spec, good = listed(site), site.files["sat/index.html"]
    site.files["sat/index.html"] = b"busy"
    with pytest.raises(DataError, match="The page sat lists nothing"):
        ensure_dataset(spec, cache, SilentProgress())
    assert site.asked.count("sat/index.html") == 1
    site.files["sat/index.html"] = good
    assert data_in(ensure_dataset(spec, cache, SilentProgress())) == FILES


HOSTILE = [
    "../evil.tiff",
    "/evil.tiff",
    "a/../../evil.tiff",
    "a\\..\\evil.tiff",
    "C:evil.tiff",
    "a//b.tiff",
    "a/./b.tiff",
    "a\x1b[2J.tiff",
    "a\nb.tiff",
    "a\u202eb.tiff",
    "",
    "a" * 300,
    "dataset.json",
    "1.tiff.part",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_listing_cannot_lead_out(cache: Path, site: Site, path: str) -> None:
    files = [
        RemoteFile(f"{site.url}/sat/0.tiff", SIZE, path="0.tiff"),
        RemoteFile(f"{site.url}/sat/1.tiff", 1, path=path),
    ]
    spec = DatasetSpec("roads", "", (), "", list_files=lambda fetch: files, size=SIZE)
    with pytest.raises(DataError, match=r"The listing of roads cannot be used: .* is no path in the dataset's folder"):
        ensure_dataset(spec, cache, SilentProgress())
    assert site.asked == []
    assert not list(cache.rglob("*.tiff"))


@pytest.mark.parametrize(
    ("list_files", "sentence"),
    [
        (lambda fetch: [], "it names no files"),
        (lambda fetch: [RemoteFile("file:///x", 1, path="x")] * 2, "'x' is named twice"),
        (lambda fetch: [RemoteFile("file:///x", 1, path=path) for path in ("x/y", "x")], "'x' is named twice, or is"),
        (lambda fetch: [RemoteFile("file:///x", 1, path=path) for path in ("x", "x/y")], "'x/y' is named twice, or is"),
        (lambda fetch: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda fetch: [RemoteFile("ftp://x/y", 1, path="x")], "cannot be fetched"),
    ],
)
def test_listings_that_make_no_sense(cache: Path, list_files: Callable[..., list[RemoteFile]], sentence: str) -> None:
    spec = DatasetSpec("roads", "", (), "", list_files=list_files, size=SIZE)
    with pytest.raises(DataError, match=sentence):
        ensure_dataset(spec, cache, SilentProgress())
    assert nothing_half(cache)


def test_a_listing_out_of_reach_names_the_import(cache: Path, site: Site) -> None:
    spec = listed(site)
    site.status["map/index.html"] = 500
    with pytest.raises(DataError, match=r"run `lnkit data fetch roads` on another machine.*`lnkit data import roads F"):
        ensure_dataset(spec, cache, SilentProgress())
    assert dataset_state(spec, cache).state == "begun"
    site.status.clear()
    site.asked.clear()
    ensure_dataset(spec, cache, SilentProgress())
    assert "sat/index.html" not in site.asked


def test_too_small_a_disk_is_noticed_before(cache: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=COUNT * SIZE - 1))
    with pytest.raises(DataError, match=r"needs 80\.0 kB"):
        ensure_dataset(listed(site), cache, SilentProgress())
    assert site.asked == []
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=COUNT * SIZE + 5))
    assert data_in(ensure_dataset(listed(site), cache, SilentProgress())) == FILES


def test_a_full_disk_is_a_sentence(cache: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transfer, "_copy", full)
    with pytest.raises(DataError, match="The disk is full: fetching roads needs"):
        ensure_dataset(spec_of(site), cache, SilentProgress())


@pytest.fixture
def numbers(site: Site, tmp_path: Path) -> tuple[DatasetSpec, Path]:
    """A dataset of single files with checksums, and one of them fetched elsewhere."""
    files = tuple(
        RemoteFile(f"{site.url}/sat/{n}.tiff", SIZE, exact=True, path=f"train/{n}.mat", md5=md5_of(f"sat/{n}.tiff"))
        for n in range(2)
    )
    (tmp_path / "0.mat").write_bytes(FILES["sat/0.tiff"])
    return DatasetSpec("roads", "", files, ""), tmp_path / "0.mat"


def md5_of(name: str) -> str:
    return hashlib.md5(FILES[name], usedforsecurity=False).hexdigest()


def test_imports_a_single_file_by_its_name(cache: Path, numbers: tuple[DatasetSpec, Path], tmp_path: Path) -> None:
    spec, file = numbers
    with pytest.raises(DataError, match=r"Expected all 2 files of roads, got 1; missing: train/1\.mat\."):
        import_dataset(spec, [file], cache, SilentProgress())
    folder = import_dataset(spec, [file], cache, SilentProgress(), partial=True)
    assert dataset_state(spec, cache).state == "partial"
    assert data_in(folder) == {"train/0.mat": FILES["sat/0.tiff"]}
    (tmp_path / "1.tiff").write_bytes(FILES["sat/1.tiff"])  # under the name that its address has
    import_dataset(spec, [tmp_path / "1.tiff"], cache, SilentProgress())
    assert dataset_state(spec, cache).state == "ready"
    assert set(data_in(folder)) == {"train/0.mat", "train/1.mat"}
    assert file.exists()
    assert compare_inventory(folder, SilentProgress()).intact


@pytest.mark.parametrize(
    ("content", "sentence"), [(bytes(SIZE), "has the MD5 .* is published"), (b"cut", "has 3 bytes, but 2,000 are pub")]
)
def test_an_import_of_another_file_is_refused(
    cache: Path, numbers: tuple[DatasetSpec, Path], content: bytes, sentence: str
) -> None:
    spec, file = numbers
    file.write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        import_dataset(spec, [file], cache, SilentProgress())
    assert nothing_half(cache)


def test_an_import_of_a_file_of_no_known_name(cache: Path, numbers: tuple[DatasetSpec, Path], tmp_path: Path) -> None:
    (tmp_path / "3.mat").write_bytes(b"1")
    with pytest.raises(DataError, match=r"Expected a folder, a tar or zip archive or one of the files 0\.mat, 1\.mat"):
        import_dataset(numbers[0], [tmp_path / "3.mat"], cache, SilentProgress())


def test_an_import_of_a_name_that_several_files_have(cache: Path, site: Site, tmp_path: Path) -> None:
    (tmp_path / "3.tiff").write_bytes(b"1")
    with pytest.raises(DataError, match=r"may be any of 2 files of roads \(sat/3\.tiff, map/3\.tiff\)"):
        import_dataset(spec_of(site), [tmp_path / "3.tiff"], cache, SilentProgress())


def test_a_fetched_folder_can_be_carried_over(cache: Path, site: Site, tmp_path: Path) -> None:
    folder = ensure_dataset(listed(site), cache, SilentProgress())
    carried = import_dataset(listed(site), [folder], tmp_path / "other", SilentProgress())
    assert data_in(carried) == FILES


def test_connections_that_hang_do_not_keep_others(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers is left to its own when another file fails."""
    monkeypatch.setattr(connections, "PATIENCE", 0.2)
    names = list(FILES)
    wanted = [Target(RemoteFile(f"{site.url}/{name}", SIZE), tmp_path / name) for name in (names[0], "absent")]
    site.seconds = 0.3
    site.block = 1
    begin = time.monotonic()
    with pytest.raises(DataError, match="absent"):
        fetch_all("things", wanted, tmp_path, SilentProgress())
    assert time.monotonic() - begin < 2


def test_a_missing_function_of_a_listing_is_the_plugins_fault(tmp_path: Path) -> None:
    """The stored listing stays, and the server is not blamed."""
    spec = DatasetSpec("roads", "", (), "", list_files="json:no_such_function", size=SIZE)
    page = tmp_path / "listing" / "page"
    page.mkdir(parents=True)
    with pytest.raises(PluginError, match="'json:no_such_function' could not be imported"):
        all_files(spec, tmp_path, SilentProgress(), "")
    assert page.exists()
