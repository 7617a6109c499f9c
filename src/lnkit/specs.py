"""The facts that plugins hand over: frozen dataclasses, free of torch.

Everything heavy is left to their functions, which import torch and the like when they are called. Listing a thousand
backbones therefore costs a thousand small objects. A function may be given as text, ``"module:function"``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from lnkit.errors import PluginError

if TYPE_CHECKING:
    import torch

    Features = torch.Tensor
    Distance = Callable[[Features, Features], torch.Tensor]

__all__ = [
    "EPSILONS",
    "IMAGENET_CLASSES",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "INTERPOLATIONS",
    "LPIPS_MEAN",
    "LPIPS_STD",
    "NORMALIZATIONS",
    "RESIZE_FILTERS",
    "BackboneSpec",
    "DatasetSpec",
    "DistanceAt",
    "DistanceConfig",
    "DistanceSpec",
    "ExecutorSpec",
    "ExtractionPoint",
    "HubFile",
    "LossNetworkId",
    "PluginFailure",
    "RemoteFile",
    "class_digest",
    "load_function",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of RGB in [0, 1]; torchvision's ImageNet recipes
IMAGENET_STD = (0.229, 0.224, 0.225)

# :func:`class_digest` of the 1,000 WordNet ids of ILSVRC 2012, ascending, as torchvision and timm order them.
IMAGENET_CLASSES = "385e0240499426c022b773be1ae4da780f057b89c9694c7f47199f62746b6edd"

# LPIPS (Zhang2018, ScalingLayer) computes (image - shift) / scale of images in [-1, 1].
# With x = (image + 1) / 2 in [0, 1], that is (x - (1 + shift) / 2) / (scale / 2).
LPIPS_MEAN = ((1 - 0.030) / 2, (1 - 0.088) / 2, (1 - 0.188) / 2)
LPIPS_STD = (0.458 / 2, 0.448 / 2, 0.450 / 2)

Layout = Literal["NCHW", "NHWC", "NLC", "NC", "CLS", "auto"]
Interpolation = Literal["bicubic", "bilinear", "nearest-exact"]
Normalization = Literal["backbone", "imagenet", "lpips", "none"]  # of images; see lnkit.load_loss_network
LossMode = Literal["eval", "train"]  # of a loss network while another network is trained with it; see lnkit.LossNetwork

NORMALIZATIONS: tuple[str, ...] = get_args(Normalization)
INTERPOLATIONS: tuple[str, ...] = get_args(Interpolation)
LOSS_MODES: tuple[str, ...] = get_args(LossMode)
EPSILONS = ("lpips", "reference", "torchmetrics")  # guards against a zero norm; see lnkit.distances.spatial
RESIZE_FILTERS = ("bilinear", "bicubic", "lanczos", "box", "nearest")  # of Pillow, antialiased

T = TypeVar("T")


def load_function(reference: T | str) -> T:
    """Import the function that ``"module:name"`` stands for; anything else is returned as it is.

    Raises:
        PluginError: it cannot be imported, or is no function.
    """
    if not isinstance(reference, str):
        return reference
    from pkgutil import resolve_name  # noqa: PLC0415 - not for listing

    try:
        loaded: T = resolve_name(reference)
    except (ImportError, AttributeError, ValueError) as error:
        raise PluginError(
            f"{reference!r} could not be imported: {error}. Expected 'module:name' of a function."
        ) from error
    if not callable(loaded):
        raise PluginError(f"Expected 'module:name' of a function, got {reference!r}, which is {type(loaded).__name__}.")
    return loaded


def class_digest(classes: Sequence[str]) -> str:
    """Return what identifies the classes of a head or of images: the SHA-256 of their names in order, one a line.

    Example:
        >>> class_digest(["cat", "dog"])[:16]
        '3a450eb155d6a4c6'
    """
    import hashlib  # noqa: PLC0415 - every command passes here

    return hashlib.sha256("\n".join(classes).encode()).hexdigest()


NO_WEIGHTS = "none needed"  # name of the weights of a network that has no parameters


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """A pretrained network that can be cut into loss networks."""

    name: str  # "vgg16"; letters, digits and . _ - / @
    family: str  # "VGG"
    load: Callable[[bool], torch.nn.Module] | str  # load(pretrained), random weights for False; or "module:function"
    weights: str = ""  # name of the pretrained weights: "IMAGENET1K_V1"; "" if the network has none
    citation: str = ""  # "Simonyan and Zisserman 2015"
    mean: tuple[float, float, float] = IMAGENET_MEAN  # subtracted from RGB in [0, 1]
    std: tuple[float, float, float] = IMAGENET_STD  # then divided by
    min_size: int = 1  # smallest side in pixels of an image that reaches the last point
    requires: tuple[str, ...] = ()  # distributions that ``load`` needs: ("timm>=1.0",)
    distance: str = ""  # used unless the user names another; "": the benchmark's
    transform_input: bool = False  # re-normalizes its input inside forward (torchvision's Inception family)
    # Weights that load(True) reads from torch's hub folder, or from the cache of huggingface_hub; fetched if missing.
    remote: RemoteFile | HubFile | None = None
    weights_file: str = ""  # of weights that need no download: its path, or "package/file.pth" in an installed package
    input_size: tuple[int, int] | None = None  # (height, width) that images are resized to; None: not resized
    interpolation: Interpolation = "bicubic"  # of that resizing, which is antialiased
    eval_size: int | None = None  # side in pixels of the images that its authors evaluate it on; None: unknown
    size_note: str = (
        ""  # how it takes other sizes than it was trained with: "position embeddings interpolated from 224px"
    )
    tags: tuple[str, ...] = ()  # its sets of pretrained weights: "<name>.<tag>" is this backbone with that set
    classes: str = ""  # of its head, by class_digest; "": no head, or unknown
    imagenet_top1: float | None = None  # accuracy of its pretrained weights in percent, as stated by their authors
    layer_names: Mapping[str, str] = field(default_factory=dict)  # other names of nodes: "conv1_2" -> "features.2"
    with_tag: Callable[[str], BackboneSpec] | None = None  # tag -> the spec of "<name>.<tag>", cut at the same points

    @property
    def input_rule(self) -> str:
        """How images of another size are handled, in one phrase; "" if they are not changed."""
        if self.input_size is None:
            return self.size_note
        height, width = self.input_size
        return f"resized to {width}x{height},{self.interpolation}"


@dataclass(frozen=True, slots=True)
class ExtractionPoint:
    """A named place in a backbone, whose activations are used.

    ``node`` may join several nodes with ``+``: the point is then a named set, such as the five layers of LPIPS.
    """

    name: str  # "late"
    node: str  # dotted module path: "features.29"
    description: str = ""  # "13th ReLU"
    citation: str = ""  # source of this choice
    # Of the output of the node; NLC: sequences of tokens, CLS: only their first token, auto: read from its shape.
    layout: Layout = "NCHW"
    prefix_tokens: int = 0  # class and register tokens, left out of an NLC output

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(self.node.split("+"))


@dataclass(frozen=True, slots=True)
class DistanceSpec:
    """A function of two feature maps; the distance of a loss network is its sum over the points."""

    name: str  # "spatial"
    load: Callable[..., Distance] | str  # load(**options) -> f(a, b) of two (N, C, H, W) tensors, giving (N,)
    description: str = ""
    citation: str = ""
    per_point: bool = False  # learned for each point: ``load`` also gets backbone="vgg16" and point="late"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a dataset or of weights, and its address."""

    url: str
    size: int  # bytes, announced before the download; approximate unless ``exact``
    sha256: str = ""  # "": none is published; the first download's is stored and compared
    exact: bool = False  # ``size`` is exact, and checked
    md5: str = ""  # for files with a published MD5
    path: str = ""  # of a single file, in the dataset's folder: "train/sat/1.tiff"; "": an archive to unpack


