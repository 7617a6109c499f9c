"""A complete plugin: the backbone `edges`, which sees only the edges in an image, fine and coarse."""

import lnkit


def load(pretrained):
    """Return the whole network; lnkit cuts it, freezes it and normalizes its input."""
    import torch  # noqa: PLC0415 - heavy: at the top, every command would wait for it

    network = torch.nn.Sequential()
    network.add_module("edges", torch.nn.Conv2d(3, 6, kernel_size=3, padding=1, groups=3, bias=False))
    network.add_module("coarse", torch.nn.AvgPool2d(4))
    if pretrained:  # not trained, but constant: Sobel's filter and its transpose for each color
        sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
        network.edges.weight.data = torch.stack([sobel, sobel.T] * 3).unsqueeze(1)
    return network


@lnkit.hookimpl
def register_backbone(register):
    register(lnkit.BackboneSpec(name="edges", family="Example", load=load, weights="Sobel", min_size=4))


@lnkit.hookimpl
def register_extraction_points(register):
    register("edges", lnkit.ExtractionPoint("fine", node="edges", description="two directions for each color"))
    register("edges", lnkit.ExtractionPoint("broad", node="coarse", description="mean over 4 x 4 pixels"))
