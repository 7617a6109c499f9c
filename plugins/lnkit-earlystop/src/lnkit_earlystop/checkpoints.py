"""Checkpoint files: tensors in safetensors, described by a header that is read without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lnkit
from lnkit.data import atomic_write
from lnkit.specs import class_digest
from lnkit_earlystop.networks import build
from lnkit_earlystop.networks.architecture import parse

if TYPE_CHECKING:
    from torch import Tensor, nn

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
        return CheckpointHeader(
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
    except (KeyError, ValueError) as error:
        raise lnkit.WeightsError(f"The header of {file} is damaged ({error}). Copy it again.") from error


def head_classes(file: Path, header: CheckpointHeader) -> str:
    """Return the ``class_digest`` of a checkpoint's head from the description of its run; "" where none fits.

    The description is beside a shipped checkpoint, under its name, or in the folder of the run.
    """
    run = file.parent.parent if file.parent.name == FOLDER else file.parent
    for description in (file.with_suffix(".json"), run / DESCRIPTION):
        try:
            facts: Any = json.loads(description.read_text(encoding="utf-8"))
            if facts["data"] == header.data and len(facts["classes"]) == header.classes:
                return class_digest(facts["classes"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""


def _read_metadata(file: Path) -> Mapping[str, str]:
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(LENGTH_BYTES), "little")
            content: Any = json.loads(opened.read(length)) if length < LONGEST_HEADER else None
        metadata: Any = content.get("__metadata__", {})
    except (OSError, ValueError, AttributeError) as error:
        raise lnkit.WeightsError(f"{file} cannot be read as safetensors ({error}). Copy it again.") from error
    if not isinstance(metadata, dict):
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
        network.load_state_dict(_read_tensors(file))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
        difference = lines[0][:200].rstrip(". ") if lines else str(error)
        raise lnkit.WeightsError(
            f"The tensors of {file} do not fit {header.architecture}: {difference}. The header may "
            "be that of a network of another depth or width; copy the checkpoint again."
        ) from error
    return network.eval()


def _read_tensors(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError  # noqa: PLC0415 - torch, which listing does without
    from safetensors.torch import load_file  # noqa: PLC0415

    try:
        tensors: dict[str, Tensor] = load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise lnkit.WeightsError(f"{file} is cut short or damaged ({error}). Copy it again.") from error
    return tensors


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
