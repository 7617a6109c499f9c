"""Facts about the 14 backbones: where they come from, what their weights weigh, where they are cut."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    name: str  # as in torchvision.models
    family: str
    citation: str
    file: str  # of IMAGENET1K_V1, as torchvision's weights enum names it
    mebibytes: float  # its size there
    min_size: int  # pixels; measured: the smallest side at which the network still computes its late point
    transform_input: bool = False


BACKBONES = (
    Row("vgg11", "VGG", "Simonyan and Zisserman 2015", "vgg11-8a719046.pth", 506.84, 16),
    Row("vgg16", "VGG", "Simonyan and Zisserman 2015", "vgg16-397923af.pth", 527.796, 16),
    Row("vgg16_bn", "VGG", "Simonyan and Zisserman 2015", "vgg16_bn-6c64b313.pth", 527.866, 16),
    Row("vgg19", "VGG", "Simonyan and Zisserman 2015", "vgg19-dcbb9e9d.pth", 548.051, 16),
    Row("resnet18", "ResNet", "He et al. 2016", "resnet18-f37072fd.pth", 44.661, 1),
    Row("resnet50", "ResNet", "He et al. 2016", "resnet50-0676ba61.pth", 97.781, 1),
    Row("resnext50_32x4d", "ResNeXt", "Xie et al. 2017", "resnext50_32x4d-7cdf4587.pth", 95.789, 1),
    Row("googlenet", "Inception", "Szegedy et al. 2015", "googlenet-1378be20.pth", 49.731, 15, True),
    Row("inception_v3", "Inception", "Szegedy et al. 2016", "inception_v3_google-0cc3c7bd.pth", 103.903, 43, True),
    Row("efficientnet_b0", "EfficientNet", "Tan and Le 2019", "efficientnet_b0_rwightman-7f5810bc.pth", 20.451, 1),
    Row("efficientnet_b7", "EfficientNet", "Tan and Le 2019", "efficientnet_b7_lukemelas-c5b4e57e.pth", 254.675, 1),
    Row("alexnet", "AlexNet", "Krizhevsky 2014", "alexnet-owt-7be5be79.pth", 233.087, 31),
    Row("densenet121", "DenseNet", "Huang et al. 2017", "densenet121-a639ec97.pth", 30.845, 29),
    Row("squeezenet1_1", "SqueezeNet", "Iandola et al. 2016", "squeezenet1_1-b8a52dc0.pth", 4.729, 17),
)

# P, Table II: the nodes, and what is there in the table's own words. (What it calls "BN" in the Inception family is the
# output of a module that ends in a ReLU; so does the published implementation take it.)
POINTS = {
    "vgg11": {
        "early": ("features.1", "1st ReLU"),
        "semi_early": ("features.4", "2nd ReLU"),
        "mid": ("features.9", "4th ReLU"),
        "late": ("features.19", "8th ReLU"),
    },
    "vgg16": {
        "early": ("features.3", "2nd ReLU"),
        "semi_early": ("features.8", "4th ReLU"),
        "mid": ("features.15", "7th ReLU"),
        "late": ("features.29", "13th ReLU"),
    },
    "vgg16_bn": {
        "early": ("features.5", "2nd ReLU"),
        "semi_early": ("features.12", "4th ReLU"),
        "mid": ("features.22", "7th ReLU"),
        "late": ("features.42", "13th ReLU"),
    },
    "vgg19": {
        "early": ("features.3", "2nd ReLU"),
        "semi_early": ("features.8", "4th ReLU"),
        "mid": ("features.17", "8th ReLU"),
        "late": ("features.35", "16th ReLU"),
    },
    "resnet18": {
        "early": ("relu", "1st ReLU"),
        "semi_early": ("layer1", "1st block stack"),
        "mid": ("layer2", "2nd block stack"),
        "late": ("layer4", "4th block stack"),
    },
    "resnet50": {
        "early": ("relu", "1st ReLU"),
        "semi_early": ("layer1", "1st block stack"),
        "mid": ("layer2", "2nd block stack"),
        "late": ("layer4", "4th block stack"),
    },
    "resnext50_32x4d": {
        "early": ("relu", "1st ReLU"),
        "semi_early": ("layer1", "1st block stack"),
        "mid": ("layer2", "2nd block stack"),
        "late": ("layer4", "4th block stack"),
    },
    "googlenet": {
        "early": ("conv1", "1st BN"),
        "semi_early": ("inception3a", "1st inception module"),
        "mid": ("inception4a", "3rd inception module"),
        "late": ("inception5b", "9th inception module"),
    },
    "inception_v3": {
        "early": ("Conv2d_2b_3x3", "3rd BN"),
        "semi_early": ("Mixed_5b", "1st inception module"),
        "mid": ("Mixed_5d", "3rd inception module"),
        "late": ("Mixed_6e", "8th inception module"),
    },
    "efficientnet_b0": {
        "early": ("features.0", "1st SiLU"),
        "semi_early": ("features.1", "1st MBConv"),
        "mid": ("features.4", "4th MBConv"),
        "late": ("features.7", "7th MBConv"),
    },
    "efficientnet_b7": {
        "early": ("features.0", "1st SiLU"),
        "semi_early": ("features.1", "1st MBConv"),
        "mid": ("features.4", "4th MBConv"),
        "late": ("features.7", "7th MBConv"),
    },
    "alexnet": {
        "early": ("features.1", "1st ReLU"),
        "semi_early": ("features.4", "2nd ReLU"),
        "mid": ("features.7", "3rd ReLU"),
        "late": ("features.11", "5th ReLU"),
    },
    "densenet121": {
        "early": ("features.relu0", "1st ReLU"),
        "semi_early": ("features.denseblock1", "1st dense block"),
        "mid": ("features.denseblock2", "2nd dense block"),
        "late": ("features.denseblock4", "4th dense block"),
    },
    "squeezenet1_1": {
        "early": ("features.1", "1st ReLU"),
        "semi_early": ("features.3", "1st fire module"),
        "mid": ("features.7", "4th fire module"),
        "late": ("features.12", "8th fire module"),
    },
}

LPIPS_POINTS = {  # indices of torchvision's `features` in the published implementation of LPIPS
    "alexnet": (1, 4, 7, 9, 11),
    "squeezenet1_1": (1, 4, 7, 9, 10, 11, 12),
    "vgg16": (3, 8, 15, 22, 29),
}
