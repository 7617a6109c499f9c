"""Weights that are downloads, kept where torch's hub keeps them, so that torchvision finds them there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import torch
from filelock import FileLock

from lnkit.data.cache import download_dir
from lnkit.data.fetch.checksums import file_sha256
from lnkit.data.fetch.download import fetch, file_name
from lnkit.data.storage import explain_disk_errors, human_size
from lnkit.errors import DataError, WeightsError
from lnkit.progress import Progress
from lnkit.specs import RemoteFile

HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.[^.]+$")  # vgg16-397923af.pth: the SHA-256 of the file begins so


def hub_file(remote: RemoteFile) -> Path:
    """Where torch's hub keeps a download: ``$TORCH_HOME/hub/checkpoints``, under the file's own name."""
    return Path(torch.hub.get_dir()) / "checkpoints" / file_name(remote.url)


def provide(remote: RemoteFile, whose: str, progress: Progress) -> Path:
    """Fetch a file to torch's hub folder unless it is there, and hold it against the hash in its name.

    torch.hub does the same, but it cannot resume, and it announces itself on the standard output, where a table or JSON
    is to come.

    Args:
        remote: the file; its size is announced before it is fetched.
        whose: "IMAGENET1K_V1 weights of vgg16".
        progress: hears of the size and of the bytes.

    Raises:
        WeightsError: it cannot be reached, or what came is something else.
    """
    target = hub_file(remote)
    if target.is_file():
        return target
    folder = download_dir("weights") / target.stem
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not target.is_file():  # another process may have brought it while we waited
            progress.say(f"Fetching the {whose} ({human_size(remote.size)}) to {target}")
            _fetch(remote, folder, target, progress, whose)
    return target


def _fetch(remote: RemoteFile, folder: Path, target: Path, progress: Progress, whose: str) -> None:
    hint = (
        f"Alternatives: fetch it where there is a connection and put it at {target}; pass another file with "
        "--weights FILE; or do without pretrained weights with --weights random."
    )
    try:
        arrived = fetch(remote, folder, progress, hint=hint)
        _require_hash_in_name(arrived, remote, folder, hint)
        with explain_disk_errors(target.parent, remote.size, f"keeping {target.name}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            whole = Path(shutil.move(arrived, target.with_name(f".{target.name}.part")))  # perhaps from another disk
            whole.replace(target)
    except DataError as error:
        raise WeightsError(f"The {whose} are not there. {error}") from error
    shutil.rmtree(folder, ignore_errors=True)


def _require_hash_in_name(arrived: Path, remote: RemoteFile, folder: Path, hint: str) -> None:
    promised = HASH_IN_NAME.search(arrived.name)
    sha256 = file_sha256(arrived)
    if promised and not sha256.startswith(promised[1]):
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(
            f"What came from {remote.url} has the SHA-256 {sha256[:8]}..., and its name promises {promised[1]}: "
            f"something on the way changed it. It was removed. {hint}"
        )
