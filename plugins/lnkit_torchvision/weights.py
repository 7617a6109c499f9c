"""The sets of pretrained weights of every network, from torchvision's enums; a test compares the two."""

from __future__ import annotations

from typing import Literal, NamedTuple

Triple = tuple[float, float, float]

V1 = "IMAGENET1K_V1"
V2 = "IMAGENET1K_V2"  # a newer training recipe
SWAG_E2E = (
    "IMAGENET1K_SWAG_E2E_V1"  # trained on images from Instagram, then tuned to ImageNet as a whole (Singh et al. 2022)
)
SWAG_LINEAR = "IMAGENET1K_SWAG_LINEAR_V1"  # the same, with only a linear classifier tuned
USUAL_SIZE = 224  # pixels; side of the images of most networks
FEATURES = "IMAGENET1K_FEATURES"  # without a classifier: its values are not numbers


class Input(NamedTuple):
    """Normalization of RGB in [0, 1]: the mean is subtracted, then the result is divided by std."""

    mean: Triple
    std: Triple


IMAGENET = Input((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = Input((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CAFFE = Input((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255))


class Weights(NamedTuple):
    """One set of pretrained weights."""

    file: str  # in torchvision's folder of downloads; its last digits are the first of its SHA-256
    mebibytes: float
    input: Input = IMAGENET
    size: int = 0  # pixels; side to which images are resized, for a network that takes one size only
    interpolation: Literal["bicubic", "bilinear"] = "bilinear"  # of that resizing
    top1: float | None = None  # ImageNet accuracy in percent; None where there is no classifier
    crop: int = 0  # pixels; side of the images of this accuracy, if it is neither ``size`` nor USUAL_SIZE

    @property
    def eval_size(self) -> int:
        """Side in pixels of the images that the weights were made for."""
        return self.crop or self.size or USUAL_SIZE


# Network -> tag -> weights. The plain name of a network means the first: plain ImageNet, if there is such a set.
WEIGHTS = {
    "alexnet": {V1: Weights("alexnet-owt-7be5be79.pth", 233.087, top1=56.522)},
    "convnext_base": {V1: Weights("convnext_base-6075fbad.pth", 338.064, top1=84.062)},
    "convnext_large": {V1: Weights("convnext_large-ea097f82.pth", 754.537, top1=84.414)},
    "convnext_small": {V1: Weights("convnext_small-0c510722.pth", 191.703, top1=83.616)},
    "convnext_tiny": {V1: Weights("convnext_tiny-983f1562.pth", 109.119, top1=82.52)},
    "densenet121": {V1: Weights("densenet121-a639ec97.pth", 30.845, top1=74.434)},
    "densenet161": {V1: Weights("densenet161-8d451a50.pth", 110.369, top1=77.138)},
    "densenet169": {V1: Weights("densenet169-b2777c0a.pth", 54.708, top1=75.6)},
    "densenet201": {V1: Weights("densenet201-c1103571.pth", 77.373, top1=76.896)},
    "efficientnet_b0": {V1: Weights("efficientnet_b0_rwightman-7f5810bc.pth", 20.451, top1=77.692)},
    "efficientnet_b1": {
        V1: Weights("efficientnet_b1_rwightman-bac287d4.pth", 30.134, top1=78.642, crop=240),
        V2: Weights("efficientnet_b1-c27df63c.pth", 30.136, top1=79.838, crop=240),
    },
    "efficientnet_b2": {V1: Weights("efficientnet_b2_rwightman-c35c1473.pth", 35.174, top1=80.608, crop=288)},
    "efficientnet_b3": {V1: Weights("efficientnet_b3_rwightman-b3899882.pth", 47.184, top1=82.008, crop=300)},
    "efficientnet_b4": {V1: Weights("efficientnet_b4_rwightman-23ab8bcd.pth", 74.489, top1=83.384, crop=380)},
    "efficientnet_b5": {V1: Weights("efficientnet_b5_lukemelas-1a07897c.pth", 116.864, top1=83.444, crop=456)},
    "efficientnet_b6": {V1: Weights("efficientnet_b6_lukemelas-24a108a5.pth", 165.362, top1=84.008, crop=528)},
    "efficientnet_b7": {V1: Weights("efficientnet_b7_lukemelas-c5b4e57e.pth", 254.675, top1=84.122, crop=600)},
    "efficientnet_v2_l": {V1: Weights("efficientnet_v2_l-59c71312.pth", 454.573, HALF, top1=85.808, crop=480)},
    "efficientnet_v2_m": {V1: Weights("efficientnet_v2_m-dc08266a.pth", 208.01, top1=85.112, crop=480)},
    "efficientnet_v2_s": {V1: Weights("efficientnet_v2_s-dd5fe13b.pth", 82.704, top1=84.228, crop=384)},
    "googlenet": {V1: Weights("googlenet-1378be20.pth", 49.731, top1=69.778)},
    "inception_v3": {V1: Weights("inception_v3_google-0cc3c7bd.pth", 103.903, top1=77.294, crop=299)},
    "maxvit_t": {V1: Weights("maxvit_t-bc5ab103.pth", 118.769, size=224, interpolation="bicubic", top1=83.7)},
    "mnasnet0_5": {V1: Weights("mnasnet0.5_top1_67.823-3ffadce67e.pth", 8.591, top1=67.734)},
    "mnasnet0_75": {V1: Weights("mnasnet0_75-7090bc5f.pth", 12.303, top1=71.18)},
    "mnasnet1_0": {V1: Weights("mnasnet1.0_top1_73.512-f206786ef8.pth", 16.915, top1=73.456)},
    "mnasnet1_3": {V1: Weights("mnasnet1_3-a4c69d6f.pth", 24.246, top1=76.506)},
    "mobilenet_v2": {
        V1: Weights("mobilenet_v2-b0353104.pth", 13.555, top1=71.878),
        V2: Weights("mobilenet_v2-7ebf99e0.pth", 13.598, top1=72.154),
    },
    "mobilenet_v3_large": {
        V1: Weights("mobilenet_v3_large-8738ca79.pth", 21.114, top1=74.042),
        V2: Weights("mobilenet_v3_large-5c1a4163.pth", 21.107, top1=75.274),
    },
    "mobilenet_v3_small": {V1: Weights("mobilenet_v3_small-047dcff4.pth", 9.829, top1=67.668)},
    "regnet_x_16gf": {
        V1: Weights("regnet_x_16gf-2007eb11.pth", 207.627, top1=80.058),
        V2: Weights("regnet_x_16gf-ba3796d7.pth", 207.627, top1=82.716),
    },
    "regnet_x_1_6gf": {
        V1: Weights("regnet_x_1_6gf-e3633e7f.pth", 35.339, top1=77.04),
        V2: Weights("regnet_x_1_6gf-a12f2b72.pth", 35.339, top1=79.668),
    },
    "regnet_x_32gf": {
        V1: Weights("regnet_x_32gf-9d47f8d0.pth", 412.039, top1=80.622),
        V2: Weights("regnet_x_32gf-6eb8fdc6.pth", 412.039, top1=83.014),
    },
    "regnet_x_3_2gf": {
        V1: Weights("regnet_x_3_2gf-f342aeae.pth", 58.756, top1=78.364),
        V2: Weights("regnet_x_3_2gf-7071aa85.pth", 58.756, top1=81.196),
    },
    "regnet_x_400mf": {
        V1: Weights("regnet_x_400mf-adf1edd5.pth", 21.258, top1=72.834),
        V2: Weights("regnet_x_400mf-62229a5f.pth", 21.257, top1=74.864),
    },
    "regnet_x_800mf": {
        V1: Weights("regnet_x_800mf-ad17e45c.pth", 27.945, top1=75.212),
        V2: Weights("regnet_x_800mf-94a99ebd.pth", 27.945, top1=77.522),
    },
    "regnet_x_8gf": {
        V1: Weights("regnet_x_8gf-03ceed89.pth", 151.456, top1=79.344),
        V2: Weights("regnet_x_8gf-2b70d774.pth", 151.456, top1=81.682),
    },
    "regnet_y_128gf": {
        SWAG_E2E: Weights("regnet_y_128gf_swag-c8ce3e52.pth", 2461.564, top1=88.228, crop=384),
        SWAG_LINEAR: Weights("regnet_y_128gf_lc_swag-cbe8ce12.pth", 2461.564, top1=86.068),
    },
    "regnet_y_16gf": {
        V1: Weights("regnet_y_16gf-9e6ed7dd.pth", 319.49, top1=80.424),
        V2: Weights("regnet_y_16gf-3e4a00f9.pth", 319.49, top1=82.886),
        SWAG_E2E: Weights("regnet_y_16gf_swag-43afe44d.pth", 319.49, top1=86.012, crop=384),
        SWAG_LINEAR: Weights("regnet_y_16gf_lc_swag-f3ec0043.pth", 319.49, top1=83.976),
    },
    "regnet_y_1_6gf": {
        V1: Weights("regnet_y_1_6gf-b11a554e.pth", 43.152, top1=77.95),
        V2: Weights("regnet_y_1_6gf-0d7bc02a.pth", 43.152, top1=80.876),
    },
    "regnet_y_32gf": {
        V1: Weights("regnet_y_32gf-4dee3f7a.pth", 554.076, top1=80.878),
        V2: Weights("regnet_y_32gf-8db6d4b5.pth", 554.076, top1=83.368),
        SWAG_E2E: Weights("regnet_y_32gf_swag-04fdfa75.pth", 554.076, top1=86.838, crop=384),
        SWAG_LINEAR: Weights("regnet_y_32gf_lc_swag-e1583746.pth", 554.076, top1=84.622),
    },
    "regnet_y_3_2gf": {
        V1: Weights("regnet_y_3_2gf-b5a9779c.pth", 74.567, top1=78.948),
        V2: Weights("regnet_y_3_2gf-9180c971.pth", 74.567, top1=81.982),
    },
    "regnet_y_400mf": {
        V1: Weights("regnet_y_400mf-c65dace8.pth", 16.806, top1=74.046),
        V2: Weights("regnet_y_400mf-e6988f5f.pth", 16.806, top1=75.804),
    },
    "regnet_y_800mf": {
        V1: Weights("regnet_y_800mf-1b27b58c.pth", 24.774, top1=76.42),
        V2: Weights("regnet_y_800mf-58fc7688.pth", 24.774, top1=78.828),
    },
    "regnet_y_8gf": {
        V1: Weights("regnet_y_8gf-d0d0e4a8.pth", 150.701, top1=80.032),
        V2: Weights("regnet_y_8gf-dc2b1b54.pth", 150.701, top1=82.828),
    },
    "resnet101": {
        V1: Weights("resnet101-63fe2227.pth", 170.511, top1=77.374),
        V2: Weights("resnet101-cd907fc2.pth", 170.53, top1=81.886),
    },
    "resnet152": {
        V1: Weights("resnet152-394f9c45.pth", 230.434, top1=78.312),
        V2: Weights("resnet152-f82ba261.pth", 230.474, top1=82.284),
    },
    "resnet18": {V1: Weights("resnet18-f37072fd.pth", 44.661, top1=69.758)},
    "resnet34": {V1: Weights("resnet34-b627a593.pth", 83.275, top1=73.314)},
    "resnet50": {
        V1: Weights("resnet50-0676ba61.pth", 97.781, top1=76.13),
        V2: Weights("resnet50-11ad3fa6.pth", 97.79, top1=80.858),
    },
    "resnext101_32x8d": {
        V1: Weights("resnext101_32x8d-8ba56ff5.pth", 339.586, top1=79.312),
        V2: Weights("resnext101_32x8d-110c445d.pth", 339.673, top1=82.834),
    },
    "resnext101_64x4d": {V1: Weights("resnext101_64x4d-173b62eb.pth", 319.318, top1=83.246)},
    "resnext50_32x4d": {
        V1: Weights("resnext50_32x4d-7cdf4587.pth", 95.789, top1=77.618),
        V2: Weights("resnext50_32x4d-1a0047aa.pth", 95.833, top1=81.198),
    },
    "shufflenet_v2_x0_5": {V1: Weights("shufflenetv2_x0.5-f707e7126e.pth", 5.282, top1=60.552)},
    "shufflenet_v2_x1_0": {V1: Weights("shufflenetv2_x1-5666bf0f80.pth", 8.791, top1=69.362)},
    "shufflenet_v2_x1_5": {V1: Weights("shufflenetv2_x1_5-3c479a10.pth", 13.557, top1=72.996)},
    "shufflenet_v2_x2_0": {V1: Weights("shufflenetv2_x2_0-8be3c8ee.pth", 28.433, top1=76.23)},
    "squeezenet1_0": {V1: Weights("squeezenet1_0-b66bff10.pth", 4.778, top1=58.092)},
    "squeezenet1_1": {V1: Weights("squeezenet1_1-b8a52dc0.pth", 4.729, top1=58.178)},
    "swin_b": {V1: Weights("swin_b-68c6b09e.pth", 335.364, top1=83.582)},
    "swin_s": {V1: Weights("swin_s-5e29d889.pth", 189.786, top1=83.196)},
    "swin_t": {V1: Weights("swin_t-704ceda3.pth", 108.19, top1=81.474)},
    "swin_v2_b": {V1: Weights("swin_v2_b-781e5279.pth", 336.372, top1=84.112, crop=256)},
    "swin_v2_s": {V1: Weights("swin_v2_s-637d8ceb.pth", 190.675, top1=83.712, crop=256)},
    "swin_v2_t": {V1: Weights("swin_v2_t-b137f0e2.pth", 108.626, top1=82.072, crop=256)},
    "vgg11": {V1: Weights("vgg11-8a719046.pth", 506.84, top1=69.02)},
    "vgg11_bn": {V1: Weights("vgg11_bn-6002323d.pth", 506.881, top1=70.37)},
    "vgg13": {V1: Weights("vgg13-19584684.pth", 507.545, top1=69.928)},
    "vgg13_bn": {V1: Weights("vgg13_bn-abd245e5.pth", 507.59, top1=71.586)},
    "vgg16": {
        V1: Weights("vgg16-397923af.pth", 527.796, top1=71.592),
        FEATURES: Weights("vgg16_features-amdegroot-88682ab5.pth", 527.802, CAFFE),
    },
    "vgg16_bn": {V1: Weights("vgg16_bn-6c64b313.pth", 527.866, top1=73.36)},
    "vgg19": {V1: Weights("vgg19-dcbb9e9d.pth", 548.051, top1=72.376)},
    "vgg19_bn": {V1: Weights("vgg19_bn-c79401a0.pth", 548.143, top1=74.218)},
    "vit_b_16": {
        V1: Weights("vit_b_16-c867db91.pth", 330.285, size=224, top1=81.072),
        SWAG_E2E: Weights("vit_b_16_swag-9ac1b537.pth", 331.398, size=384, interpolation="bicubic", top1=85.304),
        SWAG_LINEAR: Weights("vit_b_16_lc_swag-4e70ced5.pth", 330.285, size=224, interpolation="bicubic", top1=81.886),
    },
    "vit_b_32": {V1: Weights("vit_b_32-d86f8d99.pth", 336.604, size=224, top1=75.912)},
    "vit_h_14": {
        SWAG_E2E: Weights("vit_h_14_swag-80465313.pth", 2416.643, size=518, interpolation="bicubic", top1=88.552),
        SWAG_LINEAR: Weights("vit_h_14_lc_swag-c1eb923e.pth", 2411.209, size=224, interpolation="bicubic", top1=85.708),
    },
    "vit_l_16": {
        V1: Weights("vit_l_16-852ce7e3.pth", 1161.023, size=224, top1=79.662),
        SWAG_E2E: Weights("vit_l_16_swag-4f3808c9.pth", 1164.258, size=512, interpolation="bicubic", top1=88.064),
        SWAG_LINEAR: Weights("vit_l_16_lc_swag-4d563306.pth", 1161.023, size=224, interpolation="bicubic", top1=85.146),
    },
    "vit_l_32": {V1: Weights("vit_l_32-c7638314.pth", 1169.449, size=224, top1=76.972)},
    "wide_resnet101_2": {
        V1: Weights("wide_resnet101_2-32ee1156.pth", 242.896, top1=78.848),
        V2: Weights("wide_resnet101_2-d733dc28.pth", 484.747, top1=82.51),
    },
    "wide_resnet50_2": {
        V1: Weights("wide_resnet50_2-95faca4d.pth", 131.82, top1=78.468),
        V2: Weights("wide_resnet50_2-9ba9bcbe.pth", 263.124, top1=81.602),
    },
}
