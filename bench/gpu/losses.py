"""LPIPS as a training loss, in fp32, in bf16 and compiled, beside the package `lpips` and plain torchvision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import torch
from torch import Tensor

from bench.gpu.results import Row
from bench.gpu.settings import Settings
from bench.harness import seconds_in_turns
from lnkit.networks.device import full_float32, open_device

NETS = ("squeeze", "vgg")  # of the lpips package
BATCH, SIDE = 16, 256  # images and pixels
REPEATS = 10
ALLOWED = {"fp32": 1e-2, "bf16": 0.5, "compiled": 1e-2}  # relative error of the gradient: some ReLUs open or close


def check(settings: Settings) -> Iterator[Row]:
    """Compare the gradients with those of the lpips package, and measure the speed."""
    if find_spec("lpips") is None:
        yield Row("LPIPS as a loss", skipped="the package lpips is not installed")
        return
    for net in settings.size(NETS, NETS[:1]):
        yield from check_net(net, settings)


def check_net(net: str, settings: Settings) -> Iterator[Row]:
    """Check one network."""
    from torchvision.models import get_model  # noqa: PLC0415 - only for this check

    from bench.loss_speed import NETS as BACKBONES, gradient, make_pair  # noqa: PLC0415 - it imports lpips

    device = open_device(settings.device)
    theirs, ours = (module.to(device) for module in make_pair(net))
    plain = get_model(BACKBONES[net], weights=None).features.to(device).eval().requires_grad_(False)
    shape = (2, settings.size(BATCH, 1), 3, settings.size(SIDE, 64), settings.size(SIDE, 64))
    output, target = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device)

    def in_bf16(loss: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def run(image: Tensor) -> Tensor:
            with torch.autocast(device.type, torch.bfloat16):
                return loss(image)

        return run

    def with_lpips(image: Tensor) -> Tensor:
        value: Tensor = theirs(2 * image - 1, 2 * target - 1).mean()
        return value

    def with_lnkit(image: Tensor) -> Tensor:
        value: Tensor = ours(image, target)
        return value

    def with_torchvision(image: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = plain(target)
        value: Tensor = (plain(image) - wanted).square().mean()
        return value

    ways: dict[str, Callable[[Tensor], Tensor]] = {"fp32": with_lnkit, "bf16": in_bf16(with_lnkit)}
    if "inductor" in settings.engines and not settings.quick:
        compiled = torch.compile(ours)
        ways["compiled"] = lambda image: compiled(image, target)
    beside: dict[str, Callable[[Tensor], Tensor]] = {"lpips": with_lpips, "torchvision": with_torchvision}
    beside |= {f"{name}, bf16": in_bf16(way) for name, way in beside.items()}

    def timed(loss: Callable[[Tensor], Tensor]) -> Callable[[], object]:
        return lambda: float(gradient(loss, output).flatten()[0])  # waits for the end

    with full_float32():  # with TF32 rounding decides which ReLUs are open, in both
        wanted = gradient(with_lpips, output)
        exact = {way: loss for way, loss in ways.items() if way != "bf16"}
        found = {way: gradient(loss, output) for way, loss in exact.items()}
    found["bf16"] = gradient(ways["bf16"], output)
    off = {way: float((found[way] - wanted).norm() / wanted.norm()) for way in ways}
    seconds = seconds_in_turns({name: timed(loss) for name, loss in (ways | beside).items()}, settings.size(REPEATS, 1))
    for way in ways:
        suffix = ", bf16" if way == "bf16" else ""
        yield Row(
            f"LPIPS-lin {net}, {way}",
            {
                "ms": seconds[way] * 1e3,
                "speed relative to lpips": seconds[f"lpips{suffix}"] / seconds[way],
                "time relative to torchvision": seconds[way] / seconds[f"torchvision{suffix}"],
                "gradient error": off[way],
            },
            problem="" if off[way] <= ALLOWED[way] else f"the gradient differs by {off[way]:.0e} of its norm",
        )
