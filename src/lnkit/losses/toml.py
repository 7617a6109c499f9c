"""A loss as TOML: one table ``[[term]]`` for each term.

.. code-block:: toml

    [[term]]
    backbone = "vgg19"
    points = { conv1_2 = 0.1, conv5_4 = 1 }   # or a list, or text: "conv1_2*0.1+conv5_4"
    distance = "l1"
    weight = 1.0
    normalization = "none"                    # and size, interpolation; see lnkit.losses.definition.LossInput

A table ``[evidence]`` may say where a loss is from, as ``lnkit search`` writes it; it changes nothing.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from lnkit._text_paths import text_paths
from lnkit.data.stored_files import read_text
from lnkit.errors import UsageError
from lnkit.losses.definition import Loss, LossInput, LossTerm
from lnkit.losses.expression import parse_loss

INPUT = tuple(field.name for field in fields(LossInput))
FIELDS = ("backbone", "points", "distance", "weight", *INPUT)

EVIDENCE = "evidence"

USUAL = LossInput()


@text_paths
def read_loss(path: Path) -> Loss:
    """Read a loss from a TOML file.

    Raises:
        DataError: the file is missing or cannot be read.
        UsageError: it is no TOML, or not a loss.
    """
    return loss_from_toml(read_text(path), str(path))


def loss_from_toml(text: str, where: str = "the loss") -> Loss:
    """Read a loss from the text of a TOML file.

    Args:
        text: the TOML.
        where: names its source in errors.

    Raises:
        UsageError: it is no TOML, or not a loss.

    Example:
        >>> print(loss_from_toml("term = [{backbone = 'vgg16', points = 'early+late*2', distance = 'l1'}]"))
        vgg16:early+late*2, l1
    """
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"Expected TOML in {where}, got something else ({error or 'nested too deeply'}).") from error
    terms = content.get("term")
    if unknown := [name for name in content if name not in ("term", EVIDENCE)]:
        raise UsageError(f"Expected only tables [[term]] and [{EVIDENCE}] in {where}, got {unknown[0]!r}.")
    if not isinstance(terms, list) or not all(isinstance(term, dict) for term in terms):
        raise UsageError(f"Expected one or more tables [[term]] in {where}, got none.")
    try:
        return Loss(tuple(_term(term) for term in terms))
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def loss_to_toml(loss: Loss) -> str:
    """Return a loss as TOML, which :func:`loss_from_toml` reads back.

    Example:
        >>> print(loss_to_toml(parse_loss("0.5*vgg16:early+late*2, l1")))
        [[term]]
        backbone = "vgg16"
        points = { "early" = 1.0, "late" = 2.0 }
        distance = "l1"
        weight = 0.5
        <BLANKLINE>
    """
    return "\n".join(map(_table, loss.terms))


def _table(term: LossTerm) -> str:
    points = ", ".join(f"{json.dumps(point)} = {float(weight)!r}" for point, weight in term.points.items())
    given = {name: getattr(term.input, name) for name in INPUT if getattr(term.input, name) != getattr(USUAL, name)}
    values = {"distance": term.distance, "weight": float(term.weight), **given}
    lines = [f"backbone = {json.dumps(term.backbone)}", f"points = {{ {points} }}"]
    return "\n".join(["[[term]]", *lines, *(f"{name} = {json.dumps(value)}" for name, value in values.items())]) + "\n"


def _term(table: Mapping[str, Any]) -> LossTerm:
    if unknown := [name for name in table if name not in FIELDS]:
        raise UsageError(f"A term has no field {unknown[0]!r}; it has: {', '.join(FIELDS)}.")
    backbone, distance = table.get("backbone"), table.get("distance", "")
    if not isinstance(backbone, str) or not isinstance(distance, str):
        raise UsageError("Expected text as backbone and distance of a term.")
    given = LossInput(**{name: table[name] for name in INPUT if name in table})
    return LossTerm(backbone, _points(backbone, table.get("points")), distance, table.get("weight", 1.0), given)


def _points(backbone: str, points: object) -> Mapping[str, float]:
    if isinstance(points, dict):
        return points
    if isinstance(points, list) and all(isinstance(point, str) for point in points):
        return dict.fromkeys(points, 1.0)
    if isinstance(points, str):
        return parse_loss(f"{backbone}:{points}").terms[0].points
    raise UsageError(f"Expected points of {backbone} as a table of weights, a list of names or text, got {points!r}.")
