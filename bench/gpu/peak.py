"""The measured peak of a device, and the multiply-adds of truncated networks, to set speeds in relation."""

from __future__ import annotations

import torch

from bench.harness import seconds_in_turns
from lnkit.networks.device import full_float32
from lnkit.networks.loss_network import LossNetwork
from lnkit.networks.profiler import count_macs

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def measure_peak(device: torch.device, precision: str, side: int) -> float:
    """Measure the FLOP/s of a matrix product of ``side`` x ``side`` numbers; TF32 is off."""
    a, b = (torch.rand(side, side, device=device).to(DTYPES[precision]) for _ in range(2))
    products = 10 if device.type == "cuda" else 1

    def multiply() -> float:
        for _ in range(products):
            product = a @ b
        return float(product[0, 0])  # waits for the card

    with torch.inference_mode(), full_float32():
        seconds = seconds_in_turns({"matmul": multiply}, repeats=5)["matmul"]
    return 2 * side**3 * products / seconds


def macs_per_image(network: LossNetwork, side: int) -> int:
    """Count the multiply-adds of one image of ``side`` x ``side`` pixels in the truncated network."""
    return count_macs(network.backbone, network.input_size or (side, side))
