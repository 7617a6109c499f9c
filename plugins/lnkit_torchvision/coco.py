"""The trunks of torchvision's segmentation and detection networks, which were trained on COCO.

A trunk is what torchvision calls the network's ``backbone``: the classification network without its head, in detection
with the layers that follow it (a feature pyramid, or the extra layers of SSD). Weights are those of the whole network,
from torchvision's enums; a test compares the two.
"""

from __future__ import annotations

from typing import NamedTuple

from lnkit import ExtractionPoint
from lnkit_torchvision.study import POINTS as STUDY
from lnkit_torchvision.table import POINT_NAMES
from lnkit_torchvision.weights import HALF, IMAGENET, Input

SEGMENTATION = "COCO semantic segmentation (the classes of Pascal VOC)"
DETECTION = "COCO object detection"
INSTANCES = "COCO instance segmentation"
KEYPOINTS = "COCO keypoint detection"
CAFFE_SSD = Input((0.48235, 0.45882, 0.40784), (1.0 / 255.0, 1.0 / 255.0, 1.0 / 255.0))

COCO = "COCO_V1"
COCO_VOC = "COCO_WITH_VOC_LABELS_V1"


class Trunk(NamedTuple):
    """The classification network inside, and where its four points lie in the trunk of the whole network."""

    network: str  # "resnet50"
    family: str  # its family
    nodes: str  # the four, separated by spaces
    strides: tuple[int, ...] = ()  # pixels of the image per position, at each node; (): the points are the study's
    min_size: int = 1  # pixels; measured smallest side of images from which the late point can be computed


class TrainedWeights(NamedTuple):
    """One set of weights of a whole network."""

    file: str  # as in torchvision's folder of downloads
    mebibytes: float
    # Of the frozen batch norms that torchvision builds for pretrained networks only; None: it does not freeze them.
    frozen_eps: float | None = None


class TrainedNetwork(NamedTuple):
    """A network of torchvision that was trained on COCO."""

    name: str  # as in torchvision.models
    trunk: Trunk
    trained_on: str
    citation: str
    weights: dict[str, TrainedWeights]  # by tag; the plain name means the first
    eval_size: int  # pixels; shorter side of its images, or both
    input: Input = IMAGENET

    @property
    def points(self) -> tuple[ExtractionPoint, ...]:
        """The four points of the classification network."""
        citation = f"as for {self.trunk.network}"
        nodes = self.trunk.nodes.split()
        strides = self.trunk.strides
        words = [f"1/{stride} stage" for stride in strides] or [
            STUDY[self.trunk.network][name][1] for name in POINT_NAMES
        ]
        facts = zip(POINT_NAMES, nodes, words, strict=True)
        return tuple(ExtractionPoint(name, node, text, citation) for name, node, text in facts)


_DILATED = (4, 8, 8, 8)  # the last two stages are dilated instead of strided
_STAGES = (4, 8, 16, 32)

_RESNET50 = Trunk("resnet50", "ResNet", "relu layer1 layer2 layer4")
_RESNET101 = Trunk("resnet101", "ResNet", "layer1 layer2 layer3 layer4", _DILATED)
_MOBILENET = Trunk("mobilenet_v3_large", "MobileNet", "3 6 12 15", (4, 8, 16, 16))
_RESNET50_FPN = Trunk("resnet50", "ResNet", "body.relu body.layer1 body.layer2 body.layer4")
_MOBILENET_FPN = Trunk("mobilenet_v3_large", "MobileNet", "body.3 body.6 body.12 body.15", _STAGES)
_VGG16_SSD = Trunk("vgg16", "VGG", "features.3 features.8 features.15 extra.0.6", min_size=12)
_MOBILENET_SSD = Trunk(
    "mobilenet_v3_large", "MobileNet", "features.0.3 features.0.6 features.0.12 features.1.2", _STAGES
)

_DEEPLAB = "Chen et al. 2017"  # arXiv 1706.05587
_FCN = "Long et al. 2015"
_MOBILENET_V3 = "Howard et al. 2019"  # LR-ASPP, and SSDLite on it
_FASTER = "Ren et al. 2015; Lin et al. 2017"  # Faster R-CNN on a feature pyramid
_FASTER_V2 = "Li et al. 2021"  # arXiv 2111.11429, the recipe of torchvision's second versions
_MASK = "He et al. 2017"
_RETINANET = "Lin et al. 2017"  # arXiv 1708.02002

