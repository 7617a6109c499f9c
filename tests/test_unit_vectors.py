"""The gradient of unit vectors, computed by hand in the code, against autograd's and numerical ones."""

from __future__ import annotations

import torch
from torch import Tensor

from lnkit.distances import unit_normalize


def plain(features: Tensor) -> Tensor:
    norm = features.square().sum(1, keepdim=True).sqrt()
    return features / (norm + 1e-10)


def test_first_and_second_derivatives() -> None:
    features = torch.randn(2, 5, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    features.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: unit_normalize(x, 1), features)
    assert torch.autograd.gradgradcheck(lambda x: unit_normalize(x, 1), features)


def test_values_are_the_same_with_and_without_a_gradient() -> None:
    features = torch.randn(2, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    trained = unit_normalize(features.clone().requires_grad_(), 1).detach()
    assert torch.equal(trained, unit_normalize(features, 1))


def test_gradients_of_each_image_of_a_batch() -> None:
    images = torch.randn(3, 2, 5, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found, expected = (
        torch.func.vmap(torch.func.grad(lambda x, f=f: (f(x) ** 3).sum()))(images)
        for f in (lambda x: unit_normalize(x, 1), plain)
    )
    torch.testing.assert_close(found, expected)
