"""Checkpoints as backbones: of the runs that an environment variable or a configuration file names. Free of torch."""

from __future__ import annotations

import logging
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import lnkit
from lnkit_earlystop.checkpoints import BEST, FOLDER, Facts, checkpoint_files, read_facts
from lnkit_earlystop.networks.architecture import Architecture, parse

if TYPE_CHECKING:
    from torch import nn

_log = logging.getLogger("lnkit")

SHIPPED = Path(__file__).parent / "shipped"
VARIABLE = "LNKIT_EARLYSTOP"  # folders of runs or of checkpoints, separated as in PATH
CONFIGURATION = "earlystop.toml"  # in lnkit's own folder of configuration: runs = ["/data/runs/resnet6"]
CITATION = "Kumar et al. 2022"


def untrained(architecture: Architecture) -> lnkit.BackboneSpec:
    """A registered architecture without weights."""
    return _spec(architecture, architecture.name, partial(_build, architecture))


def of_checkpoint(file: Path, facts: Facts, name: str = "") -> lnkit.BackboneSpec:
    """A checkpoint as a backbone, by default named ``resnet6_64@step1000``."""
    architecture = parse(facts.architecture)
    weights = f"step {facts.step:,}, top-1 {100 * facts.top1:.1f} % of {facts.classes} classes"
    return _spec(architecture, name or facts.name, partial(_load, file, architecture, facts.classes), weights)


def shipped() -> Iterator[lnkit.BackboneSpec]:
    """The trained networks that come with this plugin, each with its training record beside it."""
    for file in sorted(SHIPPED.glob("*.safetensors")):
        facts = read_facts(file)
        yield of_checkpoint(file, facts, f"{facts.architecture}@{file.stem}")


def named_runs() -> Iterator[Path]:
    """The runs that the variable and the configuration file name, each once; a folder of runs stands for all of them.

    Raises:
        lnkit.UsageError: the configuration file is damaged, or a folder is missing.
    """
    named = [Path(text) for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]
    for folder in dict.fromkeys(folder.expanduser() for folder in [*named, *_configured()]):
        if not folder.is_dir():
            raise lnkit.UsageError(f"{VARIABLE} or {CONFIGURATION} names {folder}, which is no folder. Correct it.")
        inside = [path for path in sorted(folder.iterdir()) if (path / FOLDER).is_dir()]
        yield from [folder] if (folder / FOLDER).is_dir() or not inside else inside


def trained() -> Iterator[lnkit.BackboneSpec]:
    """Every checkpoint of the named runs, and as ``resnet6_64@best`` the one that judges images best.

    Two runs may have checkpoints of one name; these get that of their run: ``resnet6_64@wide.step1000``.

    Raises:
        lnkit.UsageError: a folder is missing.
    """
    found = [(_run_name(run), *one) for run in named_runs() for one in _labelled(run)]
    times = Counter((facts.architecture, label) for _, label, _, facts in found)
    for run, label, file, facts in found:
        several = times[facts.architecture, label] > 1
        yield of_checkpoint(file, facts, f"{facts.architecture}@{f'{run}.' * several}{label}")


def _labelled(run: Path) -> Iterator[tuple[str, Path, Facts]]:
    """What the checkpoints of a run are called, where they lie, and what they are; damaged ones are passed over."""
    for file in [*checkpoint_files(run), *([run / BEST] if (run / BEST).is_file() else [])]:
        try:
            facts = read_facts(file)
        except lnkit.WeightsError as error:
            _log.warning("%s No backbone comes of it.", error)
            continue
        yield "best" if file.name == BEST else f"step{facts.step}", file, facts


def _run_name(folder: Path) -> str:
    name = folder.parent.name if folder.name == FOLDER else folder.name
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)


def _configured() -> list[Path]:
    from platformdirs import user_config_path  # noqa: PLC0415 - only where plugins are loaded

    file = user_config_path("lnkit", appauthor=False) / CONFIGURATION
    if not file.is_file():
        return []
    try:
        runs = tomllib.loads(file.read_text(encoding="utf-8")).get("runs", [])
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise lnkit.UsageError(f'{file} cannot be read ({error}). Expected is: runs = ["folder", ...]') from error
    if not isinstance(runs, list) or not all(isinstance(run, str) for run in runs):
        raise lnkit.UsageError(f'`runs` in {file} has to be a list of folders: runs = ["folder", ...]')
    return [Path(run) for run in runs]


def _spec(architecture: Architecture, name: str, load: partial[nn.Module], weights: str = "") -> lnkit.BackboneSpec:
    fixed = architecture.family == "vit"  # whose position embeddings are made for one size
    side = architecture.resolution
    return lnkit.BackboneSpec(
        name=name,
        family=architecture.title,
        load=load,
        weights=weights,
        citation=CITATION,
        min_size=1,
        input_size=(side, side) if fixed else None,
        eval_size=side,
    )


def _build(architecture: Architecture, pretrained: bool) -> nn.Module:
    from lnkit_earlystop.networks import build  # noqa: PLC0415 - torch, which listing does without

    return build(architecture)


def _load(file: Path, architecture: Architecture, classes: int, pretrained: bool) -> nn.Module:
    from lnkit_earlystop.checkpoints import read_network  # noqa: PLC0415 - torch, which listing does without
    from lnkit_earlystop.networks import build  # noqa: PLC0415 - likewise

    return read_network(file) if pretrained else build(architecture, classes)
