"""Faulty metadata: two versions of a distribution, entry points to nothing, damaged files."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakeplugins import BACKBONE, FakePlugins, fake_plugins

from lnkit.cli import run
from lnkit.plugins.entrypoints import EntryPoint, find_entry_points, parse_entry_points
from lnkit.plugins.isolation import Plugin
from lnkit.plugins.load import default_registry, load_registry

__all__ = ["fake_plugins"]


def found_in(*places: Path) -> list[EntryPoint]:
    return find_entry_points(map(str, places))


def loaded(name: str) -> list[Plugin]:
    return [plugin for plugin in load_registry(only=[name]).plugins if plugin.name == name]


def announce(folder: Path, lines: str, *, name: str = "faulty-1.0.dist-info", metadata: str | None = None) -> None:
    info = folder / name
    info.mkdir()
    (info / "entry_points.txt").write_text(f"[lnkit]\n{lines}\n")
    if metadata is not None:
        (info / "METADATA").write_text(metadata)


# Two versions of one distribution


def test_in_two_folders_the_imported_version_is_used(
    fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_plugins.add("twice", BACKBONE.format(name="old"), version="1.0")
    newer = FakePlugins(fake_plugins.folder / "newer")
    newer.folder.mkdir()
    newer.add("twice", BACKBONE.format(name="new"), version="2.0")
    monkeypatch.syspath_prepend(newer.folder)
    registry = load_registry(only=["twice"])
    assert "new" in registry.backbones
    assert "old" not in registry.backbones
    (plugin,) = [plugin for plugin in registry.plugins if plugin.name == "twice"]
    assert (plugin.version, plugin.state) == ("2.0", "ok")
    assert plugin.warnings == [
        f"twice is installed more than once: 2.0 is used, and not 1.0 in {fake_plugins.folder}. Run `pip uninstall "
        "twice` until none is left, and install it again."
    ]


@pytest.mark.parametrize("order", [["1.9", "1.10"], ["1.10", "1.9"]])
def test_in_one_folder_the_version_written_last_is_used(order: list[str], fake_plugins: FakePlugins) -> None:
    """Both wrote the same module, so Python imports the last one, whatever its version."""
    for hour, version in enumerate(order):
        fake_plugins.announce("twice", "twice", "twice", version)
        os.utime(fake_plugins.folder / f"twice-{version}.dist-info", (hour * 3600, hour * 3600))
    (entry,) = found_in(fake_plugins.folder)
    assert (entry.version, entry.others) == (order[1], (f"{order[0]} in {fake_plugins.folder}",))


def test_in_one_folder_at_the_same_time_the_newer_version_is_used(fake_plugins: FakePlugins) -> None:
    for version in ("1.9", "1.10", "1.2"):
        fake_plugins.announce("twice", "twice", "twice", version)
        os.utime(fake_plugins.folder / f"twice-{version}.dist-info", (0, 0))
    (entry,) = found_in(fake_plugins.folder)
    assert entry.version == "1.10"
    assert len(entry.others) == 2


def test_the_same_version_twice_is_no_problem(fake_plugins: FakePlugins) -> None:
    """As an editable install leaves it: once in site-packages, once beside the source."""
    fake_plugins.announce("twice", "twice", "twice.dotted", "1.0")
    egg = fake_plugins.folder.parent / "src" / "twice_dotted.egg-info"
    egg.mkdir(parents=True)
    (egg / "PKG-INFO").write_text("Name: twice.dotted\nVersion: 1.0\n")
    (egg / "entry_points.txt").write_text("[lnkit]\ntwice = twice\n")
    for places in ((fake_plugins.folder, egg.parent), (egg.parent, fake_plugins.folder)):
        assert found_in(*places) == [EntryPoint("twice", "twice", "twice.dotted", "1.0")]


# Entry points to nothing


@pytest.mark.parametrize(
    ("line", "name", "reason"),
    [
        ("faulty = absent_module", "faulty", "ModuleNotFoundError: No module named 'absent_module'"),
        ("faulty = os:absent", "faulty", "AttributeError: module 'os' has no attribute 'absent'"),
        ("faulty = os:path.absent", "faulty", "AttributeError: module 'posixpath' has no attribute 'absent'"),
        ("faulty = os.path", "faulty", "It implements no hook: mark its functions with @lnkit.hookimpl."),
        ("faulty =", "faulty", "in each line of the group lnkit in its entry_points.txt, got a broken line"),
        ("faulty", "faulty", "fail on it too: uninstall faulty, and tell"),
        (
            "faulty = two words",
            "faulty",
            "Expected its entry point to be package.module or package.module:attribute, got 'two words'",
        ),
        ("faulty = .relative", "faulty", "got '.relative'"),
        ("faulty = a/b.py", "faulty", "got 'a/b.py'"),
        ("faulty = a:b:c", "faulty", "got 'a:b:c'"),
        ("faulty = x\x1b\u202ey", "faulty", "got 'x y'"),
        ("= os", "(nameless)", "It implements no hook"),
    ],
)
def test_an_entry_point_to_nothing(line: str, name: str, reason: str, fake_plugins: FakePlugins) -> None:
    announce(fake_plugins.folder, line)
    fake_plugins.add("after", BACKBONE.format(name="unharmed"))
    registry = load_registry(only=[name, "after"])
    (failure,) = registry.failures
    assert (failure.plugin, failure.distribution) == (name, "faulty")
    assert reason in failure.reason
    assert "unharmed" in registry.backbones


def test_a_name_twice_in_one_distribution(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("first", BACKBONE.format(name="first"))
    announce(fake_plugins.folder, "same = first\nsame = second", name="both-1.0.dist-info")
    used, left = loaded("same")
    assert (used.module, used.state) == ("first", "ok")
    assert [failure.reason for failure in left.failures] == [
        "both announces two plugins called 'same': first is used, second is not. Tell its author."
    ]


# Metadata


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (None, ("my_plugin", "2.0")),
        ("", ("my_plugin", "2.0")),
        ("Version: 3.0\n", ("my_plugin", "3.0")),
        ("Name: my-plugin\nVersion: 3.0\n\nName: other\n", ("my-plugin", "3.0")),
        ("\ufeffName: my-plugin\nVersion: 3.0\nVersion: 4.0\n", ("my-plugin", "3.0")),
        ("Name: my\x1b[2J\u202eplugin\nVersion: 3.0\n", ("my [2J plugin", "3.0")),
    ],
)
def test_missing_metadata_are_read_from_the_name_of_the_folder(
    metadata: str | None, expected: tuple[str, str], fake_plugins: FakePlugins
) -> None:
    announce(fake_plugins.folder, "mine = mine", name="my_plugin-2.0.dist-info", metadata=metadata)
    (entry,) = found_in(fake_plugins.folder)
    assert (entry.distribution, entry.version) == expected


def test_metadata_that_are_not_text(fake_plugins: FakePlugins) -> None:
    announce(fake_plugins.folder, "mine = mine", name="my_plugin-2.0.dist-info")
    info = fake_plugins.folder / "my_plugin-2.0.dist-info"
    (info / "METADATA").write_bytes("Name: my-plugin\nAuthor: Müller\nVersion: 3.0\n".encode("latin-1"))
    assert [entry[:4] for entry in found_in(fake_plugins.folder)] == [("mine", "mine", "my-plugin", "3.0")]
    (info / "METADATA").write_bytes(b"\xff\xfe\x00N")
    assert [entry[:4] for entry in found_in(fake_plugins.folder)] == [("mine", "mine", "my_plugin", "2.0")]
    (info / "METADATA").unlink()
    (info / "METADATA").mkdir()  # which cannot be read, even by those who may read everything
    assert [entry[:4] for entry in found_in(fake_plugins.folder)] == [("mine", "mine", "my_plugin", "2.0")]


def test_a_byte_order_mark_hides_no_plugin(fake_plugins: FakePlugins) -> None:
    announce(fake_plugins.folder, "mine = mine")
    file = fake_plugins.folder / "faulty-1.0.dist-info" / "entry_points.txt"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert [entry.name for entry in found_in(fake_plugins.folder)] == ["mine"]


def test_entry_points_of_a_megabyte(fake_plugins: FakePlugins) -> None:
    scripts = "".join(f"script_{number} = package.module:main_{number}\n" for number in range(30_000))
    announce(fake_plugins.folder, f"mine = mine\n[console_scripts]\n{scripts}[lnkit]\nother = other")
    assert (fake_plugins.folder / "faulty-1.0.dist-info" / "entry_points.txt").stat().st_size > 1_000_000
    assert [entry.name for entry in found_in(fake_plugins.folder)] == ["mine", "other"]


def test_a_line_of_a_megabyte() -> None:
    """It is shown in warnings, so it is cut short."""
    ((name, value),) = parse_entry_points(f"[lnkit]\n{'x' * 10**6} = {'y' * 10**6}\n")
    assert (len(name), len(value)) == (200, 200)


@pytest.mark.parametrize("metadata", [None, b"", b"\xff", b"Name: zipped\nVersion: 1.0\n"])
def test_metadata_in_an_archive(metadata: bytes | None, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("zipped-1.0.dist-info/entry_points.txt", "[lnkit]\nmine = mine\n")
        if metadata is not None:
            archive.writestr("zipped-1.0.dist-info/METADATA", metadata)
    whole = metadata is not None and b"Name" in metadata
    assert found_in(tmp_path / "packed.zip") == [EntryPoint("mine", "mine", "zipped", "1.0")] * whole


def test_a_damaged_archive(tmp_path: Path) -> None:
    (tmp_path / "packed.zip").write_bytes(b"PK\x03\x04 and no more")
    assert found_in(tmp_path / "packed.zip") == []


# What the user sees


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    """Make commands load the plugins of this test, and later tests load their own."""
    default_registry.cache_clear()
    yield
    default_registry.cache_clear()


@pytest.mark.usefixtures("fresh_registry")
@pytest.mark.parametrize(("failing", "warnings", "more"), [(1, 1, 0), (10, 10, 0), (30, 10, 1)])
def test_many_failures_are_not_all_shown(
    failing: int,
    warnings: int,
    more: int,
    fake_plugins: FakePlugins,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"gone_{number}" for number in range(failing)]
    announce(fake_plugins.folder, "\n".join(f"{name} = {name}" for name in names))
    monkeypatch.setenv("LNKIT_PLUGINS", ",".join(names))
    assert run(["list-distances"]) == 0
    said = capsys.readouterr().err
    assert said.count("Warning: Plugin 'gone_") == warnings
    assert said.count("There are more of these; `lnkit plugins` shows all.") == more


@pytest.mark.usefixtures("fresh_registry")
def test_warnings_are_shown_once_and_can_be_silenced(
    fake_plugins: FakePlugins, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.0", "2.0"):
        fake_plugins.announce("twice", "twice", "twice", version)
    source = "import lnkit\n\n@lnkit.hookimpl\ndef register_distance(register): ...\n"
    (fake_plugins.folder / "twice.py").write_text(source)
    monkeypatch.setenv("LNKIT_PLUGINS", "twice")
    assert run(["list-distances"]) == 0
    assert capsys.readouterr().err.count("twice is installed more than once") == 1
    assert run(["--quiet", "list-distances"]) == 0
    assert capsys.readouterr().err == ""
