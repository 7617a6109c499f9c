"""A loss in one line: ``vgg19:conv1_2*0.1+conv5_4, l1 + 0.1*timm/vit_tiny_patch16_224:late, cosine``.

A term is ``[weight*]backbone:points[, distance]``; points are joined with ``+``, and so are terms. What follows a ``+``
is a new term if it holds a colon, else one more point, or one more distance if the term has one already.
"""

from __future__ import annotations

import re

from lnkit.errors import UsageError
from lnkit.losses.definition import Loss, LossTerm

_PLUS = re.compile(r"(?<![0-9.][eE])\+(?![^()]*\))")  # neither the sign of an exponent nor inside parentheses
_FACTOR = re.compile(r"\s*([0-9.]+(?:[eE][+-]?\d+)?)\s*\*\s*(.*)", re.DOTALL)
_POINT = re.compile(r"\s*([^*\s]+)\s*(?:\*\s*(\S+)\s*)?")

FORM = "'[weight*]backbone:point[*weight]+point, distance', such as 'vgg19:conv1_2*0.1+conv5_4, l1'"


def parse_loss(text: str) -> Loss:
    """Read a loss from its text.

    Args:
        text: one or more terms joined with ``+``; see this module.

    Raises:
        UsageError: the text has another form, or a weight is not above 0. Names are looked up later.

    Example:
        >>> loss = parse_loss("vgg19 : conv1_2*.1 + conv5_4 , charbonnier(eps=1e-3) + 0.5 * pixel:image")
        >>> [term.backbone for term in loss.terms]
        ['vgg19', 'pixel']
        >>> print(loss)
        vgg19:conv1_2*0.1+conv5_4, charbonnier(eps=1e-3) + 0.5*pixel:image
    """
    terms: list[str] = []
    for piece in _PLUS.split(text):
        if not terms or ":" in piece:
            terms.append(piece)
        else:
            terms[-1] += f"+{piece}"
    return Loss(tuple(_parse_term(term) for term in terms))


def _parse_term(text: str) -> LossTerm:
    head, _, distance = text.partition(",")
    factor = _FACTOR.fullmatch(head)
    weight, network = (_number(factor[1], text), factor[2]) if factor else (1.0, head)
    backbone, colon, points = network.rpartition(":")  # the last: own networks are named module:function
    if not colon or not backbone.strip():
        raise UsageError(f"Expected {FORM} as a term of a loss, got {text.strip()!r}.")
    weights: dict[str, float] = {}
    for piece in points.split("+") if points.strip() else ():
        point = _POINT.fullmatch(piece)
        if point is None:
            raise UsageError(f"Expected {FORM} as a term of a loss, got {text.strip()!r}.")
        if point[1] in weights:
            raise UsageError(f"The point {point[1]!r} is given twice in {text.strip()!r}; add its weights.")
        weights[point[1]] = _number(point[2], text) if point[2] else 1.0
    return LossTerm(backbone.strip(), weights, "".join(distance.split()), weight)


def _number(word: str, text: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise UsageError(f"Expected a number as a weight, got {word!r} in {text.strip()!r}.") from error
