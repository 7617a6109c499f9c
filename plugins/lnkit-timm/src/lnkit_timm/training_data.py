"""What the weights of timm were trained on, as far as the tag of the weights, or the architecture's name, says it.

A tag is read word by word: ``laion2b_ft_in12k_in1k`` is LAION-2B, then ImageNet-12k, then ImageNet-1k. Words that name
neither data nor a method (recipes, sizes, the authors' institute) are passed over; a tag without other words stays "".

References:
    timm's documentation, "Pretrained tags"; the papers and repositories that the docstrings of timm's modules name.
"""

from __future__ import annotations

import re
from functools import cache

IMAGENETS = {  # their labels are classes
    "in1k": "ImageNet-1k",
    "in12k": "ImageNet-12k",
    "in21k": "ImageNet-21k",
    "in22k": "ImageNet-22k",
    "inw21k": "ImageNet-W21k",
}
DATA = {
    **IMAGENETS,
    "bamboo": "Bamboo",
    "cc12m": "CC12M",
    "datacomp1b": "DataComp-1B",
    "datacompxl": "DataComp-XL",
    "dfn2b": "DFN-2B",
    "dfn5b": "DFN-5B",
    "dfndr2b": "DFNDR-2B",
    "ig1b": "IG-1B",
    "jft": "JFT",
    "laion2b": "LAION-2B",
    "laion400m": "LAION-400M",
    "laiona": "LAION-Aesthetic",
    "lvd142m": "LVD-142M",
    "lvd1689m": "LVD-1689M",
    "m30m": "Merged-30M",
    "m38m": "Merged-38M",
    "merged2b": "Merged-2B",
    "openai": "OpenAI's data",
    "sa1b": "SA-1B",
    "sat493m": "SAT-493M",
    "webli": "WebLI",
    "yfcc100m": "YFCC-100M",
    "yfcc15m": "YFCC-15M",
}
METHODS = {
    "clip": "CLIP",
    "deepseek": "DeepSeek",
    "dino": "DINO",
    "dinov3": "DINOv3",
    "eupe": "EUPE",
    "fcmae": "FCMAE",
    "florence2": "Florence-2",
    "gemma3n": "Gemma",
    "gemma4": "Gemma",
    "ijepa": "I-JEPA",
    "mae": "MAE",
    "mclip": "MobileCLIP",
    "mclip2": "MobileCLIP2",
    "metaclip": "MetaCLIP",
    "metaclip2": "MetaCLIP 2",
    "mim": "masked image modeling",
    "ns": "Noisy Student",
    "pali": "PaliGemma",
    "pali2": "PaliGemma 2",
    "qwen": "Qwen",
    "qwen3": "Qwen",
    "radio": "RADIO",
    "seer": "SEER",
    "ssl": "semi-supervised",
    "swag": "SWAG",
    "swsl": "semi-weakly supervised",
    "tinyclip": "TinyCLIP",
    "wsl": "weakly supervised",
}
BY_ARCHITECTURE = (  # how the weights of an architecture that has a method in its name were trained first
    (re.compile(r"_dinov2$"), "DINOv2"),
    (re.compile(r"_dinov3(_qkvb)?$"), "DINOv3"),
    (re.compile(r"_clip(_|$)"), "CLIP"),
    (re.compile(r"_siglip(_|$)"), "SigLIP"),
    (re.compile(r"^aimv2_"), "AIMv2"),
    (re.compile(r"^beit_"), "BEiT"),
    (re.compile(r"^beitv2_"), "BEiT v2"),
    (re.compile(r"_pe_"), "Perception Encoder"),
    (re.compile(r"^samvit_"), "SAM"),
    (re.compile(r"^sam2_"), "SAM 2"),
    (re.compile(r"_tipsv2$"), "TIPSv2"),
)
NEXT_STAGE = ("ft", "lc")  # fine-tuned as a whole, or only a linear classifier
ALSO_OTHERS = ("EUPE",)  # which are trained otherwise than the architecture's name says


def trained_on(architecture: str, tag: str) -> str:
    """Return what weights were trained on, in the order of the tag; "" if it does not say so.

    Example:
        >>> trained_on("vit_base_patch16_clip_224", "laion2b_ft_in12k_in1k")
        'CLIP on LAION-2B, ImageNet-12k classification, ImageNet-1k classification'
        >>> trained_on("vit_small_patch14_dinov2", "lvd142m"), trained_on("vit_base_patch16_sapiens2", "fb")
        ('DINOv2 on LVD-142M', '')
    """
    named = next((method for pattern, method in BY_ARCHITECTURE if pattern.search(architecture)), "")
    if named == "SigLIP" and tag.startswith("v2_"):
        named = "SigLIP 2"
    return _read(tag, named) if tag else ""


@cache  # many architectures share their tags
def _read(tag: str, named: str) -> str:
    stages: list[tuple[list[str], list[str]]] = [([named] if named else [], [])]  # methods and data of each
    for word in tag.split("_"):
        methods, data = stages[-1]
        if word in NEXT_STAGE or (word in DATA and data):
            stages.append(([], []))
            methods, data = stages[-1]
        if word in METHODS and METHODS[word] not in methods:
            methods.append(METHODS[word])
        if word in DATA:
            data.append(DATA[word])
    phrases = (_phrase(methods, data) for methods, data in stages if methods or data)
    return ", ".join(dict.fromkeys(phrases))


def _phrase(methods: list[str], data: list[str]) -> str:
    """Return ``MAE on ImageNet-1k``, ``ImageNet-1k classification`` or ``WebLI``."""
    kept = [method for method in methods if method not in _replaced(methods)]
    if kept:
        return " on ".join([" + ".join(kept), *data])
    return f"{data[0]} classification" if data[0] in IMAGENETS.values() else data[0]


def _replaced(methods: list[str]) -> set[str]:
    """Return the methods that a more exact one stands for: CLIP beside MetaCLIP."""
    variants = [method for method in methods if method != "CLIP" and "CLIP" in method]
    return {"CLIP"} if variants else {"DINOv3"} if set(ALSO_OTHERS) & set(methods) else set()
