"""Weights of many backbones: where they lie, fetched in one go, and imported where there is no connection."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import COMMIT, Server, server
from realdata import RealData
from safetensors.torch import save
from torch import nn

from lnkit import BackboneSpec, HubFile, RemoteFile
from lnkit.cli import run
from lnkit.networks import hf_hub
from lnkit.networks.hf_hub import cached_file, repository_folder
from lnkit.networks.hub import hub_file
from lnkit.networks.weight_import import import_weights
from lnkit.networks.weight_sources import ask_servers, fetch, plan
from lnkit.networks.weights import build_backbone
from lnkit.plugins.registry import Registry
from lnkit.progress import SilentProgress

__all__ = ["server"]

SAFE = save({"weight": torch.ones(3, 2), "bias": torch.zeros(3)})
SHA256 = hashlib.sha256(SAFE).hexdigest()


def saved() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weight": torch.full((3, 2), 2.0), "bias": torch.zeros(3)}, buffer)
    return buffer.getvalue()


PICKLED = saved()
DIGITS = hashlib.sha256(PICKLED).hexdigest()[:8]


@pytest.fixture(autouse=True)
def own_downloads(own_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test without downloads, and with a hub that is this machine's."""
    from huggingface_hub import constants

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def spec(name: str, **changes: Any) -> BackboneSpec:
    facts: dict[str, Any] = {"load": lambda pretrained: nn.Linear(2, 3), "weights": "v1", "family": "Test"}
    return BackboneSpec(name=name, **(facts | changes))


def registry_of(*specs: BackboneSpec) -> Registry:
    return Registry(backbones={backbone.name: backbone for backbone in specs})


def downloaded(server: Server, name: str, file: str, content: bytes | None = PICKLED) -> BackboneSpec:
    if content is not None:
        server.files[f"/{file}"] = content
    return spec(name, remote=RemoteFile(f"{server.address}/{file}", size=5_000))


def on_hub(server: Server, name: str, content: bytes = SAFE, file: str = "model.safetensors") -> BackboneSpec:
    server.files[f"/timm/{name}/resolve/main/{file}"] = content
    return spec(name, remote=HubFile(f"timm/{name}", size=7_000))


# What is known without asking


def test_the_folder_of_torch_hub_is_found_without_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    remote = RemoteFile("https://example.org/vgg16-397923af.pth", 1)
    for variables in ({"TORCH_HOME": str(tmp_path)}, {"XDG_CACHE_HOME": "~/other"}, {}, {"TORCH_HOME": ""}):
        for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with monkeypatch.context() as without:
            expected = Path(torch.hub.get_dir()) / "checkpoints" / "vgg16-397923af.pth"
            without.delitem(sys.modules, "torch")
            assert hub_file(remote) == expected, variables


def test_the_plan_of_every_kind_of_backbone(server: Server, tmp_path: Path) -> None:
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(SAFE)
    registry = registry_of(
        downloaded(server, "a", f"a-{DIGITS}.pth"),
        on_hub(server, "b"),
        spec("c", weights_file=str(mine)),
        spec("d", weights_file="lnkit/nothing.pth", requires=("lnkit>=0",)),
        spec("e", weights_file="no_such_package_here/x.pth", requires=("nothing==1",)),
        spec("f", weights=""),
        spec("g"),
    )
    a, b, c, d, e, f, g = plan(registry, registry.backbones)
    assert (a.state, a.bytes, a.sha256, a.path) == ("missing", 5_000, DIGITS, hub_file(registry.backbone("a").remote))  # type: ignore[arg-type]
    assert (b.state, b.bytes, b.address) == ("missing", 7_000, "https://huggingface.co/timm/b")
    assert b.path == repository_folder(registry.backbone("b").remote)  # type: ignore[arg-type]
    assert (c.state, c.bytes, c.path) == ("ready", len(SAFE), mine)
    assert (d.state, d.address, d.path and d.path.name) == ("missing", "lnkit>=0", "nothing.pth")
    assert (e.state, e.path) == ("missing", None)
    assert (f.state, f.path, f.present) == ("none", None, True)
    assert (g.state, g.path, g.present) == ("unknown", None, False)
    assert server.asked == []


