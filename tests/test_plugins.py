"""Plugins are found as by importlib.metadata, in an order that does not depend on installation."""

from __future__ import annotations

import os
import shutil
from importlib import metadata

import pytest
from fakeplugins import BACKBONE, FakePlugins, fake_plugins

from lnkit.errors import UsageError
from lnkit.plugins.entrypoints import EntryPoint, find_entry_points, parse_entry_points
from lnkit.plugins.isolation import load_plugins
from lnkit.plugins.load import load_registry

__all__ = ["fake_plugins"]

BUNDLED = [
    "lnkit_autoencoder",
    "lnkit_bapps",
    "lnkit_builtins",
    "lnkit_delineation",
    "lnkit_invariance",
    "lnkit_superres",
    "lnkit_torchvision",
]


def test_finds_what_importlib_finds(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("fake_one", "", distribution="Fake.One", version="2.0rc1")
    fake_plugins.add("fake_two", "", entry="fake_two:plugin [extra]")
    found = {(entry.name, entry.distribution, entry.version) for entry in find_entry_points()}
    expected = {
        (entry.name, entry.dist.name, entry.dist.version)
        for entry in metadata.entry_points(group="lnkit")
        if entry.dist
    }
    assert found == expected
    assert ("fake_one", "Fake.One", "2.0rc1") in found
    assert set(BUNDLED) < {name for name, _, _ in found}


def test_reads_only_the_group() -> None:
    ours = "[ lnkit ]\n\n; c = d\n# e = f\none=package.one\ntwo = package:two [x, y]\n"
    text = f"# lnkit\n[other]\na = b\n{ours}[z]\nlnkit = no\n"
    assert list(parse_entry_points(text)) == [("one", "package.one"), ("two", "package:two")]


def test_first_on_the_path_is_used(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("fake_one", "", version="2.0")
    older = FakePlugins(fake_plugins.folder.parent / "older")
    older.folder.mkdir()
    older.add("fake_one", "", version="1.0")
    places = [str(fake_plugins.folder), str(older.folder)]
    assert [entry.version for entry in find_entry_points(places)] == ["2.0"]
    assert [entry.version for entry in find_entry_points(places[::-1])] == ["1.0"]


def test_finds_plugins_in_an_archive(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("fake_zipped", "")
    archive = shutil.make_archive(str(fake_plugins.folder.parent / "packed"), "zip", fake_plugins.folder)
    assert find_entry_points([archive]) == [EntryPoint("fake_zipped", "fake_zipped", "fake-zipped", "1.0")]


@pytest.mark.parametrize("place", ["missing", "file.txt"])
def test_ignores_missing_folders_and_files(place: str, fake_plugins: FakePlugins) -> None:
    (fake_plugins.folder / "file.txt").write_text("no archive")
    assert find_entry_points([str(fake_plugins.folder / place)]) == []


def test_unreadable_metadata_affect_no_other_plugin(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("fake_one", "")
    broken = fake_plugins.folder / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "entry_points.txt").write_bytes(b"[lnkit]\n\xff\xfe = \xff\n=\n[")
    (fake_plugins.folder / "empty.dist-info").mkdir()
    (fake_plugins.folder / "file.dist-info").write_text("")
    assert "fake_one" in {entry.name for entry in find_entry_points([str(fake_plugins.folder)])}


@pytest.mark.parametrize("order", [1, -1])
def test_order_is_bundled_plugins_then_by_name(
    order: int, fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order in which a folder is listed does not matter."""
    for name in ("zebra", "aardvark", "lnkit_aaa"):
        fake_plugins.add(name, BACKBONE.format(name=name))
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda place: sorted(listdir(place))[::order])
    names = [plugin.name for plugin in load_plugins()]
    assert names[: len(BUNDLED)] == BUNDLED
    assert names[len(BUNDLED) :] == sorted(names[len(BUNDLED) :])
    assert {"aardvark", "lnkit_aaa", "zebra"} <= set(names[len(BUNDLED) :])


def test_an_entry_point_may_name_an_object(fake_plugins: FakePlugins) -> None:
    source = """
        import lnkit

        class Inner:
            @lnkit.hookimpl
            def register_backbone(self, register):
                register(lnkit.BackboneSpec(name="from_object", family="Fake", load=print))

        class Outer:
            inner = Inner()
    """
    fake_plugins.add("fake_object", source, entry="fake_object:Outer.inner")
    assert "from_object" in load_registry().backbones


@pytest.mark.parametrize(
    ("value", "loaded"),
    [(None, {"one", "two"}), ("", set()), ("none", set()), ("one", {"one"}), (" two , one ", {"one", "two"})],
)
def test_variable_selects_plugins(
    value: str | None, loaded: set[str], fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        fake_plugins.add(name, BACKBONE.format(name=f"{name}_backbone"))
    if value is not None:
        monkeypatch.setenv("LNKIT_PLUGINS", value)
    registry = load_registry()
    states = {plugin.name: plugin.state for plugin in registry.plugins}
    assert {name for name in ("one", "two") if states[name] == "ok"} == loaded
    assert {states[name] for name in {"one", "two"} - loaded} <= {"off"}
    assert {name for name in ("one", "two") if f"{name}_backbone" in registry.backbones} == loaded
    assert {states[name] for name in BUNDLED} == {"ok"}, "lnkit's own are loaded in any case"


def test_plugins_that_are_left_out_are_not_imported(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("loud", "raise RuntimeError('imported')")
    assert load_registry(only=[]).failures == ()
    assert [failure.plugin for failure in load_registry(only=["loud"]).failures] == ["loud"]


def test_selecting_a_plugin_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNKIT_PLUGINS", "lnkit_absent")
    with pytest.raises(UsageError, match=r"'lnkit_absent', which is not installed; installed are: .*lnkit_bapps"):
        load_registry()
