"""A plugin made for another version of the plugin interface is refused, with advice on what to do."""

from __future__ import annotations

import shutil
import sys

import pytest
from fakeplugins import BACKBONE, FakePlugins, fake_plugins

import lnkit
from lnkit import hookspecs
from lnkit.plugins import interface
from lnkit.plugins.load import load_registry
from lnkit.specs import PluginFailure

__all__ = ["fake_plugins"]

NEWER = (
    "It was made for version 2 of lnkit's plugin interface, but lnkit 0.1.0 has 1. Upgrade lnkit (pip install "
    "--upgrade lnkit), or install an older version of versioned."
)


def failure_of(name: str) -> PluginFailure | None:
    failures = load_registry(only=[name]).failures
    return failures[0] if failures else None


def stating(version: str, *, first: str = "pass") -> str:
    return f"""
    {first}
    LNKIT_INTERFACE = {version}
    {BACKBONE.format(name="versioned").strip()}
    """


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix lnkit's version, which the expected messages contain."""
    assert lnkit.INTERFACE == hookspecs.INTERFACE == 1
    monkeypatch.setattr(interface, "__version__", "0.1.0")


@pytest.mark.parametrize("source", [stating("1"), BACKBONE.format(name="versioned")], ids=["stated", "not stated"])
def test_the_same_version_loads(source: str, fake_plugins: FakePlugins) -> None:
    fake_plugins.add("versioned", source)
    registry = load_registry(only=["versioned"])
    assert registry.failures == ()
    assert "versioned" in registry.backbones


def test_a_newer_one_is_refused(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("versioned", stating("2"))
    failure = failure_of("versioned")
    assert failure is not None
    assert (failure.stage, failure.reason) == ("validate", NEWER)
    assert "versioned" not in load_registry(only=["versioned"]).backbones


def test_an_older_one_is_refused(fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface, "INTERFACE", 3)
    fake_plugins.add("versioned", stating("2"))
    failure = failure_of("versioned")
    assert failure is not None
    assert failure.reason == (
        "It was made for version 2 of lnkit's plugin interface, but lnkit 0.1.0 has 3. Upgrade the plugin (pip install "
        "--upgrade versioned), or install an older lnkit."
    )


def test_without_a_declaration_the_version_is_1(fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface, "INTERFACE", 2)
    fake_plugins.add("versioned", BACKBONE.format(name="versioned"))
    failure = failure_of("versioned")
    assert failure is not None
    assert "made for version 1" in failure.reason


@pytest.mark.parametrize("version", ["'1'", "1.0", "True", "0", "-1", "None", "(1,)"])
def test_invalid_versions(version: str, fake_plugins: FakePlugins) -> None:
    fake_plugins.add("versioned", stating(version))
    failure = failure_of("versioned")
    assert failure is not None
    assert failure.stage == "validate"
    assert failure.reason.startswith("Expected LNKIT_INTERFACE, the version of lnkit's plugin interface that")
    assert failure.reason.endswith(f"to be a whole number from 1 such as 1, got {version}.")


OBJECT = """
    import lnkit

    {module}

    class Plugin:
        {own}

        @lnkit.hookimpl
        def register_backbone(self, register):
            register(lnkit.BackboneSpec(name="versioned", family="Fake", load=print))

    plugin = Plugin()
"""


@pytest.mark.parametrize(
    ("module", "own", "refused"),
    [
        ("LNKIT_INTERFACE = 2", "", True),
        ("", "LNKIT_INTERFACE = 2", True),
        ("LNKIT_INTERFACE = 2", "LNKIT_INTERFACE = 1", False),
    ],
)
def test_the_object_or_its_module_declares_the_version(
    module: str, own: str, refused: bool, fake_plugins: FakePlugins
) -> None:
    fake_plugins.add("versioned", OBJECT.format(module=module, own=own), entry="versioned:plugin")
    failure = failure_of("versioned")
    assert (failure is not None) == refused
    assert not failure or failure.reason == NEWER


# A newer plugin may fail already when it is imported, since it needs names that this lnkit does not have.

MISSING = "from lnkit import SomethingNew"


@pytest.mark.parametrize("stated", ["2", "2  # with heads", " 2"])
@pytest.mark.parametrize("first", ["before", "after"])
def test_a_newer_one_that_cannot_be_imported(stated: str, first: str, fake_plugins: FakePlugins) -> None:
    source = stating(stated, first=MISSING) if first == "before" else f"LNKIT_INTERFACE: int = {stated}\n{MISSING}"
    fake_plugins.add("versioned", source)
    failure = failure_of("versioned")
    assert failure is not None
    assert failure.stage == "import"
    assert failure.reason.startswith("ImportError: cannot import name 'SomethingNew' from 'lnkit'")
    assert failure.reason.endswith(NEWER)
    assert "SomethingNew" in failure.traceback


def test_a_failed_import_of_this_version_is_not_called_a_mismatch(fake_plugins: FakePlugins) -> None:
    for name, source in {"says_so": stating("1", first=MISSING), "says_nothing": MISSING}.items():
        fake_plugins.add(name, source)
        failure = failure_of(name)
        assert failure is not None
        assert "interface" not in failure.reason


def test_a_module_in_a_package_that_cannot_be_imported(fake_plugins: FakePlugins) -> None:
    """Its source is found although the package around it fails, and the package is not run again."""
    folder = fake_plugins.folder / "outer"
    folder.mkdir()
    (folder / "__init__.py").write_text("import lnkit\nlnkit.runs = getattr(lnkit, 'runs', 0) + 1\n1 / 0\n")
    (folder / "inner.py").write_text("LNKIT_INTERFACE = 2\n")
    fake_plugins.announce("versioned", "outer.inner", "versioned")
    failure = failure_of("versioned")
    assert failure is not None
    assert failure.reason == f"ZeroDivisionError: division by zero. {NEWER}"
    assert vars(lnkit).pop("runs") == 1


def test_a_newer_one_in_an_archive(fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_plugins.add("versioned", stating("2", first=MISSING))
    archive = shutil.make_archive(str(fake_plugins.folder.parent / "packed"), "zip", fake_plugins.folder)
    shutil.rmtree(fake_plugins.folder)
    monkeypatch.syspath_prepend(archive)
    failure = failure_of("versioned")
    assert failure is not None
    assert failure.reason.endswith(NEWER)


@pytest.mark.parametrize("content", [b"\xff\xfe = 1", b"LNKIT_INTERFACE = \x00", b"def"])
def test_unreadable_source_is_ignored(content: bytes, fake_plugins: FakePlugins) -> None:
    (fake_plugins.folder / "versioned.py").write_bytes(content)
    fake_plugins.announce("versioned", "versioned", "versioned")
    failure = failure_of("versioned")
    assert failure is not None
    assert failure.stage == "import"
    assert "interface" not in failure.reason
    assert "During handling" not in failure.traceback, "it is the import that failed, not the reading"


def test_modules_without_source() -> None:
    for place in ("sys", "absent.module:thing", "os.path"):
        assert interface.mismatch_in_source(place, "lnkit-x") == ""
    assert "absent" not in sys.modules