def test_servers_are_asked_for_sizes_and_hashes(server: Server) -> None:
    registry = registry_of(
        downloaded(server, "a", "a.pth"), on_hub(server, "b"), downloaded(server, "c", "c.pth", None), spec("d")
    )
    a, b, c, d = ask_servers(plan(registry, registry.backbones))
    assert (a.bytes, a.sha256) == (len(PICKLED), "")
    assert (b.bytes, b.sha256) == (len(SAFE), SHA256)
    assert (c.bytes, d.bytes) == (5_000, 0)


# Fetching


def test_all_are_fetched_and_then_there(server: Server) -> None:
    registry = registry_of(downloaded(server, "a", f"a-{DIGITS}.pth"), on_hub(server, "b"), spec("c", weights=""))
    first = fetch(plan(registry, registry.backbones), SilentProgress())
    assert [(r.file.state, r.fetched, r.error) for r in first] == [
        ("ready", True, ""),
        ("ready", True, ""),
        ("none", False, ""),
    ]
    assert first[1].file.sha256 == SHA256
    assert [r.file.path.read_bytes() for r in first[:2] if r.file.path] == [PICKLED, SAFE]
    server.asked.clear()
    again = fetch(plan(registry, registry.backbones), SilentProgress())
    assert [r.fetched for r in again] == [False] * 3
    assert [r.file for r in again] == [r.file for r in first]
    assert server.asked == []


def test_what_fails_is_named_and_the_rest_is_fetched(server: Server) -> None:
    registry = registry_of(
        downloaded(server, "a", "a-01234567.pth"),
        downloaded(server, "b", "b.pth", None),
        spec("c", remote=HubFile("timm/c")),
        spec("d", weights_file="no_such_package_here/x.pth", requires=("nothing==1",)),
        downloaded(server, "e", f"e-{DIGITS}.pth"),
    )
    a, b, c, d, e = fetch(plan(registry, registry.backbones), SilentProgress())
    assert f"got one with the SHA-256 {DIGITS}... instead of 01234567..." in a.error
    assert "The v1 weights of b could not be fetched" in b.error
    assert "answered 404" in b.error
    assert "timm/c has none of the files model.safetensors, pytorch_model.bin" in c.error
    assert d.error == "The weights of d are not in an installed package. Install nothing==1."
    assert (e.fetched, e.error) == (True, "")
    assert [r.file.present for r in (a, b, c, d, e)] == [False, False, False, False, True]
    assert not hub_file(registry.backbone("a").remote).exists()  # type: ignore[arg-type]


def test_a_file_of_the_hub_with_another_hash_is_removed(server: Server) -> None:
    registry = registry_of(on_hub(server, "b"))
    server.tags["/timm/b/resolve/main/model.safetensors"] = "ab" * 32
    (result,) = fetch(plan(registry, ["b"]), SilentProgress())
    assert f"got one with the SHA-256 {SHA256[:8]}... instead of abababab.... It was removed." in result.error
    assert cached_file(registry.backbone("b").remote) is None  # type: ignore[arg-type]


def test_a_file_in_the_hubs_cache_that_changed_is_named(server: Server) -> None:
    registry = registry_of(on_hub(server, "b"))
    (result,) = fetch(plan(registry, ["b"]), SilentProgress())
    assert result.file.path is not None
    result.file.path.write_bytes(SAFE[:-1])
    (again,) = fetch(plan(registry, ["b"]), SilentProgress())
    assert f"Delete {result.file.path.resolve()} and run again." in again.error


