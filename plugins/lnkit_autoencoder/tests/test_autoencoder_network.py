"""The networks: sizes and parameters in closed form, for every size that fits, and the heads for features."""

from __future__ import annotations

import pytest
import torch

from lnkit_autoencoder.autoencoder import Autoencoder, build_autoencoder, feature_difference
from lnkit_autoencoder.featurenet import FeatureDecoder, FeatureEncoder
from lnkit_autoencoder.network import HIDDEN_LAYERS, ImageDecoder, ImageEncoder, classifier, fits
from lnkit_autoencoder.protocol import AutoencoderProtocol


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("side", [64, 80, 96, 128])
def test_images_keep_their_size(side: int) -> None:
    encoder, decoder = ImageEncoder(side, 64), ImageDecoder(side, 64)
    embeddings = encoder(torch.rand(2, 3, side, side))
    images = decoder(embeddings)
    assert embeddings.shape == (2, 64)
    assert images.shape == (2, 3, side, side)
    assert 0 <= float(images.detach().min()) <= float(images.detach().max()) <= 1


# (side, side of the encoder's last map, h of the decoder): worked out by hand from kernel 4, stride 2, no padding, and
# from the reference code's h = (H - 64) / 16 + 1.
@pytest.mark.parametrize(("side", "last", "h"), [(64, 2, 1), (96, 4, 3)])
def test_parameters_are_those_of_the_protocol(side: int, last: int, h: int) -> None:
    encoder = 16 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256)  # kernels, whose biases are those of batch norm
    encoder += 2 * (32 + 64 + 128 + 256)  # batch norm
    encoder += 256 * last**2 * 64 + 64
    assert parameters(ImageEncoder(side, 64)) == encoder
    decoder = 64 * 1024 * h**2 + 1024 * h**2
    decoder += 25 * 1024 * 128 + 25 * 128 * 64 + 36 * 64 * 32 + 36 * 32 * 3 + 3
    decoder += 2 * (128 + 64 + 32)
    assert parameters(ImageDecoder(side, 64)) == decoder


def test_704_parameters_fewer_than_with_biases() -> None:
    """The reference code's autoencoder for SVHN has 4,382,723, of which its convolutions before batch norm have 704."""
    network = torch.nn.ModuleList([ImageEncoder(64, 64), ImageDecoder(64, 64)])
    convolutions = [
        module for module in network.modules() if isinstance(module, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))
    ]
    assert sum(module.out_channels for module in convolutions if module.bias is None) == 704
    assert parameters(network) == 4_382_723 - 704


def test_only_sizes_that_the_decoder_makes_fit() -> None:
    assert [side for side in range(1, 130) if fits(side)] == [64, 80, 96, 112, 128]


def test_batch_norm_and_activations_stand_where_the_protocol_says() -> None:
    decoder = ImageDecoder(64, 64)
    kinds = [type(module).__name__ for module in decoder.convolutions.modules() if not list(module.children())]
    assert kinds == ["ConvTranspose2d", "BatchNorm2d", "ReLU"] * 3 + ["ConvTranspose2d", "Sigmoid"]
    kinds = [type(module).__name__ for module in ImageEncoder(64, 64).modules() if not list(module.children())]
    assert kinds == ["Conv2d", "BatchNorm2d", "ReLU"] * 4 + ["Linear"]


def test_classifiers_are_the_seven_of_the_protocol() -> None:
    counts = [parameters(classifier(64, hidden, 10)) for hidden in HIDDEN_LAYERS]
    by_hand = [
        64 * 10 + 10,
        64 * 32 + 32 + 32 * 10 + 10,
        64 * 64 + 64 + 64 * 10 + 10,
        64 * 32 + 32 + 32 * 32 + 32 + 32 * 10 + 10,
        64 * 64 + 64 + 64 * 32 + 32 + 32 * 10 + 10,
        64 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10,
        64 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10,
    ]
    assert counts == by_hand


def test_a_classifier_is_linear_at_its_end_and_leaky_inside() -> None:
    inputs = torch.randn(5, 64)
    network = classifier(64, (32,), 10)
    first, _, last = network
    hidden = inputs @ first.weight.T + first.bias
    hidden = torch.where(hidden > 0, hidden, 0.01 * hidden)
    torch.testing.assert_close(network(inputs), hidden @ last.weight.T + last.bias)


@pytest.mark.parametrize("shape", [(64, 31, 31), (512, 3, 3), (16, 5, 9), (8, 1, 1), (3, 64, 64), (4, 4, 1)])
def test_features_of_any_size_are_encoded_and_made(shape: tuple[int, int, int]) -> None:
    shapes = {"one": shape, "two+three": (5, 7, 7)}
    features = {point: torch.randn(2, *size) for point, size in shapes.items()}
    embeddings = FeatureEncoder(shapes, 16)(features)
    made = FeatureDecoder(shapes, 16)(embeddings)
    assert embeddings.shape == (2, 16)
    assert {point: tuple(found.shape) for point, found in made.items()} == {p: (2, *s) for p, s in shapes.items()}


@pytest.mark.parametrize("shape", [(64, 31, 31), (512, 3, 3), (16, 5, 9), (8, 1, 1)])
def test_features_are_made_of_a_batch_with_one_image(shape: tuple[int, int, int]) -> None:
    """The last batch of an epoch may have one item, and batch norm needs two values of each channel."""
    shapes = {"one": shape}
    network = Autoencoder(FeatureEncoder(shapes, 16), FeatureDecoder(shapes, 16), encodes_features=True).train()
    made = network(torch.rand(1, 3, 64, 64), {"one": torch.randn(1, *shape)})
    assert made["one"].shape == (1, *shape)


def test_every_part_of_an_odd_map_is_seen() -> None:
    """No row or column is left out by halving: the embedding depends on the last ones too."""
    encoder = FeatureEncoder({"one": (4, 31, 31)}, 16).eval()
    features = torch.randn(1, 4, 31, 31, requires_grad=True)
    encoder({"one": features}).square().sum().backward()
    assert features.grad is not None
    assert (features.grad.abs().sum((0, 1)) > 0).all()


def test_features_that_are_made_may_be_negative_and_large() -> None:
    decoder = FeatureDecoder({"one": (6, 9, 9)}, 8)
    with torch.no_grad():
        made = decoder(torch.randn(64, 8) * 50)["one"]
    assert float(made.min()) < 0 < float(made.max())


@pytest.mark.parametrize("target", ["image", "features"])
@pytest.mark.parametrize("encode", ["image", "features"])
def test_every_variant_learns_from_every_part(target: str, encode: str) -> None:
    shapes = {"one": (6, 15, 15)}
    network = build_autoencoder(AutoencoderProtocol(target=target, encode=encode, z=8), 64, shapes)
    made = network(torch.rand(2, 3, 64, 64), {"one": torch.rand(2, 6, 15, 15)})
    (made["one"] if target == "features" else made).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_difference_of_features_is_a_mean_within_points_and_a_sum_over_them() -> None:
    predicted = {"a": torch.tensor([[[[1.0, 2.0]]]]), "b": torch.tensor([[[[5.0]]]])}
    true = {"a": torch.tensor([[[[0.0, 4.0]]]]), "b": torch.tensor([[[[2.0]]]])}
    assert float(feature_difference(predicted, true)) == pytest.approx((1 + 4) / 2 + 9)
