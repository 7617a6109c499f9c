"""``python plugins/lnkit-timm/tools/index.py`` writes ``index.json`` from the installed timm, by rule.

Networks are built on the meta device, so that no weights are downloaded or drawn. It takes about 20 minutes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import timm
import torch
from cuts import Cut, choose_cuts
from families import family_of
from shapes import NodeLayout, build, class_token_node, node_layouts
from sizes import find_sizes
from timm.models import get_pretrained_cfg, model_entrypoint

from lnkit.data.atomic import atomic_write
from lnkit_timm.catalog import INDEX, Architecture, Input, format_input

# `Title` - https://arxiv.org/abs/2103.14030
PAPER = re.compile(r"`([^`]+)`\s*(?:-\s*)?https://arxiv\.org/\w+/(\d+\.\d+)")
DEFAULTS = {field.name: field.default for field in fields(Architecture)}


@torch.no_grad()
def describe(name: str) -> Architecture:
    """Derive the row of an architecture from its network."""
    module = _module(name)
    tags = _tags(name)
    config = _config(name, "")
    network = build(name, {})
    rule, cuts = choose_cuts(network, module)
    size = config.input_size[1:]
    nodes = [_require(name, cut, node) for cut, node in zip(cuts, node_layouts(network, cuts, *size), strict=True)]
    layouts = [node.layout for node in nodes]
    sizes = find_sizes(name, network, config.to_dict(), cuts, _stride(network, cuts))
    default = _input(name, next(iter(tags), ""))
    return Architecture(
        name=name,
        family=family_of(module),
        nodes=" ".join(node.node for node in nodes),
        at=" ".join(cut.at for cut in cuts),
        input=default,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        rule=rule,
        layout=layouts[0] if len(set(layouts)) == 1 else " ".join(layouts),
        class_token=class_token_node(network, nodes[-1], *size),
        adaptation=sizes.adaptation,
        step=sizes.step or 1,
        min_size=sizes.min_size,
        fixed=not sizes.step,
        tags={tag: "" if (text := _input(name, tag)) == default else text for tag in tags},
        sources={tag: source for tag in tags if (source := _source(name, tag)) != f"timm/{name}.{tag}"},
    )


def _require(name: str, cut: Cut, node: NodeLayout | None) -> NodeLayout:
    if node is None:
        raise ValueError(f"{name}: the output of {cut.module} holds no map of the shape of timm's feature")
    return node


def _stride(network: torch.nn.Module, cuts: Iterable[Cut]) -> int:
    """Return the pixels per position at the last cut, as timm states them."""
    *_, last = cuts
    info: Any = network.feature_info
    return int(getattr(info, "info", info)[last.feature]["reduction"])


def _tags(name: str) -> list[str]:
    """Return the tags of pretrained weights, timm's default first."""
    known = timm.list_pretrained(f"{name}.*") + timm.list_pretrained(name)
    tags = sorted({full.partition(".")[2] for full in known if full.partition(".")[0] == name})
    default = _config(name, "").tag
    return sorted(tags, key=lambda tag: tag != default)


def _config(name: str, tag: str) -> Any:
    return get_pretrained_cfg(f"{name}.{tag}" if tag else name, allow_unregistered=False)


def _input(name: str, tag: str) -> str:
    config = _config(name, tag)
    return format_input(
        Input(tuple(config.mean), tuple(config.std), config.interpolation, tuple(config.input_size[1:]))
    )


def _source(name: str, tag: str) -> str:
    config = _config(name, tag)
    return str(config.hf_hub_id or config.url)


def _module(name: str) -> str:
    return str(model_entrypoint(name).__module__).rpartition(".")[2]


def citation_of(module: str) -> str:
    """Return title and number of the paper that timm's module names; of several, their numbers."""
    text = sys.modules[f"timm.models.{module}"].__doc__ or ""
    papers = {number: " ".join(title.split()) for title, number in PAPER.findall(text)}
    if len(papers) == 1:
        return "".join(f"{title}, arXiv:{number}" for number, title in papers.items())
    return "timm names " + ", ".join(f"arXiv:{number}" for number in papers) if papers else ""


def write(architectures: Iterable[Architecture], citations: Mapping[str, str], path: Path) -> None:
    """Write a line for each architecture, with the fields that differ from their defaults."""
    lines = [f"  {json.dumps(row.name)}: {json.dumps(_unusual(row))}" for row in architectures]
    head = f'{{"timm": {json.dumps(timm.__version__)},\n "citations": {json.dumps(citations, indent=2)},\n'
    text = head + ' "architectures": {\n' + ",\n".join(lines) + "\n}}\n"
    with atomic_write(path) as tmp:
        tmp.write_text(text, encoding="utf-8")


def _unusual(architecture: Architecture) -> dict[str, Any]:
    return {
        key: value
        for key, value in asdict(architecture).items()
        if key != "name" and value != DEFAULTS[key] and value != {}
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="*", help="print these architectures ('vit_*') instead of writing the index")
    parser.add_argument("--workers", type=int, default=1, help="number of processes (default: 1)")
    options = parser.parse_args(arguments)
    names = timm.list_models(options.only)
    described = list(_describe_all(names, options.workers))
    if options.only != "*":
        print("\n".join(f"{row.name}: {json.dumps(_unusual(row))}" for row in described))  # noqa: T201 - a command
        return
    modules = sorted({_module(name) for name in names})
    write(described, {family_of(module): text for module in modules if (text := citation_of(module))}, INDEX)


def _describe_all(names: Sequence[str], workers: int) -> Iterator[Architecture]:
    """Describe architectures in several processes, in order, with progress on stderr."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        described = pool.map(describe, names, chunksize=8) if workers > 1 else map(describe, names)
        for count, row in enumerate(described, 1):
            if count % 50 == 0:
                print(f"{count} of {len(names)}: {row.name}", file=sys.stderr)  # noqa: T201 - a command's progress
            yield row


if __name__ == "__main__":
    main()