def test_the_pickled_file_of_a_repository_without_safetensors(server: Server) -> None:
    registry = registry_of(on_hub(server, "b", PICKLED, "pytorch_model.bin"))
    (result,) = fetch(plan(registry, ["b"]), SilentProgress())
    assert result.file.path is not None
    assert result.file.path.name == "pytorch_model.bin"


def test_a_server_that_cannot_be_reached_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    asked = []
    ask = hf_hub.ask_hub
    monkeypatch.setattr(hf_hub, "ask_hub", lambda file: asked.append(file.repository) or ask(file))
    nowhere = [spec(name, remote=RemoteFile(f"http://127.0.0.1:9/{name}.pth", 10)) for name in ("a", "b")]
    registry = registry_of(*nowhere, *(spec(name, remote=HubFile(f"timm/{name}")) for name in ("c", "d")))
    a, b, c, d = fetch(plan(registry, registry.backbones), SilentProgress())
    assert "The v1 weights of a could not be fetched" in a.error
    assert b.error == "127.0.0.1:9 could not be reached before."
    assert "The v1 weights of c could not be fetched" in c.error
    assert "offline" in c.error.lower()
    assert d.error == "huggingface.co could not be reached before."
    assert asked == ["timm/c"]


def test_a_shared_file_is_fetched_once(server: Server) -> None:
    first = downloaded(server, "a", f"a-{DIGITS}.pth")
    registry = registry_of(first, spec("b", remote=first.remote))
    a, b = fetch(plan(registry, ["a", "b"]), SilentProgress())
    assert (a.file.path, a.file.state) == (b.file.path, b.file.state)
    assert (a.file.backbone, b.file.backbone) == ("a", "b")
    assert server.asked == [f"GET /a-{DIGITS}.pth"]
    server.files.clear()
    server.asked.clear()
    absent = RemoteFile(f"{server.address}/c.pth", 10)
    c, d = fetch(plan(registry_of(spec("c", remote=absent), spec("d", remote=absent)), ["c", "d"]), SilentProgress())
    assert c.error == d.error != ""
    assert server.asked == ["GET /c.pth"]


def test_a_backbone_is_loaded_through_the_hub(server: Server) -> None:
    backbone = on_hub(server, "b")

    def load(pretrained: bool) -> nn.Module:
        from safetensors.torch import load_file

        module = nn.Linear(2, 3)
        path = cached_file(backbone.remote)  # type: ignore[arg-type]
        module.load_state_dict(load_file(path) if pretrained and path else module.state_dict())
        return module

    loaded = build_backbone(spec("b", remote=backbone.remote, load=load))
    assert torch.equal(loaded.module.weight, torch.ones(3, 2))  # type: ignore[arg-type]
    assert loaded.source == "v1 from https://huggingface.co/timm/b"


# Importing


@pytest.fixture
def carried(server: Server, tmp_path: Path) -> Path:
    """The caches of a machine with a connection, which fetched two backbones."""
    from huggingface_hub import constants

    registry = both(server)
    fetch(plan(registry, registry.backbones), SilentProgress())
    folder = tmp_path / "carried"
    folder.mkdir()
    shutil.move(os.environ["TORCH_HOME"], folder / "torch")
    shutil.move(constants.HF_HUB_CACHE, folder / "hf")
    return folder


def both(server: Server) -> Registry:
    return registry_of(downloaded(server, "a", f"a-{DIGITS}.pth"), on_hub(server, "b"))


def states(registry: Registry) -> list[str]:
    return [file.state for file in plan(registry, registry.backbones)]