HUB_NAMES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of weights on the Hugging Face hub, which the package ``huggingface_hub`` fetches into its own cache."""

    repository: str  # "timm/resnet18.a1_in1k"
    size: int = 0  # bytes, about; 0: unknown
    names: tuple[str, ...] = HUB_NAMES  # the first that the repository has

    @property
    def url(self) -> str:
        return f"https://huggingface.co/{self.repository}"


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """Data that a benchmark needs, with their addresses and terms."""

    name: str  # "bapps"; the folder in the cache
    title: str
    files: tuple[RemoteFile, ...]  # archives that are unpacked into the dataset's folder, or single files
    license: str  # as stated by its authors
    homepage: str = ""
    layout: str = ""  # of the unpacked folder, in a sentence
    # For datasets whose file list must be downloaded first (COCO, for example): list_files(fetch) -> files, where
    # fetch(file) downloads a listing and returns its path.
    list_files: Callable[[Callable[[RemoteFile], Path]], Sequence[RemoteFile]] | str | None = None
    size: int = 0  # bytes of the listed files, about, announced before the download
    # Of the unpacked or listed files: folder, or file -> number of files that it has: {"images/test": 100}.
    contents: Mapping[str, int] = field(default_factory=dict)
    by_hand: str = ""  # how to get the authors' files that lnkit cannot fetch, as a sentence: "They ask for a form"


@dataclass(frozen=True, slots=True)
class DistanceConfig:
    """A distance and its options."""

    name: str = "spatial"  # sums are joined with "+": "spatial+sort"
    channel_norm: bool = True  # unit-normalize over channels first (Pihlgren2023 Eq. 1)
    epsilon: str = "lpips"  # guard against a zero norm: lpips, reference or torchmetrics
    lin_weights: str = ""  # for "lin": a file, or "lpips" for the weights of the lpips package


@dataclass(frozen=True, slots=True)
class DistanceAt:
    """A distance summed over some layers of a backbone."""

    layers: tuple[str, ...]  # names of points of one node each; see ``RunFacts.layers``
    distance: DistanceConfig


@dataclass(frozen=True, slots=True, order=True)
class LossNetworkId:
    """A backbone and the points it is cut at, by name: ``alexnet:early+mid``."""

    backbone: str
    points: tuple[str, ...]

    def __str__(self) -> str:
        return loss_network_label(self.backbone, self.points)


def loss_network_label(backbone: str, points: Iterable[str]) -> str:
    """Return ``vgg16:late``, or the text of a loss, which names its points itself: ``vgg16:late*0.5, l1``."""
    return backbone if is_loss(backbone) else f"{backbone}:{'+'.join(points)}"


def is_loss(backbone: str) -> bool:
    """Whether the backbone of a record is the text of a loss: its terms have distances, and no other name a comma."""
    return ", " in backbone


@dataclass(frozen=True, slots=True)
class ExecutorSpec:
    """A way to start the workers of a sweep: on this machine, on a cluster."""

    name: str  # "slurm"
    title: str  # "a SLURM cluster, through submitit"
    start: Callable[..., str] | str  # start(job, options, progress) as lnkit.sweep.executor.Executor; or "module:name"
    requires: tuple[str, ...] = ()  # what to install: "lnkit[slurm]"


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """The failure of a plugin: the stage and the reason."""

    plugin: str  # entry-point name
    stage: str  # "import", "validate", "register_backbone", ...
    reason: str  # one sentence
    traceback: str = ""
    distribution: str = ""
    place: str = ""  # in its code: "mine/backbones.py, line 12"
