"""Weights on the Hugging Face hub: found, fetched and stored in the cache of the package ``huggingface_hub``."""

from __future__ import annotations

import inspect
import os
import re
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit.data.atomic import atomic_write, atomic_write_text
from lnkit.data.fetch.checksums import file_sha256
from lnkit.data.storage import explain_disk_errors, human_size
from lnkit.errors import DataError, WeightsError
from lnkit.plugins.rules import printable
from lnkit.progress import Advance, Progress
from lnkit.specs import HubFile

if TYPE_CHECKING:
    from types import ModuleType

TIMEOUT = 6.0  # seconds that the hub has to answer
SHA256 = re.compile(r"[0-9a-f]{64}")  # the hub's tag of a large file
COMMIT = re.compile(r"[0-9a-f]{40}")


class HubUnreachableError(WeightsError):
    """The hub cannot be reached, or its use is switched off."""


@dataclass(frozen=True, slots=True)
class HubFacts:
    """What the hub says of a file."""

    name: str  # "model.safetensors"
    size: int  # bytes; 0: unknown
    sha256: str  # "": the hub states none


def cached_file(file: HubFile) -> Path | None:
    """Return the path of a file in the cache, or None if it is not there."""
    if find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - installed with a plugin

    found = (try_to_load_from_cache(file.repository, name) for name in file.names)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def repository_folder(file: HubFile) -> Path:
    """Return the folder of a repository in the cache: ``$HF_HUB_CACHE/models--timm--resnet18.a1_in1k``."""
    if find_spec("huggingface_hub") is None:
        cache = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or "~/.cache/huggingface") / "hub"
        cache = Path(cache).expanduser()
    else:
        from huggingface_hub import constants  # noqa: PLC0415 - as above

        cache = Path(constants.HF_HUB_CACHE)
    return cache / f"models--{file.repository.replace('/', '--')}"


def ask_hub(file: HubFile) -> HubFacts:
    """Ask the hub for the name, size and hash of a file.

    Raises:
        HubUnreachableError: There is no connection to the hub.
        WeightsError: The hub refuses the file, or the package ``huggingface_hub`` is missing.
    """
    hub = _library()
    refused: Exception | None = None
    for name in file.names:
        try:
            facts = hub.get_hf_file_metadata(hub.hf_hub_url(file.repository, name), timeout=TIMEOUT)
        except hub.utils.EntryNotFoundError as error:
            refused = error
            continue
        except Exception as error:  # the client has errors of several unrelated families
            kind = WeightsError if isinstance(error, hub.utils.HfHubHTTPError) else HubUnreachableError
            raise kind(f"{file.url} could not be fetched ({_words(error)}).") from error
        tag = str(facts.etag or "")
        return HubFacts(name, facts.size or 0, tag if SHA256.fullmatch(tag) else "")
    raise WeightsError(f"{file.url} has none of the files {', '.join(file.names)}.") from refused


def fetch_hub_file(file: HubFile, title: str, progress: Progress) -> Path:
    """Fetch a file with ``huggingface_hub`` unless it is in its cache, and check its hash in both cases.

    Args:
        file: The file.
        title: Name of the weights in messages: "a1_in1k weights of timm/resnet18".
        progress: Shows the size before the download, and the bytes.

    Returns:
        The path of the file.

    Raises:
        HubUnreachableError: There is no connection to the hub.
        WeightsError: The hub refuses the file, the disk is full, or the file has another hash.
    """
    path = cached = cached_file(file)
    if path is None:
        try:
            facts = ask_hub(file)
            folder = repository_folder(file)
            progress.say(f"Fetching the {title} ({human_size(facts.size or file.size)}) to {folder}")
            with explain_disk_errors(folder, facts.size or file.size, f"fetching {file.repository}"):
                path = _download(file, facts, progress)
        except (WeightsError, DataError) as error:
            raise type(error)(
                f"The {title} could not be fetched. {error} Alternatives: run `lnkit weights fetch` where there is a "
                "connection, carry the files over and run `lnkit weights import`; pass another file with --weights "
                "FILE; or do without pretrained weights with --weights random."
            ) from error
    if fault := fault_of_cached(path):
        blob = path.resolve()
        if not cached:
            blob.unlink()
        removed = f"Delete {blob} and run again." if cached else "It was removed. Try again later."
        raise WeightsError(f"Expected the file of {file.url} at {blob}, got {fault}. {removed}")
    return path


def _download(file: HubFile, facts: HubFacts, progress: Progress) -> Path:
    hub = _library()
    size = facts.size or file.size
    with progress.task(f"fetching {file.repository}", size or None, unit="bytes") as advance:
        takes_bar = "tqdm_class" in inspect.signature(hub.hf_hub_download).parameters  # since 1.0
        bar = {"tqdm_class": _bar(hub, advance)} if takes_bar else {}
        try:
            return Path(hub.hf_hub_download(file.repository, facts.name, **bar))
        except Exception as error:  # as above
            raise WeightsError(f"{file.url} could not be fetched ({_words(error)}).") from error


def _bar(hub: ModuleType, advance: Advance) -> type[Any]:
    """Return a progress bar for ``huggingface_hub`` that draws nothing and reports its bytes."""

    class Bar(hub.utils.tqdm):  # type: ignore[misc, name-defined]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            advance(int(n or 0))

    return Bar


def stated_sha256(path: Path) -> str:
    """Return the SHA-256 that the hub stated for a file in the cache; "" if none is known."""
    name = path.resolve().name  # of the blob that a snapshot's file is a link to
    return name if SHA256.fullmatch(name) else ""


def fault_of_cached(path: Path) -> str:
    """Return what a file in the cache is instead of the one that the hub stated; "" if nothing speaks against it."""
    expected = stated_sha256(path)
    sha256 = file_sha256(path) if expected else ""
    return "" if sha256 == expected else f"one with the SHA-256 {sha256[:8]}... instead of {expected[:8]}..."


def store_hub_file(file: HubFile, source: Path, name: str, commit: str = "") -> Path:
    """Copy a file that was carried over into the cache, as ``huggingface_hub`` would have stored it.

    Args:
        file: What it is.
        source: The copy.
        name: The name of the file in the repository.
        commit: The version of the repository; "": unknown, then digits of the file's hash stand for it.

    Returns:
        Its path in the cache.
    """
    folder, sha256 = repository_folder(file), file_sha256(source)
    commit = commit if COMMIT.fullmatch(commit) else sha256[:40]
    blob, link = folder / "blobs" / sha256, folder / "snapshots" / commit / name
    with explain_disk_errors(folder, source.stat().st_size, f"importing {file.repository}"):
        for place in (blob, link, folder / "refs" / "main"):
            place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(blob) as part:
            shutil.copyfile(source, part)
        link.unlink(missing_ok=True)
        try:
            link.symlink_to(os.path.relpath(blob, link.parent))
        except OSError:  # a file system without links
            shutil.copyfile(blob, link)
        atomic_write_text(folder / "refs" / "main", commit)  # last: it makes the file known
    return link


def _library() -> ModuleType:
    try:
        import huggingface_hub  # noqa: PLC0415 - installed with a plugin
        import huggingface_hub.utils  # noqa: PLC0415
    except ImportError as error:
        raise WeightsError("The package huggingface_hub is missing. Run: pip install huggingface_hub") from error
    return huggingface_hub


def _words(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return printable(lines[0].rstrip(".") if lines else type(error).__name__)
