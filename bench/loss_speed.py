"""Training losses: forward and backward against the package `lpips`, and a mixture against its bare backbones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import lpips
import torch
from torch import Tensor, nn

import lnkit
from bench.harness import Ratio, seconds_in_turns
from lnkit.losses.load import load_loss

NETS = {"squeeze": "squeezenet1_1", "vgg": "vgg16"}
BATCH, SIDE = 2, 128  # images and pixels
AS_IT_COMES, COMPILED = 1.15, 1.5  # targets: speed relative to lpips
MIXTURE = {"vgg16": "lpips", "squeezenet1_1": "lpips"}  # backbone -> points
OVERHEAD = 1.05  # target: time relative to the bare passes


def measure(quick: bool = False) -> Iterator[Ratio]:
    """Measure with one thread, as one of several processes of a data loader leaves it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for net in ("squeeze",) if quick else NETS:
            yield from measure_net(net, 5 if quick or net == "vgg" else 25)
        yield measure_mixture(3 if quick else 9)
    finally:
        torch.set_num_threads(threads)


def measure_net(net: str, repeats: int) -> Iterator[Ratio]:
    """Measure LPIPS with learned weights as a loss: as it comes, and compiled."""
    theirs, ours = make_pair(net)
    output, target = torch.rand(2, BATCH, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    compiled = torch.compile(ours)
    ways = {
        "lpips": lambda: gradient(lambda x: theirs(2 * x - 1, 2 * target - 1).mean(), output),
        "lnkit": lambda: gradient(lambda x: ours(x, target), output),
        "lnkit, compiled": lambda: gradient(lambda x: compiled(x, target), output),
    }
    expected = ways["lpips"]()
    off = float((ways["lnkit"]() - expected).abs().max() / expected.abs().max())
    seconds = seconds_in_turns(ways, repeats)
    for way, wanted in {"lnkit": AS_IT_COMES, "lnkit, compiled": COMPILED}.items():
        yield Ratio(
            f"LPIPS-lin {net} as a loss, {SIDE} px",
            f"{way}: {seconds[way] * 1e3:,.1f} ms",
            f"lpips: {seconds['lpips'] * 1e3:,.1f} ms",
            seconds["lpips"] / seconds[way],
            wanted,
            note=f"gradients within {off:.0e} of the largest",
        )


def measure_mixture(repeats: int) -> Ratio:
    """Measure a loss of two backbones, without gradient, against what they take to give their features."""
    text = " + ".join(f"{backbone}:{points}, spatial" for backbone, points in MIXTURE.items())
    loss = load_loss(text, weights="random")
    networks = [lnkit.load_loss_network(name, points, weights="random") for name, points in MIXTURE.items()]
    for network in networks:
        network.to(memory_format=torch.channels_last)
    images = torch.rand(2, BATCH, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    first, second = (image.contiguous(memory_format=torch.channels_last) for image in images)
    with torch.no_grad():
        seconds = seconds_in_turns(
            {
                "bare": lambda: [network.features(image) for network in networks for image in (first, second)],
                "loss": lambda: loss(first, second),
            },
            repeats,
        )
    return Ratio(
        f"{' + '.join(MIXTURE)}, {SIDE} px",
        f"lnkit: {seconds['loss'] * 1e3:,.1f} ms",
        f"bare passes: {seconds['bare'] * 1e3:,.1f} ms",
        seconds["loss"] / seconds["bare"],
        OVERHEAD,
        at_most=True,
    )


def make_pair(net: str) -> tuple[nn.Module, lnkit.DeepPerceptualLoss]:
    """Return LPIPS of the package and of lnkit with the same random trunk and learned channel weights."""
    theirs = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval().requires_grad_(False)
    trunk = lnkit.load_backbone(NETS[net], weights="random").state_dict()
    for name, parameter in theirs.net.named_parameters():  # "slice2.3.squeeze.weight": torchvision's "features.3..."
        parameter.copy_(trunk[f"features.{name.partition('.')[2]}"])
    network = lnkit.load_loss_network(NETS[net], "lpips", weights="random", normalization="lpips")
    return theirs, lnkit.DeepPerceptualLoss(network, distance=lnkit.DistanceConfig("lin", lin_weights="lpips"))


def gradient(loss: Callable[[Tensor], Tensor], output: Tensor) -> Tensor:
    """Return the gradient of a loss to its output."""
    image = output.clone().requires_grad_()
    loss(image).backward()  # type: ignore[no-untyped-call]
    if image.grad is None:
        raise RuntimeError("The loss gave no gradient.")
    return image.grad
