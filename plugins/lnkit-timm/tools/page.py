"""The page of all architectures, in Markdown: the results of their checks, and why some fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from checks import Check

from lnkit.data.atomic import atomic_write
from lnkit_timm.catalog import ADAPTATIONS, CLASS_TOKEN, RULES, Architecture, Index

LEGEND = """\
*Nodes*: early, semi_early, mid, late, and that of the class token if there is one. `[1]` is an element of the tuple a
module returns; `:reroll` and `:deblockify` arrange tokens in rows. *At*: {stages}, by their size relative to the image,
or {blocks}. *Shapes*: C x height x width of the maps of one image
of the size (height x width) in the column before. *Own*: = if they equal those that forward hooks see in the unmodified
network, bit by bit, on the CPU and with random weights. *timm*: = if they equal timm's `forward_intermediates`, ≈ if
they do within 0.01 % of the largest value, ≠ if they do not, · where timm has no such intermediate. *Sizes*: the
smallest image, steps of height and width, options of timm.create_model; or the size that images are resized to."""
AGREEMENTS = {"equal": "=", "close": "≈", "differs": "≠", "none": "·"}


def write_page(index: Index, checks: Mapping[str, Check], path: Path) -> None:
    """Write the page, with a row for each architecture of the index.

    Args:
        index: all architectures.
        checks: name -> result.
        path: of the page.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as tmp:
        tmp.write_text("\n".join((*_head(index, checks), *_rows(index, checks), "")), encoding="utf-8")


def _head(index: Index, checks: Mapping[str, Check]) -> Iterator[str]:
    names = [row.name for row in index.architectures]
    passed = [name for name in names if name in checks and checks[name].passed]
    yield "# The architectures"
    yield ""
    yield (
        f"Of the {len(names):,} architectures of timm {index.timm}, {len(passed):,} "
        f"({100 * len(passed) / len(names):.1f} %) give the features of the network's own forward pass, bit by bit. "
        "This page is written by `python plugins/lnkit-timm/tools/table.py`, not by hand."
    )
    yield ""
    counts = Counter(point.timm for check in checks.values() for point in check.points)
    yield (
        f"At {counts['equal']:,} points they also equal timm's own intermediate features, at {counts['close']:,} up to "
        f"rounding; at {counts['differs']:,} they differ. At {counts['none']:,} points, class tokens and blocks inside "
        "a stage, timm has none."
    )
    yield ""
    if failures := list(_failures(index, checks)):
        yield from (*failures, "")
    yield from _legend()


def _failures(index: Index, checks: Mapping[str, Check]) -> Iterator[str]:
    for architecture in index.architectures:
        check = checks.get(architecture.name)
        if check is None:
            yield f"- `{architecture.name}`: not run, {architecture.parameters:,} parameters"
        elif not check.passed:
            yield f"- `{architecture.name}`, {architecture.parameters:,} parameters: {_why(check)}"


def _why(check: Check) -> str:
    wrong = [point.point for point in check.points if not point.own]
    if wrong:
        return f"the features at {', '.join(wrong)} differ from those of its own forward pass"
    return check.problem or "an image of the smallest size fails"


def _legend() -> Iterator[str]:
    yield LEGEND.format(**RULES)
    yield ""
    yield "| architecture | parameters | nodes | at | image | shapes | own | timm | sizes |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"


def _rows(index: Index, checks: Mapping[str, Check]) -> Iterator[str]:
    for architecture in index.architectures:
        check = checks.get(architecture.name)
        if check is None or check.problem:
            facts = f"`{architecture.nodes}` | {architecture.at}"
            yield f"| {architecture.name} | | {facts} | | | | | {_sizes(architecture)} |"
        else:
            yield _row(architecture, check)


def _row(architecture: Architecture, check: Check) -> str:
    maps = [point for point in check.points if point.point != CLASS_TOKEN]
    own = "".join("=" if point.own else "≠" for point in check.points)
    nodes = " ".join(point.node for point in check.points)
    height, width = check.image
    columns = (
        architecture.name,
        f"{check.parameters:,}",
        f"`{nodes}`",
        architecture.at,
        f"{height}x{width}",
        " ".join("x".join(map(str, point.shape)) for point in maps),
        own,
        "".join(AGREEMENTS[point.timm] for point in maps),
        _sizes(architecture),
    )
    return f"| {' | '.join(columns)} |"


def _sizes(architecture: Architecture) -> str:
    if architecture.fixed:
        height, width = architecture.input_of(architecture.default_tag).size
        return f"resized to {width}x{height}"
    step = f", steps of {architecture.step}" if architecture.step > 1 else ""
    way = "".join(f", {option}" for option in ADAPTATIONS[architecture.adaptation].options)
    return f"from {architecture.min_size}{step}{way}"
