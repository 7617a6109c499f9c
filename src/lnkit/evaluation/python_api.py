"""`lnkit.evaluate`: run a benchmark on a named backbone or on a network in hand, from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lnkit.errors import UsageError, did_you_mean, near_names
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import FinishedRun, run
from lnkit.evaluation.seeds import seed_list
from lnkit.evaluation.suites import member_request, plan_suite
from lnkit.losses.definition import Loss
from lnkit.plugins.load import default_registry
from lnkit.plugins.registry import Registry
from lnkit.plugins.user_backbones import backbone_from_module
from lnkit.progress import Progress, SilentProgress
from lnkit.specs import BackboneSpec, ExtractionPoint

if TYPE_CHECKING:
    import torch

OPTIONS = tuple(field.name for field in fields(RunRequest) if field.name not in ("backbone", "points", "bench"))
INPUT_FIELDS = ("mean", "std", "min_size", "input_size", "interpolation", "eval_size")  # of a network in hand


def evaluate(
    backbone: str | BackboneSpec | Loss | torch.nn.Module,
    points: str | Mapping[str, str | ExtractionPoint] = "all",
    bench: str = "bapps",
    *,
    name: str = "",
    progress: Progress | None = None,
    **options: Any,
) -> list[FinishedRun]:
    """Run a benchmark on loss networks cut from one backbone, and store a record of each.

    A finished run is found again instead of repeated. Runs of a network in hand are found again only if its code,
    settings and weights are the same and can all be known.

    Args:
        backbone: a name as ``--backbone`` takes it, a network (copied, and left as it is), a BackboneSpec, or a
            :class:`lnkit.losses.Loss`, which names its points itself.
        points: text as ``--point`` takes it (names, node paths, "all"); for a network in hand also {name: node}, or
            {name: ExtractionPoint} where the node's output is not (N, C, H, W).
        bench: a name from ``lnkit list-benchmarks``. A suite, such as ``iqa``, runs each of its benchmarks whose data
            are there (in the cache, or in a folder of ``data`` each); ``iqa/csiq`` is one of them.
        name: name of a network in hand in the results; by default the name of its class.
        progress: receives the progress; by default nothing does.
        **options: fields of RunRequest (variant, overrides, weights, seed, data, sample, results, force, device,
            precision, engine, batch_size, keep_images, allow_varying; and seeds, a number or a list, for several
            trainings); for a network in hand also of BackboneSpec: mean and std of RGB in [0, 1] (by default
            ImageNet's), min_size, input_size, interpolation, eval_size.

    Returns:
        One finished run per loss network, in the order of ``points``, for a suite on each of its benchmarks. With
        ``seeds`` its record is the mean, whose scores have the spread over seeds, and ``runs`` are the trainings.

    Raises:
        UsageError: a name, a point, an option or a protocol field is unknown or does not fit.
        LnkitError: data or weights are missing or damaged, or the run failed.

    Example:
        >>> import tempfile
        >>> import lnkit
        >>> with tempfile.TemporaryDirectory() as results:
        ...     (finished,) = lnkit.evaluate("pixel", "image", "bapps", sample=True, results=results)
        >>> finished.record.loss_network, round(finished.record.scores["2afc"].value, 3)
        ('pixel:image', 0.912)
    """
    registry = default_registry()
    if isinstance(backbone, Loss):
        if points != "all":
            raise UsageError("A loss names its points itself: leave out points.")
    elif not isinstance(backbone, str):
        spec = _describe(backbone, name, options)
        registry, points = _register(registry, spec, points)
        backbone = spec.name
    if not isinstance(points, str):
        raise UsageError(f"{backbone!r} is registered, and so are its points: name them, or give a node path.")
    _refuse_unknown(options)
    if options.get("seeds") is not None:
        if "seed" in options:
            raise UsageError("seed names one training, and seeds names several: give one of the two.")
        options["seeds"] = seed_list(options["seeds"])
    request = RunRequest(backbone, points=points, bench=bench, **options)
    plan = plan_suite(request, registry)
    if plan is None:
        return run(member_request(request, registry), registry, progress)
    progress = progress or SilentProgress()
    for left_out, reason in plan.left_out.items():
        progress.say(f"{bench}: left out {left_out}: {reason}.")
    return [finished for member in plan.requests for finished in run(member, registry, progress)]


def _describe(network: BackboneSpec | torch.nn.Module, name: str, options: dict[str, Any]) -> BackboneSpec:
    """Make the spec of a network, and take its fields out of ``options``."""
    if isinstance(network, BackboneSpec):
        return network
    from torch.nn import Module  # noqa: PLC0415 - only for a network in hand

    if not isinstance(network, Module):
        raise UsageError(
            f"Expected the name of a backbone, an nn.Module or a BackboneSpec, got {type(network).__name__}."
        )
    input_fields = {field: options.pop(field) for field in INPUT_FIELDS if field in options}
    return backbone_from_module(network, name or type(network).__name__, **input_fields)


def _register(
    registry: Registry, spec: BackboneSpec, points: str | Mapping[str, str | ExtractionPoint]
) -> tuple[Registry, str]:
    """Return a registry that knows ``spec`` with these points, and the text that requests one loss network at each."""
    if isinstance(points, str):
        return registry.with_backbone(spec, {}), points
    own = {
        name: ExtractionPoint(name, node, layout="auto") if isinstance(node, str) else node
        for name, node in points.items()
    }
    return registry.with_backbone(spec, own), ",".join(own)


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    for option in options:
        if option not in OPTIONS:
            hint = did_you_mean(near_names(option, OPTIONS))
            raise UsageError(f"evaluate has no option {option!r}.{hint} Options: {', '.join(OPTIONS)}.")
