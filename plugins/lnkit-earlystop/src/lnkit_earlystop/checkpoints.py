"""Checkpoints as files: tensors in safetensors, with what they are in the header, which is read without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lnkit
from lnkit.data.atomic import atomic_write

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = "lnkit-earlystop 1"  # raised when older readers could misread a file
FOLDER = "checkpoints"
BEST = "best.safetensors"  # of a run: the early-stopped network, a copy of its checkpoint
LONGEST_HEADER = 100 * 2**20  # bytes; what safetensors itself allows
LENGTH_BYTES = 8  # of the number at the start of a safetensors file, which is the length of its header


@dataclass(frozen=True, slots=True)
class Facts:
    """What a checkpoint is."""

    architecture: str  # "resnet6_64"
    classes: int  # of its head
    step: int  # of the optimizer, after which it was written
    epoch: float
    top1: float  # on the validation images, a fraction
    data: str  # SHA-256 of what it was trained on
    seed: int
    batch_size: int
    recipe: str  # as JSON
    lnkit_earlystop: str = ""  # version

    @property
    def name(self) -> str:
        """``resnet6_64@step1000``."""
        return f"{self.architecture}@step{self.step}"


def file_name(step: int) -> str:
    return f"step-{step:07d}.safetensors"


def write_checkpoint(network: nn.Module, facts: Facts, folder: Path) -> Path:
    """Write the state of a network; the file appears whole or not at all."""
    from safetensors.torch import save_file  # noqa: PLC0415 - torch, which listing does without

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    header = {"format": FORMAT, **{name: str(value) for name, value in asdict(facts).items()}}
    file = folder / file_name(facts.step)
    with atomic_write(file) as draft:
        save_file(tensors, draft, metadata=header)
    return file


def read_facts(file: Path) -> Facts:
    """What a checkpoint says about itself, from its header alone.

    Raises:
        lnkit.WeightsError: it is none of these files, or damaged.
    """
    header = _metadata(file)
    if header.get("format") != FORMAT:
        raise lnkit.WeightsError(
            f"{file} is no checkpoint of `lnkit earlystop train`: its header says {header.get('format', 'nothing')!r} "
            f"where {FORMAT!r} is expected. Other weights are given to --weights."
        )
    try:
        return Facts(
            architecture=header["architecture"],
            classes=int(header["classes"]),
            step=int(header["step"]),
            epoch=float(header["epoch"]),
            top1=float(header["top1"]),
            data=header["data"],
            seed=int(header["seed"]),
            batch_size=int(header["batch_size"]),
            recipe=header["recipe"],
            lnkit_earlystop=header.get("lnkit_earlystop", ""),
        )
    except (KeyError, ValueError) as error:
        raise lnkit.WeightsError(f"The header of {file} is damaged ({error}). Copy it again.") from error


def _metadata(file: Path) -> Mapping[str, str]:
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
    """Build the network of a checkpoint, with its weights, in evaluation mode.

    Raises:
        lnkit.WeightsError: the file is damaged, or its tensors are not those of its architecture.
    """
    from lnkit_earlystop.networks import build  # noqa: PLC0415 - torch, which listing does without
    from lnkit_earlystop.networks.architecture import parse  # noqa: PLC0415

    facts = read_facts(file)
    network = build(parse(facts.architecture), facts.classes)
    load_tensors(network, read_tensors(file), file, facts.architecture)
    return network.eval()


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint. Raises lnkit.WeightsError if it is damaged."""
    from safetensors import SafetensorError  # noqa: PLC0415 - torch, which listing does without
    from safetensors.torch import load_file  # noqa: PLC0415

    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as error:
        raise lnkit.WeightsError(f"{file} is cut short or damaged ({error}). Copy it again.") from error


def load_tensors(network: nn.Module, tensors: Mapping[str, Tensor], file: Path, architecture: str) -> None:
    """Put tensors into a network. Raises lnkit.WeightsError where they are another's."""
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise lnkit.WeightsError(
            f"The tensors of {file} are not those of {architecture}: {_first_difference(str(error))}. It may be of a "
            "network of another depth or width; name the architecture that it was trained as."
        ) from error


def _first_difference(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()[1:] if line.strip()]
    return lines[0][:200].rstrip(". ") if lines else text


def checkpoints_in(folder: Path) -> Iterator[tuple[Path, Facts]]:
    """The checkpoints of a run by step; ``folder`` is the run's, or that of its checkpoints.

    Raises:
        lnkit.WeightsError: one is damaged.
    """
    for file in checkpoint_files(folder):
        yield file, read_facts(file)


def checkpoint_files(folder: Path) -> list[Path]:
    """The files of the same, whatever state they are in."""
    place = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    return sorted(place.glob("step-*.safetensors"))
