"""The extraction points of the 14 backbones of Pihlgren2023, of the three of LPIPS, and of DISTS.

Pihlgren2023: "A Systematic Performance Analysis of Deep Perceptual Loss Networks" (arXiv 2302.04032).
"""

from __future__ import annotations

from lnkit import ExtractionPoint

STUDY = "Pihlgren et al. 2023, Table II"
LPIPS = "Zhang et al. 2018"  # arXiv 1801.03924; the layers are those of its published implementation

# Pihlgren2023 Table II: nodes, and the table's own words for them. (Its "BN" in the Inception family is the output of a
# module that ends in a ReLU, as in the reference code.)
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

LPIPS_POINTS = {  # indices of torchvision's `features`, from the published implementation of LPIPS
    "alexnet": (1, 4, 7, 9, 11),
    "squeezenet1_1": (1, 4, 7, 9, 10, 11, 12),
    "vgg16": (3, 8, 15, 22, 29),
}


DISTS = "Ding et al. 2020"  # arXiv 2004.07728, section 2.1
DISTS_INDICES = (3, 8, 15, 22, 29)  # of `features`: relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3


def dists_points() -> tuple[ExtractionPoint, ...]:
    """Return the points of VGG-16 with L2 pooling: those of VGG-16 in Table II, and the set of DISTS."""
    node = "+".join(["image", *(f"features.{index}" for index in DISTS_INDICES)])
    points = [
        ExtractionPoint(name, node, description, "as for vgg16")
        for name, (node, description) in POINTS["vgg16"].items()
    ]
    return (*points, ExtractionPoint("dists", node, "the image and the 5 layers that DISTS compares", DISTS))


def study_points(backbone: str) -> tuple[ExtractionPoint, ...]:
    """Return the four points of Table II for one of its backbones, and the set of LPIPS if there is one."""
    points = [ExtractionPoint(name, node, description, STUDY) for name, (node, description) in POINTS[backbone].items()]
    if backbone in LPIPS_POINTS:
        indices = LPIPS_POINTS[backbone]
        node = "+".join(f"features.{index}" for index in indices)
        points.append(ExtractionPoint("lpips", node, f"the {len(indices)} layers that LPIPS compares", LPIPS))
    return tuple(points)