@pytest.mark.parametrize("links", [True, False])
def test_caches_that_were_carried_over(server: Server, carried: Path, tmp_path: Path, links: bool) -> None:
    shutil.copytree(carried, tmp_path / "usb", symlinks=links)
    registry = both(server)
    assert states(registry) == ["missing", "missing"]
    outcome = import_weights(registry, [tmp_path / "usb"], SilentProgress())
    assert sorted((f.backbone, f.known_sha256, f.was_there, f.error) for f in outcome.files) == [
        ("a", DIGITS, False, ""),
        ("b", SHA256, False, ""),
    ]
    assert outcome.unknown == ()
    assert states(registry) == ["ready", "ready"]
    assert f"/snapshots/{COMMIT}/" in str(cached_file(registry.backbone("b").remote))  # type: ignore[arg-type]
    server.asked.clear()
    assert not any(r.error or r.fetched for r in fetch(plan(registry, registry.backbones), SilentProgress()))
    assert server.asked == []
    again = import_weights(registry, [tmp_path / "usb"], SilentProgress())
    assert all(file.was_there for file in again.files)


def test_plain_files_and_those_in_a_folder_of_their_repository(server: Server, tmp_path: Path) -> None:
    registry = both(server)
    folder = tmp_path / "usb"
    (folder / "b").mkdir(parents=True)
    (folder / f"a-{DIGITS}.pth").write_bytes(PICKLED)
    (folder / "b" / "model.safetensors").write_bytes(SAFE)
    (folder / "b" / "config.json").write_text("{}")
    (folder / "other.pth").write_bytes(PICKLED)
    outcome = import_weights(registry, [folder], SilentProgress())
    assert sorted((f.backbone, f.known_sha256) for f in outcome.files) == [("a", DIGITS), ("b", "")]
    assert [path.name for path in outcome.unknown] == ["other.pth"]
    assert states(registry) == ["ready", "ready"]


def test_a_file_of_another_name_for_one_backbone(server: Server, tmp_path: Path) -> None:
    registry = both(server)
    for name, backbone, content in (("x.safetensors", "b", SAFE), ("y.pth", "a", PICKLED)):
        (tmp_path / name).write_bytes(content)
        (file,) = import_weights(registry, [tmp_path / name], SilentProgress(), backbone).files
        assert (file.backbone, file.error) == (backbone, "")
    assert states(registry) == ["ready", "ready"]


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/lnkit-was-here",)


def test_what_is_not_what_its_name_promises_is_refused(server: Server, carried: Path) -> None:
    registry = both(server)
    (download,) = carried.rglob("a-*.pth")
    download.write_bytes(PICKLED[:-1])
    (blob,) = (path for path in carried.rglob("blobs/*"))
    blob.write_bytes(SAFE[:-1])
    outcome = import_weights(registry, [carried], SilentProgress())
    errors = {file.backbone: file.error for file in outcome.files}
    assert f"instead of {DIGITS}" in errors["a"]
    assert "Expected the file that the hub stated" in errors["b"]
    assert states(registry) == ["missing", "missing"]


def test_a_file_with_code_is_refused(server: Server, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"weight": Evil()}, buffer)
    digits = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]  # the hash fits
    registry = registry_of(spec("a", remote=RemoteFile(f"https://example.org/a-{digits}.pth", 10)))
    (tmp_path / f"a-{digits}.pth").write_bytes(buffer.getvalue())
    (file,) = import_weights(registry, [tmp_path / f"a-{digits}.pth"], SilentProgress()).files
    assert "holds Python objects besides tensors" in file.error
    assert states(registry) == ["missing"]


def test_the_real_weights_of_squeezenet(real_data: RealData, tmp_path: Path) -> None:
    real = real_data("weights/squeezenet1_1.safetensors")
    registry = registry_of(
        spec("s", remote=HubFile("somebody/squeezenet1_1.in1k")),
        spec("t", remote=RemoteFile("https://example.org/squeezenet1_1-b8a52dc0.pth", 5_000_000)),
    )
    (file,) = import_weights(registry, [real], SilentProgress(), "s").files
    assert file.path is not None
    assert file.path.read_bytes() == real.read_bytes()
    (wrong,) = import_weights(registry, [real], SilentProgress(), "t").files  # torchvision's are other weights
    assert "instead of b8a52dc0..." in wrong.error
    assert states(registry) == ["ready", "missing"]


# The commands


