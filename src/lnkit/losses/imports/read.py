"""Read a loss of another project from its option file or its name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lnkit.data.stored_files import read_text
from lnkit.errors import UsageError
from lnkit.losses.imports.basicsr import import_basicsr
from lnkit.losses.imports.kair import FIRST_FIELD, import_kair, without_comments
from lnkit.losses.imports.names import NAMES, import_name
from lnkit.losses.imports.options import ImportedLoss
from lnkit.losses.imports.trainner import TYPES, import_trainner

SUFFIXES = (".yml", ".yaml", ".json")
LONGEST = 2**20  # bytes of an option file


def import_loss(source: str) -> list[ImportedLoss]:
    """Read the losses of an option file of BasicSR, traiNNer-redux or KAIR, or the loss of a name.

    Args:
        source: a path, or a name such as "lpips-vgg".

    Returns:
        One loss, or several for a file of traiNNer-redux with several perceptual losses.

    Raises:
        DataError: the file cannot be read.
        UsageError: it is no option file of these projects, or a field of it cannot be honoured.
    """
    path = Path(source)
    if path.suffix.lower() not in SUFFIXES and not path.exists():
        return [import_name(source)]
    train = _parse(read_text(path, LONGEST), path).get("train")
    if not isinstance(train, Mapping):
        raise _no_loss(path)
    if isinstance(options := train.get("perceptual_opt"), Mapping):
        return [import_basicsr(options, f"train.perceptual_opt of {path}")]
    if FIRST_FIELD in train:
        return [import_kair(train, f"train of {path}")]
    losses = train.get("losses")
    found = [
        import_trainner(fields, f"train.losses[{index}] of {path}")
        for index, fields in enumerate(losses if isinstance(losses, list) else ())
        if isinstance(fields, Mapping) and str(fields.get("type")).lower() in TYPES
    ]
    if not found:
        raise _no_loss(path)
    return found


def _parse(text: str, path: Path) -> Mapping[str, Any]:
    if path.suffix.lower() == ".json":
        try:
            content = json.loads(without_comments(text))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"Expected JSON in {path}, got something else ({error}).") from error
    else:
        content = _parse_yaml(text, path)
    if not isinstance(content, Mapping):
        raise _no_loss(path)
    return content


def _parse_yaml(text: str, path: Path) -> Any:
    try:
        import yaml  # noqa: PLC0415 - an extra, for these files only
    except ImportError as error:
        raise UsageError("YAML files need a package: pip install 'lnkit[yaml]'.") from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(f"Expected YAML in {path}, got something else ({first_line}).") from error


def _no_loss(path: Path) -> UsageError:
    return UsageError(
        f"{path} has no perceptual loss that lnkit knows: expected train.perceptual_opt (BasicSR), train.losses with a "
        f"{TYPES[0]} (traiNNer-redux), or train.{FIRST_FIELD} (KAIR); or give one of the names {', '.join(NAMES)}."
    )
