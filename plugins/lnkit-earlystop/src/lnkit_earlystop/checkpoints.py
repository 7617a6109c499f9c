"""Checkpoint files: tensors in safetensors, described by a header that is read without torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lnkit
from lnkit.data import atomic_write, open_regular, parse_json, read_json, read_tensors
from lnkit.specs import class_digest
from lnkit_earlystop.networks import build
from lnkit_earlystop.networks.architecture import parse

if TYPE_CHECKING:
    from torch import nn

FORMAT = "lnkit-earlystop 1"  # the number grows when older versions could misread a file
FOLDER = "checkpoints"
BEST = "best.safetensors"  # in the folder of a run: a copy of the early-stopped checkpoint
DESCRIPTION = "training.json"  # in the folder of a finished run
LONGEST_HEADER = 100 * 2**20  # bytes; the limit of safetensors itself
LENGTH_BYTES = 8  # of the header's length, at the start of a safetensors file


@dataclass(frozen=True, slots=True)
class CheckpointHeader:
    """Description of a checkpoint."""

    architecture: str  # "resnet6_64"
    classes: int  # of its head
    step: int  # optimizer steps before it was written
    epoch: float
    top1: float  # on the validation images, a fraction
    data: str  # SHA-256 of the training data
    seed: int
    batch_size: int
    recipe: str  # as JSON
    lnkit_earlystop: str = ""  # version

    @property
    def name(self) -> str:
        """``resnet6_64@step1000``."""
        return f"{self.architecture}@step{self.step}"


def file_name(step: int) -> str:
    """Return ``step-0001000.safetensors``."""
    return f"step-{step:07d}.safetensors"


def write_checkpoint(network: nn.Module, header: CheckpointHeader, folder: Path) -> Path:
    """Write the state of a network to ``folder`` atomically, and return the file."""
    from lnkit.data import write_tensors  # noqa: PLC0415 - torch, which listing does without

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    metadata = {"format": FORMAT, **{name: str(value) for name, value in asdict(header).items()}}
    file = folder / file_name(header.step)
    with atomic_write(file) as tmp:
        write_tensors(tmp, tensors, metadata)
    return file


def read_header(file: Path) -> CheckpointHeader:
    """Read the header of a checkpoint, without its tensors.

    Raises:
        lnkit.WeightsError: the file is no checkpoint of this plugin, or it is damaged.
    """
    metadata = _read_metadata(file)
    if metadata.get("format") != FORMAT:
        raise lnkit.WeightsError(
            f"Expected a checkpoint of `lnkit earlystop train` with the format {FORMAT!r}, got "
            f"{metadata.get('format', 'none')!r} in {file}. Pass other weights with --weights."
        )
    try:
        header = CheckpointHeader(
            architecture=metadata["architecture"],
            classes=int(metadata["classes"]),
            step=int(metadata["step"]),
            epoch=float(metadata["epoch"]),
            top1=float(metadata["top1"]),
            data=metadata["data"],
            seed=int(metadata["seed"]),
            batch_size=int(metadata["batch_size"]),
            recipe=metadata["recipe"],
            lnkit_earlystop=metadata.get("lnkit_earlystop", ""),
        )
        parse(header.architecture)
    except (KeyError, ValueError, lnkit.UsageError) as error:
        raise lnkit.WeightsError(f"The header of {file} is damaged ({error}). Copy it again.") from error
    if header.classes < 1 or header.step < 0 or not math.isfinite(header.epoch + header.top1):
        raise lnkit.WeightsError(f"The header of {file} is damaged: its numbers are out of range. Copy it again.")
    return header


def head_classes(file: Path, header: CheckpointHeader) -> str:
    """Return the ``class_digest`` of a checkpoint's head from the description of its run; "" where none fits.

    The description is beside a shipped checkpoint, under its name, or in the folder of the run.
    """
    run = file.parent.parent if file.parent.name == FOLDER else file.parent
    for description in (file.with_suffix(".json"), run / DESCRIPTION):
        try:
            facts = read_json(description)
            if facts["data"] == header.data and len(facts["classes"]) == header.classes:
                return class_digest(facts["classes"])
        except (lnkit.DataError, KeyError, TypeError, AttributeError):
            continue
    return ""


def _read_metadata(file: Path) -> Mapping[str, str]:
    try:
        with open_regular(file) as opened:
            length = int.from_bytes(opened.read(LENGTH_BYTES), "little")
            header = opened.read(length).decode() if length < LONGEST_HEADER else ""
        metadata: Any = parse_json(header, f"The header of {file}").get("__metadata__", {})
    except lnkit.DataError as error:
        raise lnkit.WeightsError(f"{error} Copy it again.") from error
    except (OSError, ValueError) as error:
        raise lnkit.WeightsError(f"{file} cannot be read as safetensors ({error}). Copy it again.") from error
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise lnkit.WeightsError(f"The header of {file} is damaged. Copy it again.")
    return metadata


def read_network(file: Path) -> nn.Module:
    """Build the network of a checkpoint with its weights, in evaluation mode.

    Raises:
        lnkit.WeightsError: the file is damaged, or its tensors do not fit its architecture.
    """
    header = read_header(file)
    network = build(parse(header.architecture), header.classes)
    try:
        network.load_state_dict(read_tensors(file))
    except lnkit.DataError as error:
        raise lnkit.WeightsError(f"{error} Copy it again.") from error
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        difference = lines[0][:200].rstrip(". ") if lines else str(error)
        raise lnkit.WeightsError(
            f"The tensors of {file} do not fit {header.architecture}: {difference}. The header may "
            "be that of a network of another depth or width; copy the checkpoint again."
        ) from error
    return network.eval()


def checkpoints_in(folder: Path) -> Iterator[tuple[Path, CheckpointHeader]]:
    """Yield the checkpoints of a run by step, with their headers.

    Args:
        folder: of the run, or of its checkpoints.

    Raises:
        lnkit.WeightsError: a checkpoint is damaged.
    """
    for file in checkpoint_files(folder):
        yield file, read_header(file)


def checkpoint_files(folder: Path) -> list[Path]:
    """Return the files of the checkpoints by step, without reading them."""
    return sorted((folder / FOLDER if (folder / FOLDER).is_dir() else folder).glob("step-*.safetensors"))
