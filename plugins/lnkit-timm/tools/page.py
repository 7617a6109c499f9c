"""The page of all architectures, in Markdown: what was checked, and what keeps the others from passing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from checking import Check, PointCheck

from lnkit_timm.catalog import ADAPTATIONS, CLASS_TOKEN, RULES, Architecture, Index

LEGEND = """\
*Nodes*: early, semi_early, mid, late, and the class token's where there is one. `[1]` is an element of the tuple that a
module gives; `:reroll` and `:deblockify` bring tokens into rows. *At*: {stages}, by their size relative to the image's,
or {blocks}. *Shapes*: C x height x width of the maps of one image
of the size (height x width) in the column before. *Own*: = if they equal those that forward hooks see in the unmodified
network, bit by bit, on the CPU and with random weights. *timm*: = if they equal timm's `forward_intermediates`, ≈ if
they do within 0.01 % of the largest value, ≠ if they do not, · where timm has no such intermediate. *Sizes*: the
smallest image, steps of height and width, options of timm.create_model; or the size that images are resized to."""
AGREEMENTS = {"equal": "=", "close": "≈", "differs": "≠", "none": "·"}


def write_page(index: Index, checks: Mapping[str, Check], path: Path) -> None:
    """Write the page, one row per architecture of the index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text("\n".join((*_head(index, checks), *_rows(index, checks), "")), encoding="utf-8")
    part.replace(path)


def _head(index: Index, checks: Mapping[str, Check]) -> Iterator[str]:
    names = [one.name for one in index.architectures]
    passed = [name for name in names if name in checks and checks[name].passed]
    yield "# The architectures"
    yield ""
    yield (
        f"Of the {len(names):,} architectures of timm {index.timm}, {len(passed):,} "
        f"({100 * len(passed) / len(names):.1f} %) give the features of the network's own forward pass, bit by bit. "
        "This page was written by `python -m table`; nothing in it was entered by hand."
    )
    yield ""
    counts = Counter(point.timm for one in checks.values() for point in one.points)
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
    for one in index.architectures:
        found = checks.get(one.name)
        if found is None:
            yield f"- `{one.name}`: not run, {one.parameters:,} parameters"
        elif not found.passed:
            yield f"- `{one.name}`, {one.parameters:,} parameters: {_why(found)}"


def _why(found: Check) -> str:
    wrong = [point.point for point in found.points if not point.own]
    if wrong:
        return f"the features at {', '.join(wrong)} differ from those of its own forward pass"
    return found.problem or "an image of the smallest size does not get through"


def _legend() -> Iterator[str]:
    yield LEGEND.format(**RULES)
    yield ""
    yield "| architecture | parameters | nodes | at | image | shapes | own | timm | sizes |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"


def _rows(index: Index, checks: Mapping[str, Check]) -> Iterator[str]:
    for one in index.architectures:
        found = checks.get(one.name)
        if found is None or found.problem:
            yield f"| {one.name} | | {_code(one.nodes)} | {one.at} | | | | | {_sizes(one)} |"
        else:
            yield _row(one, found)


def _row(one: Architecture, found: Check) -> str:
    maps = [point for point in found.points if point.point != CLASS_TOKEN]
    own = "".join("=" if point.own else "≠" for point in found.points)
    nodes = _code(" ".join(point.node for point in found.points))
    height, width = found.image
    columns = (
        one.name,
        f"{found.parameters:,}",
        nodes,
        one.at,
        f"{height}x{width}",
        _shapes(maps),
        own,
        _timm(maps),
        _sizes(one),
    )
    return f"| {' | '.join(columns)} |"


def _code(nodes: str) -> str:
    return f"`{nodes}`"


def _shapes(maps: list[PointCheck]) -> str:
    return " ".join("x".join(map(str, point.shape)) for point in maps)


def _timm(maps: list[PointCheck]) -> str:
    return "".join(AGREEMENTS[point.timm] for point in maps)


def _sizes(one: Architecture) -> str:
    if one.fixed:
        height, width = one.input_of(one.default_tag).size
        return f"resized to {width}x{height}"
    step = f", steps of {one.step}" if one.step > 1 else ""
    way = "".join(f", {option}" for option in ADAPTATIONS[one.adaptation].options)
    return f"from {one.min_size}{step}{way}"
