"""Download pretrained weights into the folder of torch.hub, where torchvision finds them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import torch

from lnkit.data.cache import download_dir
from lnkit.data.fetch.checksums import file_sha256
from lnkit.data.fetch.download import fetch, file_name
from lnkit.data.storage import explain_disk_errors, human_size, locked
from lnkit.errors import DataError, WeightsError
from lnkit.progress import Progress
from lnkit.specs import RemoteFile

HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.[^.]+$")  # vgg16-397923af.pth: the first digits of its SHA-256


def hub_file(remote: RemoteFile) -> Path:
    """Return the path of a download in the folder of torch.hub: ``$TORCH_HOME/hub/checkpoints/NAME``."""
    return Path(torch.hub.get_dir()) / "checkpoints" / file_name(remote.url)


def fetch_weights(remote: RemoteFile, title: str, progress: Progress) -> Path:
    """Download weights into the folder of torch.hub unless they are there, and check the hash in their name.

    torch.hub itself can neither resume a download nor keep the standard output free for a table or JSON.

    Args:
        remote: The file.
        title: Name of the weights in messages: "IMAGENET1K_V1 weights of vgg16".
        progress: Shows the size before the download, and the bytes.

    Returns:
        The path of the file.

    Raises:
        WeightsError: The download failed, or the file has another hash.
    """
    target = hub_file(remote)
    if target.is_file():
        return target
    folder = download_dir("weights") / target.stem
    with locked(folder, f"fetching the {title}", progress):
        if not target.is_file():  # another process may have fetched it in the meantime
            progress.say(f"Fetching the {title} ({human_size(remote.size)}) to {target}")
            _fetch(remote, folder, target, progress, title)
    return target


def _fetch(remote: RemoteFile, folder: Path, target: Path, progress: Progress, title: str) -> None:
    alternatives = (
        f"Alternatives: fetch it where there is a connection and put it at {target}; pass another file with "
        "--weights FILE; or do without pretrained weights with --weights random."
    )
    try:
        arrived = fetch(remote, folder, progress, hint=alternatives)
        _require_hash_in_name(arrived, remote, folder, alternatives)
        with explain_disk_errors(target.parent, remote.size, f"storing {target.name}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            part = Path(shutil.move(arrived, target.with_name(f".{target.name}.part")))  # may cross disks: not atomic
            part.replace(target)
    except DataError as error:
        raise WeightsError(f"The {title} could not be fetched. {error}") from error
    shutil.rmtree(folder, ignore_errors=True)


def _require_hash_in_name(arrived: Path, remote: RemoteFile, folder: Path, alternatives: str) -> None:
    expected = HASH_IN_NAME.search(arrived.name)
    sha256 = file_sha256(arrived)
    if expected and not sha256.startswith(expected[1]):
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(
            f"Expected a file with the SHA-256 {expected[1]}... from {remote.url}, got {sha256[:8]}...: it was changed "
            f"on the way and has been removed. {alternatives}"
        )
