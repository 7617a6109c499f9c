"""The hyperparameters of the benchmarks on opinions: what the authors of published tables do with the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from lnkit.protocols import Comparing, expect_at_least, expect_one_of
from lnkit.specs import RESIZE_FILTERS

STARTS = ("lnkit", "jld", "fomo", "pyiqa", "dbcnn")
UNEQUAL = ("refuse", "crop")


@dataclass(frozen=True, slots=True)
class OpinionsProtocol(Comparing):
    """One way to run the benchmark. Scores compare only where all of these agree."""

    SPLITS: ClassVar[tuple[str, ...]] = ("all",)

    resolution: int = 0  # pixels of the shorter side, where it is longer; 0 leaves images as published: pyiqa, piq, JLD
    resize_filter: str = "bicubic"  # of Pillow, antialiased, where images are resized; JLD resizes for DISTS so
    crop_multiple: int = 0  # JLD: both sides cropped around the center to multiples of 14; 0 crops nothing
    unequal_sizes: str = "refuse"  # JLD: "crop" both images to the smaller size, from the top left
    starts: str = "lnkit"  # of the five-parameter logistic: where its search begins, and which end counts
    split: str = "all"  # part of the set
    references: int = 0  # reference images, from the first; 0 takes all
    resamples: int = 1000  # of the bootstrap over reference images behind each interval; ours: no source reports any

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        self.check_comparing()
        expect_one_of("resize_filter", self.resize_filter, RESIZE_FILTERS)
        expect_one_of("unequal_sizes", self.unequal_sizes, UNEQUAL)
        expect_one_of("starts", self.starts, STARTS)
        expect_one_of("split", self.split, self.SPLITS)
        for field in ("resolution", "crop_multiple", "references", "resamples"):
            expect_at_least(field, getattr(self, field), 0)

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        resized = f"shorter side at most {self.resolution}px,{self.resize_filter},antialiased"
        parts = [self.comparing_phrase(), resized if self.resolution else "size as published"]
        parts += [f"cropped to multiples of {self.crop_multiple}"] if self.crop_multiple else []
        parts += ["unequal sizes cropped"] if self.unequal_sizes == "crop" else []
        parts += [f"logistic5 started as {self.starts}"]
        parts += [f"split {self.split}"] if len(self.SPLITS) > 1 else []
        parts += [f"first {self.references} references"] if self.references else []
        return "|".join(parts)


@dataclass(frozen=True, slots=True)
class KadidProtocol(OpinionsProtocol):
    """Protocol of `kadid10k`: all 81 references, or the 65 that JLD did not use for development."""

    SPLITS: ClassVar[tuple[str, ...]] = ("all", "jld_test", "jld_development")


@dataclass(frozen=True, slots=True)
class PipalProtocol(OpinionsProtocol):
    """Protocol of `pipal`: "PIPAL" is the training part in most tables, the validation part in JLD's and FoMo's."""

    SPLITS: ClassVar[tuple[str, ...]] = ("train", "val")

    split: str = "train"  # 200 references; "val": 25 others


@dataclass(frozen=True, slots=True)
class LiveProtocol(OpinionsProtocol):
    """Protocol of `live`, whose two files of labels disagree."""

    labels: str = "realigned"  # dmos_realigned.mat, as pyiqa's and FoMo's tables; "original": dmos.mat

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        OpinionsProtocol.__post_init__(self)  # super() without arguments fails in a class with slots
        expect_one_of("labels", self.labels, ("realigned", "original"))

    def signature(self) -> str:
        """Name everything that changes a score, in one phrase."""
        return f"{OpinionsProtocol.signature(self)}|labels {self.labels}"


@dataclass(frozen=True, slots=True)
class LiveMdProtocol(OpinionsProtocol):
    """Protocol of `live_md`: both parts, or one of them."""

    SPLITS: ClassVar[tuple[str, ...]] = ("all", "part1", "part2")  # blur then JPEG, blur then noise


def variants(standard: OpinionsProtocol, **splits: str) -> Mapping[str, Any]:
    """Return the variants of a benchmark by name, each named after those whose tables it is for.

    Args:
        standard: The protocol ``native``, the usual one.
        **splits: Variant -> the part of the set in its authors' main table, where that is another one.
    """
    chosen = {
        "native": standard,
        "jld": replace(standard, crop_multiple=14, unequal_sizes="crop", starts="jld"),
        "fomo": replace(standard, starts="fomo"),
        "pyiqa": replace(standard, starts="pyiqa"),
        "dists256": replace(standard, resolution=256),
        "quick": replace(standard, references=3),
    }
    return {name: replace(protocol, split=splits.get(name, protocol.split)) for name, protocol in chosen.items()}


VARIANTS = variants(OpinionsProtocol())
KADID_VARIANTS = variants(KadidProtocol(), jld="jld_test")
PIPAL_VARIANTS = variants(PipalProtocol(), jld="val", fomo="val")
LIVE_VARIANTS = variants(LiveProtocol())
LIVE_MD_VARIANTS = variants(LiveMdProtocol())
