"""Some well-known image towers of OpenCLIP, from its own tables of models and weights; a test compares the two."""

from __future__ import annotations

from typing import NamedTuple

from lnkit import ExtractionPoint

Triple = tuple[float, float, float]

CITATION = "Radford et al. 2021; Cherti et al. 2023"  # CLIP (arXiv 2103.00020), OpenCLIP (arXiv 2212.07143)
HUB_NAMES = ("open_clip_model.safetensors",)  # the other files of a repository hold Python objects
BLOCKS = "the blocks at a quarter, half, three quarters and all of the depth"
POINT_NAMES = ("early", "semi_early", "mid", "late")

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)


class TowerWeights(NamedTuple):
    """One set of weights."""

    repository: str  # on the Hugging Face hub
    trained_on: str
    mean: Triple = CLIP_MEAN  # of RGB in [0, 1]
    std: Triple = CLIP_STD


class Tower(NamedTuple):
    """An image tower."""

    name: str  # of the model in OpenCLIP
    depth: int  # blocks
    weights: dict[str, TowerWeights]  # by OpenCLIP's tags; the plain name means the first
    side: int = 224  # pixels of its images

    @property
    def points(self) -> tuple[ExtractionPoint, ...]:
        """The maps of patches after some blocks, and the class token at the end."""
        ends = [self.depth * quarter // 4 for quarter in (1, 2, 3, 4)]
        maps = tuple(
            ExtractionPoint(name, f"transformer.resblocks.{end - 1}", f"block {end} of {self.depth}", BLOCKS, "NLC", 1)
            for name, end in zip(POINT_NAMES, ends, strict=True)
        )
        return (*maps, ExtractionPoint("class_token", "ln_post", "the class token at the end", BLOCKS, "CLS"))


LAION = "CLIP on LAION-2B"
DATACOMP = "CLIP on DataComp-XL"
OPENAI = "CLIP on OpenAI's data"
DFN = "CLIP on DFN-2B"
METACLIP = "MetaCLIP"

TOWERS = (
    Tower(
        "ViT-B-32",
        12,
        {
            "laion2b_s34b_b79k": TowerWeights("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", LAION),
            "datacomp_xl_s13b_b90k": TowerWeights("laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", DATACOMP),
        },
    ),
    Tower(
        "ViT-B-32-quickgelu",
        12,
        {
            "openai": TowerWeights("timm/vit_base_patch32_clip_224.openai", OPENAI),
            "metaclip_400m": TowerWeights("timm/vit_base_patch32_clip_224.metaclip_400m", METACLIP),
        },
    ),
    Tower(
        "ViT-B-16",
        12,
        {
            "laion2b_s34b_b88k": TowerWeights("laion/CLIP-ViT-B-16-laion2B-s34B-b88K", LAION),
            "datacomp_xl_s13b_b90k": TowerWeights("laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K", DATACOMP),
        },
    ),
    Tower(
        "ViT-B-16-quickgelu",
        12,
        {
            "openai": TowerWeights("timm/vit_base_patch16_clip_224.openai", OPENAI),
            "dfn2b": TowerWeights("apple/DFN2B-CLIP-ViT-B-16", DFN),
            "metaclip_400m": TowerWeights("timm/vit_base_patch16_clip_224.metaclip_400m", METACLIP),
        },
    ),
    Tower(
        "ViT-L-14",
        24,
        {
            "laion2b_s32b_b82k": TowerWeights("laion/CLIP-ViT-L-14-laion2B-s32B-b82K", LAION, HALF, HALF),
            "datacomp_xl_s13b_b90k": TowerWeights("laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", DATACOMP),
        },
    ),
    Tower(
        "ViT-L-14-quickgelu",
        24,
        {
            "openai": TowerWeights("timm/vit_large_patch14_clip_224.openai", OPENAI),
            "dfn2b": TowerWeights("apple/DFN2B-CLIP-ViT-L-14", DFN),
            "metaclip_400m": TowerWeights("timm/vit_large_patch14_clip_224.metaclip_400m", METACLIP),
        },
    ),
)
