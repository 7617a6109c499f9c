"""Evaluate a network of your own at points of your choice, without a plugin."""

import torch
from torch import nn

import lnkit

torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1),
    nn.ReLU(),
)

points = {"shallow": "1", "deep": "4"}  # name -> node of the network
for run in lnkit.evaluate(network, points, bench="bapps", name="two_convolutions", sample=True):
    print(f"{run.record.loss_network:25s} 2AFC {run.record.scores['2afc'].value:.4f}")
