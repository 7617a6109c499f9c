"""Download pretrained weights into the folder of torch.hub, where torchvision finds them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from lnkit.data.cache import download_dir
from lnkit.data.fetch.checksums import file_sha256
from lnkit.data.fetch.download import fetch, file_name
from lnkit.data.storage import explain_disk_errors, human_size, locked
from lnkit.data.stored_files import open_regular
from lnkit.errors import DataError, WeightsError
from lnkit.progress import Progress
from lnkit.specs import RemoteFile

HEAD = 4096  # bytes that show whether a server answered with a page
NO_WEIGHTS = re.compile(rb"\s*<")
HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.[^.]+$")  # vgg16-397923af.pth: the first digits of its SHA-256


def hub_file(remote: RemoteFile) -> Path:
    """Return the path of a download in the folder of torch.hub: ``$TORCH_HOME/hub/checkpoints/NAME``."""
    return _hub_folder() / "checkpoints" / file_name(remote.url)


def _hub_folder() -> Path:
    """Return the folder of torch.hub, without importing torch for it, which listing does without."""
    if torch := sys.modules.get("torch"):
        return Path(torch.hub.get_dir())  # a program may have set another one
    home = os.environ.get("TORCH_HOME", os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch"))  # noqa: PTH118
    return Path(os.path.expanduser(home)) / "hub"  # noqa: PTH111 - as torch does, also without a home folder


def fetch_weights(remote: RemoteFile, title: str, progress: Progress) -> Path:
    """Download weights into the folder of torch.hub unless they are there, and check their hash in both cases.

    torch.hub itself can neither resume a download nor keep the standard output free for a table or JSON.

    Args:
        remote: The file.
        title: Name of the weights in messages: "IMAGENET1K_V1 weights of vgg16".
        progress: Shows the size before the download, and the bytes.

    Returns:
        The path of the file.

    Raises:
        WeightsError: The download failed, or the file there has another hash.
    """
    target = hub_file(remote)
    alternatives = (
        f"Alternatives: fetch it where there is a connection and put it at {target}; pass another file with "
        "--weights FILE; or do without pretrained weights with --weights random."
    )
    folder = download_dir("weights") / target.stem
    try:
        with explain_disk_errors(folder, remote.size, f"fetching {target.name}"):
            if not _is_there(target, remote):
                with locked(folder, f"fetching the {title}", progress):
                    if not _is_there(target, remote):  # another process may have fetched it in the meantime
                        progress.say(f"Fetching the {title} ({human_size(remote.size)}) to {target}")
                        _fetch(remote, folder, target, progress, alternatives)
    except DataError as error:
        raise WeightsError(f"The {title} could not be fetched. {error}") from error
    return target


def _is_there(target: Path, remote: RemoteFile) -> bool:
    """Whether the file has been fetched; torch.hub itself checks only what it has just downloaded."""
    if target.is_dir():
        raise DataError(f"Expected a file, got the folder {target}: move it away.")
    if not target.is_file():
        return False
    fault = fault_of(target, remote)
    if fault:
        raise DataError(f"Expected the file of {remote.url} at {target}, got {fault}. Delete it and run again.")
    return True


def _fetch(remote: RemoteFile, folder: Path, target: Path, progress: Progress, alternatives: str) -> None:
    arrived = fetch(remote, folder, progress, hint=alternatives)
    fault = fault_of(arrived, remote)
    if fault:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(f"Expected weights from {remote.url}, got {fault}; the file has been removed. {alternatives}")
    with explain_disk_errors(target.parent, remote.size, f"storing {target.name}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(shutil.move(arrived, target.with_name(f".{target.name}.part")))  # may cross disks: not atomic
        part.replace(target)
    shutil.rmtree(folder, ignore_errors=True)


def known_sha256(remote: RemoteFile) -> str:
    """Return the SHA-256 of a download, or the first digits of it that its name has; "" if none are known."""
    named = HASH_IN_NAME.search(file_name(remote.url))
    return (remote.sha256 or (named[1] if named else "")).lower()


def fault_of(path: Path, remote: RemoteFile) -> str:
    """Return what a file is instead of the expected one; "" if nothing speaks against it."""
    with open_regular(path) as stream:
        head = stream.read(HEAD)
    if not head.strip() or NO_WEIGHTS.match(head):
        return "a web page or another text with tags" if head.strip() else "nothing"
    expected = known_sha256(remote)
    sha256 = file_sha256(path) if expected else ""
    return "" if sha256.startswith(expected) else f"one with the SHA-256 {sha256[:8]}... instead of {expected[:8]}..."
