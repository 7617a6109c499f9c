"""The way of a request: few of lnkit's own frames between the command line and a backbone's forward pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from torch import nn

import lnkit
from lnkit.cli import run

OURS = (Path(lnkit.__file__).parents[1], Path(__file__).parents[1] / "plugins")
MOST = 17  # with the guards around foreign code


def own_frames() -> list[str]:
    """The functions of lnkit and its plugins that are being executed, from the outermost."""
    frame, names = sys._getframe(1), []
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        if any(file.is_relative_to(folder) for folder in OURS):
            names.append(f"{file.name}:{frame.f_code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]
    return names[::-1]


def test_few_frames_from_the_command_to_the_forward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    stacks = []
    forward = nn.Conv2d.forward

    def recording(self: nn.Conv2d, *inputs: object) -> object:
        stacks.append(own_frames())
        return forward(self, *inputs)  # type: ignore[arg-type]

    monkeypatch.setattr(nn.Conv2d, "forward", recording)
    command = "eval --backbone squeezenet1_1 --weights random --point mid --bench bapps --sample --engine eager"
    assert run([*command.split(), "--device", "cpu"]) == 0
    measured = [stack for stack in stacks if "comparer.py:compare" in stack and "eager.py:__call__" in stack]
    assert measured, "no comparison was seen"
    usual = min(measured, key=len)  # the others build an engine or settle a near tie
    assert len(usual) <= MOST, "\n".join(usual)
