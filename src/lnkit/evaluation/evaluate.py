"""`lnkit.evaluate`: a benchmark on a backbone, named or in hand, from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lnkit.errors import UsageError, did_you_mean, near_names
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import FinishedRun, run
from lnkit.plugins.load import default_registry
from lnkit.plugins.registry import Registry
from lnkit.plugins.user_backbones import backbone_from_module
from lnkit.progress import Progress
from lnkit.specs import BackboneSpec, ExtractionPoint

if TYPE_CHECKING:
    import torch

OPTIONS = tuple(field.name for field in fields(RunRequest) if field.name not in ("backbone", "points", "bench"))
INPUT = (
    "mean",
    "std",
    "min_size",
    "input_size",
    "interpolation",
    "eval_size",
)  # of BackboneSpec; for a network in hand


def evaluate(
    backbone: str | BackboneSpec | torch.nn.Module,
    points: str | Mapping[str, str | ExtractionPoint] = "all",
    bench: str = "bapps",
    *,
    name: str = "",
    progress: Progress | None = None,
    **options: Any,
) -> list[FinishedRun]:
    """Run a benchmark on loss networks cut from one backbone, and keep a record of each.

    ``lnkit.evaluate("squeezenet1_1", "mid", sample=True)`` evaluates what is registered, and
    ``lnkit.evaluate(network, {"shallow": "layer1", "deep": "layer3"})`` a network of your own, which is copied and left
    as it is. A run that was finished before is found again; of own code only if code, settings and weights are the same
    and can all be known.

    Args:
        backbone: a name as ``--backbone`` takes it, a network, or a BackboneSpec that describes one.
        points: text as ``--point`` takes it (names, node paths, "all"); for a network of your own also {name: node}, or
            {name: ExtractionPoint} where the node's output is not (N, C, H, W).
        bench: a name from ``lnkit list-benchmarks``.
        name: what a network of your own is called in the results; by default the name of its class.
        progress: is told how far it is; by default nobody is.
        **options: fields of RunRequest (variant, overrides, weights, seed, data, sample, results, force, device,
            precision, engine, batch_size); for a network of your own also of BackboneSpec: mean and std of RGB in
            [0, 1] (by default ImageNet's), min_size, input_size, interpolation, eval_size.

    Returns:
        One finished run per loss network, in the order in which they were asked for.

    Raises:
        UsageError: a name, a point, an option or a protocol field is unknown or does not fit.
        LnkitError: data or weights are missing or damaged, or the run failed.
    """
    registry = default_registry()
    if not isinstance(backbone, str):
        spec = _describe(backbone, name, options)
        registry, points = _register(registry, spec, points)
        backbone = spec.name
    elif not isinstance(points, str):
        raise UsageError(f"{backbone!r} is registered, and so are its points: name them, or give a node path.")
    _refuse_unknown(options)
    return run(RunRequest(backbone, points=points, bench=bench, **options), registry, progress)


def _describe(given: BackboneSpec | torch.nn.Module, name: str, options: dict[str, Any]) -> BackboneSpec:
    """Make a spec of a network; what belongs to it is taken out of the options."""
    if isinstance(given, BackboneSpec):
        return given
    from torch.nn import Module  # noqa: PLC0415 - only for a network in hand

    if not isinstance(given, Module):
        raise UsageError(
            f"evaluate takes the name of a backbone, an nn.Module or a BackboneSpec, and {type(given).__name__} came."
        )
    about_input = {field: options.pop(field) for field in INPUT if field in options}
    return backbone_from_module(given, name or type(given).__name__, **about_input)


def _register(
    registry: Registry, spec: BackboneSpec, points: str | Mapping[str, str | ExtractionPoint]
) -> tuple[Registry, str]:
    """A registry that knows ``spec`` with these points, and how to ask for them: one loss network at each."""
    if isinstance(points, str):
        return registry.with_backbone(spec, {}), points
    own = {name: ExtractionPoint(name, node) if isinstance(node, str) else node for name, node in points.items()}
    return registry.with_backbone(spec, own), ",".join(own)


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    for option in options:
        if option not in OPTIONS:
            hint = did_you_mean(near_names(option, OPTIONS))
            raise UsageError(f"evaluate has no option {option!r}.{hint} There are: {', '.join(OPTIONS)}.")
