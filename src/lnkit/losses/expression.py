"""A loss in one line: ``vgg19:conv1_2*0.1+conv5_4, l1 + 0.1*timm/vit_tiny_patch16_224:late, cosine``.

A term is ``[weight*]backbone[(option=value, ...)]:points[, distance]``. Points are joined with ``+``, and so are terms:
what follows a ``+`` is a new term if it holds a colon, else one more point, or one more distance if the term has one
already. The options are those of :class:`.LossInput`: ``normalization``, ``size`` and ``interpolation``.
"""

from __future__ import annotations

import re

from lnkit.distances.expression import parse_distance
from lnkit.errors import UsageError, did_you_mean, near_names
from lnkit.losses.definition import Loss, LossInput, LossTerm

OPTIONS = ("normalization", "size", "interpolation")
FORM = "'[weight*]backbone:point[*weight]+point, distance', such as 'vgg19:conv1_2*0.1+conv5_4, l1'"

_OUTSIDE = r"(?![^()]*\))"  # not inside parentheses
_PLUS = re.compile(rf"(?<![0-9.][eE])\+{_OUTSIDE}")  # nor the sign of an exponent
_COMMA = re.compile(rf",{_OUTSIDE}")
_FACTOR = re.compile(r"\s*([-0-9.]+(?:[eE][+-]?\d+)?)\s*\*\s*(.*)", re.DOTALL)
_BACKBONE = re.compile(r"\s*([^()\s]+)\s*(\([^()]*\))?\s*")
_POINT = re.compile(r"\s*([^*\s]+)\s*(?:\*\s*(\S+)\s*)?")


def parse_loss(text: str) -> Loss:
    """Read a loss from its text.

    Args:
        text: one or more terms joined with ``+``; see this module.

    Raises:
        UsageError: the text has another form, or a weight is not above 0. Names are looked up later.

    Example:
        >>> loss = parse_loss("vgg19 : conv1_2*.1 + conv5_4 , charbonnier(eps=1e-3) + 0.5 * pixel:image")
        >>> loss.backbones
        ('vgg19', 'pixel')
        >>> print(loss)
        vgg19:conv1_2*0.1+conv5_4, charbonnier(eps=0.001) + 0.5*pixel:image
        >>> print(parse_loss("2*convnext_small(size=224, interpolation=bilinear):classifier, squared"))
        2*convnext_small(size=224, interpolation=bilinear):classifier, squared
    """
    terms: list[str] = []
    for piece in _PLUS.split(text):
        if not terms or ":" in piece:
            terms.append(piece)
        else:
            terms[-1] += f"+{piece}"
    return Loss(tuple(_parse_term(term.strip()) for term in terms))


def _parse_term(text: str) -> LossTerm:
    head, *rest = _COMMA.split(text, maxsplit=1)
    factor = _FACTOR.fullmatch(head)
    weight, network = (_number(factor[1], text), factor[2]) if factor else (1.0, head)
    named, colon, points = network.rpartition(":")  # the last: own networks are named module:function
    backbone = _BACKBONE.fullmatch(named)
    if not colon or backbone is None:
        raise UsageError(f"Expected {FORM} as a term of a loss, got {text!r}.")
    distance = rest[0] if rest else ""
    return LossTerm(backbone[1], _parse_points(points, text), distance.strip(), weight, _parse_input(backbone[2]))


def _parse_points(points: str, text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for piece in points.split("+") if points.strip() else ():
        point = _POINT.fullmatch(piece)
        if point is None:
            raise UsageError(f"Expected {FORM} as a term of a loss, got {text!r}.")
        if point[1] in weights:
            raise UsageError(f"The point {point[1]!r} is given twice in {text!r}; add its weights.")
        weights[point[1]] = _number(point[2], text) if point[2] else 1.0
    return weights


def _parse_input(options: str | None) -> LossInput:
    (term,) = parse_distance(f"input{options or ''}")  # options of backbones and of distances are written alike
    for name in term.options:
        if name not in OPTIONS:
            hint = did_you_mean(near_names(name, OPTIONS))
            raise UsageError(f"A backbone in a loss has no option {name!r}; it has: {', '.join(OPTIONS)}.{hint}")
    return LossInput(**term.options)  # type: ignore[arg-type]  # checked there


def _number(word: str, text: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise UsageError(f"Expected a number as a weight, got {word!r} in {text!r}.") from error