def test_the_study_is_listed_without_torch(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "list", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)
    assert len(files) == 14
    vgg16 = next(file for file in files if file["backbone"] == "vgg16")
    assert vgg16["address"] == "https://download.pytorch.org/models/vgg16-397923af.pth"
    assert (vgg16["sha256"], vgg16["state"], vgg16["present"]) == ("397923af", "missing", False)
    assert vgg16["path"] == str(Path(os.environ["TORCH_HOME"]) / "hub" / "checkpoints" / "vgg16-397923af.pth")


def test_the_list_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "list", "vgg16", "vgg16_l2pool", "pixel"]) == 0
    printed = capsys.readouterr().out
    assert "1 of 3 backbones can be loaded without a connection." in printed
    assert "Missing: 1 file, about 553 MB, which goes to" in printed
    assert "Next: `lnkit weights fetch vgg16 vgg16_l2pool pixel`" in printed


def test_paths_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "path", "vgg16", "pixel"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{os.environ['TORCH_HOME']}/hub/checkpoints/vgg16-397923af.pth\n"
    assert "pixel: none needed." in printed.err
    assert "Not there yet: vgg16." in printed.err


def test_a_failed_fetch_is_named_and_exits_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert run(["weights", "fetch", "vgg16", "vgg19", "pixel"]) == 1
    printed = capsys.readouterr()
    assert "Warning: The IMAGENET1K_V1 weights of vgg16 could not be fetched." in printed.err
    assert "Warning: download.pytorch.org could not be reached before." in printed.err
    assert [line.split()[-1] for line in printed.out.splitlines()[1:3]] == ["failed", "failed"]
    assert "1 of 3 backbones can be loaded without a connection." in printed.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["fetch"], 2, "Missing argument 'BACKBONE...'"),
        (["fetch", "vgg61"], 2, "Did you mean 'vgg19'"),
        (["path", "@nothing"], 2, "got @nothing (nothing is missing)"),
        (["import", "nowhere"], 1, "There is no file or folder nowhere."),
        (["import", "empty"], 1, "got no files"),
        (["import", "x.bin"], 1, "got x.bin, whose names belong to none"),
        (["import", "x.bin", "--backbone", "vgg61"], 2, "Did you mean 'vgg19'"),
        (["import", "x.bin", "--backbone", "pixel"], 2, "pixel has no weights that are downloaded"),
        (["import", "x.bin", "x.bin", "--backbone", "vgg16"], 2, "expected one file, got 2"),
        (["import", "x.bin", "--backbone", "vgg16"], 1, "Warning: x.bin was not imported. Expected the file of https:"),
    ],
)
def test_wrong_calls(
    arguments: list[str],
    code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("x.bin").write_bytes(b"<html>")
    assert run(["weights", *arguments]) == code
    assert says in capsys.readouterr().err


def test_the_import_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    digits = "squeezenet1_1-b8a52dc0.pth"
    (tmp_path / "usb").mkdir()
    (tmp_path / "usb" / digits).write_bytes(PICKLED)
    (tmp_path / "usb" / "resnet18.a1_in1k").mkdir()
    (tmp_path / "usb" / "resnet18.a1_in1k" / "model.safetensors").write_bytes(SAFE)
    assert run(["weights", "import", str(tmp_path / "usb")]) == 1
    printed = capsys.readouterr()
    assert "squeezenet1_1-b8a52dc0.pth was not imported." in printed.err
    rows = {line.split()[0]: line.split()[1:] for line in printed.out.splitlines()[1:]}
    assert rows["squeezenet1_1"][:2] == [digits, "refused"]
    assert rows["timm/resnet18"][:2] == ["model.safetensors", "imported"]
    assert "-: no hash is known to compare with" in printed.err
    assert run(["weights", "import", str(tmp_path / "usb" / "resnet18.a1_in1k"), "--json"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["backbone"], file["was_there"]) == ("timm/resnet18", True)
