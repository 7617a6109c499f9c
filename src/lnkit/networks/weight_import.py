"""Files of weights that were carried over: recognized, checked, and copied to where the backbones look for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from lnkit.data.atomic import atomic_write
from lnkit.data.fetch.checksums import file_sha256
from lnkit.data.fetch.download import file_name
from lnkit.data.fetch.folder_files import folder_files
from lnkit.data.storage import explain_disk_errors, require_space
from lnkit.errors import DataError, LnkitError, UsageError
from lnkit.networks.hf_hub import SHA256, cached_file, repository_folder, store_hub_file
from lnkit.networks.hub import fault_of, hub_file, known_sha256
from lnkit.progress import Progress
from lnkit.specs import HubFile, RemoteFile

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry
    from lnkit.specs import BackboneSpec

AGAIN = "Fetch it again and carry it over."
ENDINGS = {".pth", ".pt", ".bin", ".safetensors", ".ckpt", ".tar", ".npz"}  # of files that may hold weights
CACHED = "models--"  # begins the folder of a repository in the hub's cache


@dataclass(frozen=True, slots=True)
class ImportedWeights:
    """What became of one file that was carried over."""

    source: Path
    backbone: str  # or several, separated by commas
    path: Path | None = None  # where it lies now; None: it was refused
    known_sha256: str = ""  # what its SHA-256 was compared with; "": none is known
    was_there: bool = False
    error: str = ""  # why it was refused


@dataclass(frozen=True, slots=True)
class ImportedFiles:
    """The outcome of an import."""

    files: tuple[ImportedWeights, ...]
    unknown: tuple[Path, ...]  # that may hold weights, and belong to no backbone


@dataclass(slots=True)
class _Sources:
    """Every file of weights that the backbones of a registry use."""

    downloads: dict[str, tuple[RemoteFile, list[str]]] = field(default_factory=dict)  # name of a file ->
    repositories: dict[str, tuple[HubFile, list[str]]] = field(default_factory=dict)  # owner/name ->

    def add(self, backbone: str, remote: RemoteFile | HubFile | None) -> None:
        if isinstance(remote, HubFile):
            self.repositories.setdefault(remote.repository, (remote, []))[1].append(backbone)
        elif remote:
            self.downloads.setdefault(file_name(remote.url), (remote, []))[1].append(backbone)


@dataclass(frozen=True, slots=True)
class _Recognized:
    """A file that was carried over, and what it must be."""

    source: Path
    backbones: Sequence[str]
    remote: RemoteFile | HubFile
    name: str = ""  # in a repository of the hub
    commit: str = ""  # the version of the repository; "": unknown
    sha256: Sequence[str] = ()  # one of which a file of the hub has; none: unknown


def import_weights(
    registry: Registry, sources: Sequence[Path], progress: Progress, backbone: str = ""
) -> ImportedFiles:
    """Copy files of weights to where backbones look for them, after checking them.

    A file is recognized by its name in a download's address (``vgg16-397923af.pth``), by its place in a copy of the
    hub's cache (``models--timm--resnet18.a1_in1k/snapshots/...``), or by the name of its repository as its folder
    (``resnet18.a1_in1k/model.safetensors``). Its SHA-256 is compared with what is known of it, and it is read without
    running code in it.

    Args:
        registry: Knows the backbones.
        sources: Files and folders.
        progress: Receives the number of files.
        backbone: Whose weights the one file is, whatever its name.

    Raises:
        DataError: A source is missing, or no file of any source belongs to a backbone.
        UsageError: A backbone is given with several files, or it has no file of weights to import.
    """
    files = [file for source in sources for file in _files_in(source)]
    recognized, unknown = _named(registry, backbone, files) if backbone else _recognize(registry, files)
    if not recognized:
        raise DataError(
            f"Expected files of weights of a backbone, got {_some(files)}, whose names belong to none. `lnkit weights "
            "list NAME --json` shows the address of each; --backbone NAME says whose weights a single file holds."
        )
    imported = []
    with progress.task("importing weights", len(recognized), unit="files") as advance:
        for file in recognized:
            imported.append(_import(file))
            advance(1)
    return ImportedFiles(tuple(imported), tuple(unknown))


def _files_in(source: Path) -> list[Path]:
    if source.is_dir():
        return [file.path for file in folder_files(source)]
    if not source.is_file():
        raise DataError(f"There is no file or folder {source}. Name what you carried over.")
    return [source]


def _some(files: Sequence[Path]) -> str:
    shown = ", ".join(str(file) for file in files[:3])
    return f"{shown}{f' and {len(files) - 3:,} more' if len(files) > 3 else ''}" if files else "no files"


def _named(registry: Registry, backbone: str, files: Sequence[Path]) -> tuple[list[_Recognized], list[Path]]:
    if len(files) != 1:
        raise UsageError(f"--backbone names whose weights one file holds: expected one file, got {len(files):,}.")
    remote = registry.backbone(backbone).remote
    if remote is None:
        raise UsageError(f"{backbone} has no weights that are downloaded: give the file with --weights FILE instead.")
    name = _stored_name(files[0], remote) if isinstance(remote, HubFile) else ""
    return [_Recognized(files[0], [backbone], remote, name)], []


def _stored_name(file: Path, hub: HubFile) -> str:
    """Return the name in a repository that fits the ending of a file."""
    return next((name for name in hub.names if PurePath(name).suffix == file.suffix), hub.names[0])


def _recognize(registry: Registry, files: Sequence[Path]) -> tuple[list[_Recognized], list[Path]]:
    sources = _Sources()
    for spec in _all_specs(registry):
        sources.add(spec.name, spec.remote)
    recognized, unknown = [], []
    for file in files:
        if found := _recognized(file, sources):
            recognized.append(found)
        elif file.suffix in ENDINGS:  # not the blobs and references of the hub's cache
            unknown.append(file)
    return recognized, unknown


def _all_specs(registry: Registry) -> Iterator[BackboneSpec]:
    for name, spec in registry.backbones.items():
        yield spec
        yield from (registry.backbone(f"{name}.{tag}") for tag in spec.tags if tag != spec.weights)


def _recognized(file: Path, sources: _Sources) -> _Recognized | None:
    if file.name in sources.downloads:
        remote, backbones = sources.downloads[file.name]
        return _Recognized(file, backbones, remote)
    folders = file.absolute().parent.parts
    at = next((i for i, folder in enumerate(folders) if folder.startswith(CACHED)), None)
    return _in_folder(file, sources) if at is None else _in_cache(file, Path(*folders[: at + 1]), sources)


def _in_cache(file: Path, repository: Path, sources: _Sources) -> _Recognized | None:
    """Recognize a file in a copy of the hub's cache: ``models--timm--resnet18.a1_in1k/snapshots/COMMIT/NAME``."""
    hub, backbones = sources.repositories.get("/".join(repository.name.split("--")[1:]), (None, []))
    kind, _, rest = file.absolute().relative_to(repository).as_posix().partition("/")
    commit, _, name = rest.partition("/")
    if hub is None or kind != "snapshots" or name not in hub.names:
        return None
    blobs = repository / "blobs"
    stated = [path.name for path in (blobs.iterdir() if blobs.is_dir() else ()) if SHA256.fullmatch(path.name)]
    return _Recognized(file, backbones, hub, name, commit, stated)


