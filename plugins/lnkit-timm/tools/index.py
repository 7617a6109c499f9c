"""``python -m index`` writes ``index.json`` from the installed timm: every architecture, by rule.

Networks are built on the meta device, so that no weights are fetched or drawn. It takes some minutes.
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
from families import family_of
from outline import Fit, build, class_token_node, fits
from sizes import find_sizes
from stages import Place, places
from timm.models import get_pretrained_cfg, model_entrypoint

from lnkit_timm.catalog import INDEX, Architecture, Input, write_input

PAPER = re.compile(
    r"`([^`]+)`\s*(?:-\s*)?https://arxiv\.org/\w+/(\d+\.\d+)"
)  # `Title` - https://arxiv.org/abs/2103.14030
DEFAULTS = {one.name: one.default for one in fields(Architecture)}


@torch.no_grad()
def describe(name: str) -> Architecture:
    """Derive everything about one architecture."""
    module = _module(name)
    tags = _tags(name)
    config = _config(name, "")
    network = build(name, {})
    rule, found = places(network, module)
    size = config.input_size[1:]
    held = [_require(name, place, fit) for place, fit in zip(found, fits(network, found, *size), strict=True)]
    layouts = [fit.layout for fit in held]
    sizes = find_sizes(name, network, config.to_dict(), found, _stride(network, found))
    default = _input(name, next(iter(tags), ""))
    return Architecture(
        name=name,
        family=family_of(module),
        nodes=" ".join(fit.node for fit in held),
        at=" ".join(place.at for place in found),
        input=default,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        rule=rule,
        layout=layouts[0] if len(set(layouts)) == 1 else " ".join(layouts),
        class_token=class_token_node(network, held[-1], *size),
        adaptation=sizes.adaptation,
        step=sizes.step or 1,
        min_size=sizes.min_size,
        fixed=not sizes.step,
        tags={tag: "" if (text := _input(name, tag)) == default else text for tag in tags},
    )


def _require(name: str, place: Place, fit: Fit | None) -> Fit:
    if fit is None:
        raise ValueError(f"{name}: what comes out of {place.module} is no map that timm's features have")
    return fit


def _stride(network: torch.nn.Module, found: Iterable[Place]) -> int:
    """Pixels per position at the last place, as timm states it."""
    *_, last = found
    info: Any = network.feature_info
    return int(getattr(info, "info", info)[last.feature]["reduction"])


def _tags(name: str) -> list[str]:
    """The tags of pretrained weights, timm's default first."""
    known = timm.list_pretrained(f"{name}.*") + timm.list_pretrained(name)
    tags = sorted({full.partition(".")[2] for full in known if full.partition(".")[0] == name})
    default = _config(name, "").tag
    return sorted(tags, key=lambda tag: tag != default)


def _config(name: str, tag: str) -> Any:
    return get_pretrained_cfg(f"{name}.{tag}" if tag else name, allow_unregistered=False)


def _input(name: str, tag: str) -> str:
    config = _config(name, tag)
    return write_input(Input(tuple(config.mean), tuple(config.std), config.interpolation, tuple(config.input_size[1:])))


def _module(name: str) -> str:
    return str(model_entrypoint(name).__module__).rpartition(".")[2]


def citation_of(module: str) -> str:
    """The paper that timm's module names, by title and number; where it names several, their numbers."""
    text = sys.modules[f"timm.models.{module}"].__doc__ or ""
    papers = {number: " ".join(title.split()) for title, number in PAPER.findall(text)}
    if len(papers) == 1:
        return "".join(f"{title}, arXiv:{number}" for number, title in papers.items())
    return "timm names " + ", ".join(f"arXiv:{number}" for number in papers) if papers else ""


def write(architectures: Iterable[Architecture], citations: Mapping[str, str], path: Path) -> None:
    """Write one line per architecture, of what differs from the usual."""
    lines = [f"  {json.dumps(one.name)}: {json.dumps(_unusual(one))}" for one in architectures]
    head = f'{{"timm": {json.dumps(timm.__version__)},\n "citations": {json.dumps(citations, indent=2)},\n'
    text = head + ' "architectures": {\n' + ",\n".join(lines) + "\n}}\n"
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _unusual(one: Architecture) -> dict[str, Any]:
    return {
        key: value for key, value in asdict(one).items() if key != "name" and value != DEFAULTS[key] and value != {}
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m index", description=__doc__)
    parser.add_argument("--only", default="*", help="show these, 'vit_*' for one, and write nothing")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    options = parser.parse_args(arguments)
    names = timm.list_models(options.only)
    described = list(_describing(names, options.workers))
    if options.only != "*":
        print("\n".join(f"{one.name}: {json.dumps(_unusual(one))}" for one in described))  # noqa: T201 - a command
        return
    modules = sorted({_module(name) for name in names})
    write(described, {family_of(module): text for module in modules if (text := citation_of(module))}, INDEX)


def _describing(names: Sequence[str], workers: int) -> Iterator[Architecture]:
    """Describe in several processes, in order; say on stderr how far it is."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        described = pool.map(describe, names, chunksize=8) if workers > 1 else map(describe, names)
        for count, one in enumerate(described, 1):
            if count % 50 == 0:
                print(f"{count} of {len(names)}: {one.name}", file=sys.stderr)  # noqa: T201 - a command's progress
            yield one


if __name__ == "__main__":
    main()