TRAINED_NETWORKS = (
    TrainedNetwork(
        "deeplabv3_mobilenet_v3_large",
        _MOBILENET,
        SEGMENTATION,
        _DEEPLAB,
        {COCO_VOC: TrainedWeights("deeplabv3_mobilenet_v3_large-fc3c493d.pth", 42.301)},
        520,
    ),
    TrainedNetwork(
        "deeplabv3_resnet101",
        _RESNET101,
        SEGMENTATION,
        _DEEPLAB,
        {COCO_VOC: TrainedWeights("deeplabv3_resnet101_coco-586e9e4e.pth", 233.217)},
        520,
    ),
    TrainedNetwork(
        "deeplabv3_resnet50",
        _RESNET50,
        SEGMENTATION,
        _DEEPLAB,
        {COCO_VOC: TrainedWeights("deeplabv3_resnet50_coco-cd0a2569.pth", 160.515)},
        520,
    ),
    TrainedNetwork(
        "fcn_resnet101",
        _RESNET101,
        SEGMENTATION,
        _FCN,
        {COCO_VOC: TrainedWeights("fcn_resnet101_coco-7ecb50ca.pth", 207.711)},
        520,
    ),
    TrainedNetwork(
        "fcn_resnet50",
        _RESNET50,
        SEGMENTATION,
        _FCN,
        {COCO_VOC: TrainedWeights("fcn_resnet50_coco-1167a1af.pth", 135.009)},
        520,
    ),
    TrainedNetwork(
        "lraspp_mobilenet_v3_large",
        _MOBILENET,
        SEGMENTATION,
        _MOBILENET_V3,
        {COCO_VOC: TrainedWeights("lraspp_mobilenet_v3_large-d234d4ea.pth", 12.49)},
        520,
    ),
    TrainedNetwork(
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        _MOBILENET_FPN,
        DETECTION,
        _FASTER,
        {COCO: TrainedWeights("fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth", 74.239, 1e-5)},
        320,
    ),
    TrainedNetwork(
        "fasterrcnn_mobilenet_v3_large_fpn",
        _MOBILENET_FPN,
        DETECTION,
        _FASTER,
        {COCO: TrainedWeights("fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth", 74.239, 1e-5)},
        800,
    ),
    TrainedNetwork(
        "fasterrcnn_resnet50_fpn",
        _RESNET50_FPN,
        DETECTION,
        _FASTER,
        {COCO: TrainedWeights("fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 159.743, 0.0)},
        800,
    ),
    TrainedNetwork(
        "fasterrcnn_resnet50_fpn_v2",
        _RESNET50_FPN,
        DETECTION,
        _FASTER_V2,
        {COCO: TrainedWeights("fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth", 167.104)},
        800,
    ),
    TrainedNetwork(
        "fcos_resnet50_fpn",
        _RESNET50_FPN,
        DETECTION,
        "Tian et al. 2019",
        {COCO: TrainedWeights("fcos_resnet50_fpn_coco-99b0c9b7.pth", 123.608, 1e-5)},
        800,
    ),
    TrainedNetwork(
        "keypointrcnn_resnet50_fpn",
        _RESNET50_FPN,
        KEYPOINTS,
        _MASK,
        {
            COCO: TrainedWeights("keypointrcnn_resnet50_fpn_coco-fc266e95.pth", 226.054, 0.0),
            "COCO_LEGACY": TrainedWeights("keypointrcnn_resnet50_fpn_coco-9f466800.pth", 226.054, 1e-5),
        },
        800,
    ),
    TrainedNetwork(
        "maskrcnn_resnet50_fpn",
        _RESNET50_FPN,
        INSTANCES,
        _MASK,
        {COCO: TrainedWeights("maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth", 169.84, 0.0)},
        800,
    ),
    TrainedNetwork(
        "maskrcnn_resnet50_fpn_v2",
        _RESNET50_FPN,
        INSTANCES,
        _FASTER_V2,
        {COCO: TrainedWeights("maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth", 177.219)},
        800,
    ),
    TrainedNetwork(
        "retinanet_resnet50_fpn",
        _RESNET50_FPN,
        DETECTION,
        _RETINANET,
        {COCO: TrainedWeights("retinanet_resnet50_fpn_coco-eeacb38b.pth", 130.267, 0.0)},
        800,
    ),
    TrainedNetwork(
        "retinanet_resnet50_fpn_v2",
        _RESNET50_FPN,
        DETECTION,
        "Zhang et al. 2020",
        {COCO: TrainedWeights("retinanet_resnet50_fpn_v2_coco-5905b1c5.pth", 146.037)},
        800,
    ),
    TrainedNetwork(
        "ssd300_vgg16",
        _VGG16_SSD,
        DETECTION,
        "Liu et al. 2016",
        {COCO: TrainedWeights("ssd300_vgg16_coco-b556d3b4.pth", 135.988)},
        300,
        CAFFE_SSD,
    ),
    TrainedNetwork(
        "ssdlite320_mobilenet_v3_large",
        _MOBILENET_SSD,
        DETECTION,
        _MOBILENET_V3,
        {COCO: TrainedWeights("ssdlite320_mobilenet_v3_large_coco-a79551df.pth", 13.418)},
        320,
        HALF,
    ),
)