def _in_folder(file: Path, sources: _Sources) -> _Recognized | None:
    """Recognize a file by the name of its repository as its folder, with or without the folder of the owner."""
    owner, folder = ("", "", *file.absolute().parent.parts)[-2:]
    alike = [name for name in sources.repositories if name.partition("/")[2] == folder]
    name = f"{owner}/{folder}" if f"{owner}/{folder}" in alike else next(iter(alike), "")
    hub, backbones = sources.repositories.get(name, (None, []))
    return _Recognized(file, backbones, hub, file.name) if hub and file.name in hub.names else None


def _import(file: _Recognized) -> ImportedWeights:
    backbones = ", ".join(file.backbones)
    try:
        if isinstance(file.remote, HubFile):
            path, known, was_there = _store_in_hub(file, file.remote)
        else:
            path, known, was_there = _store_download(file, file.remote)
    except LnkitError as error:
        return ImportedWeights(file.source, backbones, error=str(error))
    return ImportedWeights(file.source, backbones, path, known, was_there)


def _store_in_hub(file: _Recognized, remote: HubFile) -> tuple[Path, str, bool]:
    """Check a file and copy it; return its place, what its hash was compared with, and whether it was there."""
    sha256 = file_sha256(file.source)
    if file.sha256 and sha256 not in file.sha256:
        raise DataError(f"Expected the file that the hub stated, got one with the SHA-256 {sha256[:8]}.... {AGAIN}")
    _read(file.source)
    known, there = sha256 if file.sha256 else "", cached_file(remote)
    if there and file_sha256(there) == sha256:
        return there, known, True
    _require_space(file.source, repository_folder(remote))
    return store_hub_file(remote, file.source, file.name, file.commit), known, False


def _store_download(file: _Recognized, remote: RemoteFile) -> tuple[Path, str, bool]:
    """As :func:`_store_in_hub`, for a file in the folder of torch.hub."""
    if fault := fault_of(file.source, remote):
        raise DataError(f"Expected the file of {remote.url}, got {fault}. {AGAIN}")
    _read(file.source)
    known, target = known_sha256(remote), hub_file(remote)
    if target.is_file() and file_sha256(target) == file_sha256(file.source):
        return target, known, True
    _require_space(file.source, target.parent)
    with explain_disk_errors(target.parent, file.source.stat().st_size, f"importing {target.name}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as part:
            shutil.copyfile(file.source, part)
    return target, known, False


def _read(path: Path) -> None:
    """Raise WeightsError unless a file holds weights that are read without running code in it."""
    from lnkit.networks.weight_files import read_content  # noqa: PLC0415 - torch, not for help and errors

    read_content(path)


def _require_space(source: Path, folder: Path) -> None:
    require_space(folder, source.stat().st_size, f"Importing {source.name}")
