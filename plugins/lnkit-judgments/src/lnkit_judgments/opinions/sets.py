"""The datasets of opinions, their sources and their terms, and a benchmark for each.

The sizes are those that the sources state, where no comment says otherwise; no source publishes a checksum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lnkit
from lnkit_judgments.opinions import SCORES, protocol
from lnkit_judgments.opinions.reader_checks import CHECKS

COLLECTION = "https://huggingface.co/datasets/chaofengc/IQA-PyTorch-Datasets"
COLLECTED = (
    "the mirror states CC-BY-SA-4.0 for itself, and research and education only; the set keeps its authors' terms"
)
RAR = "It is a .rar archive, which lnkit does not unpack: unpack it yourself"


def _mirror(
    name: str, archive: str, size: int, table: str, table_size: int, *, title: str, **details: Any
) -> lnkit.DatasetSpec:
    """Describe the copy of a dataset in IQA-PyTorch's collection: an archive, and its table of labels."""
    meta = f"meta_info_{table}Dataset.csv"
    return lnkit.DatasetSpec(
        name=name,
        title=f"{title}, from the mirror of IQA-PyTorch",
        files=(
            lnkit.RemoteFile(f"{COLLECTION}/resolve/main/{archive}", size=size),
            lnkit.RemoteFile(f"{COLLECTION}-metainfo/resolve/main/{meta}", size=table_size, path=meta),
        ),
        homepage=COLLECTION,
        **{"license": COLLECTED} | details,
    )


TID2013_DATASET = _mirror(
    "tid2013", "tid2013.tgz", 1_230_000_000, "TID2013", 150_000,  # of the table: about, by its lines
    title="TID2013",
    contents={"reference_images": 25, "distorted_images": 3000},
    layout="reference_images/I01.BMP, distorted_images/i01_01_1.bmp and so on, with mos_with_names.txt or the table",
    by_hand=f"The authors' tid2013.rar (908 MB) is on http://www.ponomarenko.info/tid2013.htm. {RAR}",
)  # fmt: skip
TID2008_DATASET = _mirror(
    "tid2008", "tid2008.tgz", 700_000_000, "TID2008", 80_000,  # estimated from TID2013's
    title="TID2008",
    license="education and research only, unchanged and with its notice (Ponomarenko et al.)",
    contents={"reference_images": 25, "distorted_images": 1700},
    layout="reference_images/I01.BMP, distorted_images/i01_01_1.bmp and so on, with mos_with_names.txt or the table",
    by_hand=f"The authors' tid2008.rar (550 MB) is on https://ponomarenko.info/tid2008.htm. {RAR}",
)  # fmt: skip
KADID10K_DATASET = lnkit.DatasetSpec(
    name="kadid10k",
    title="KADID-10k",
    files=(lnkit.RemoteFile("https://datasets.vqa.mmsp-kn.de/archives/kadid10k.zip", size=3_100_000_000),),
    license="no formal license: freely available to the research community, to be cited (Lin et al. 2019)",
    homepage="https://database.mmsp-kn.de/kadid-10k-database.html",
    contents={"kadid10k/dmos.csv": 1, "kadid10k/images": 81 + 10_125},  # references, and distorted images
    layout="kadid10k/dmos.csv, and kadid10k/images/ with I01.png and I01_01_01.png and so on",
)
KADID10K_MIRROR = _mirror(
    "kadid10k-mirror", "kadid10k.tgz", 3_070_000_000, "KADID10k", 400_000,  # of the table: about, by its lines
    title="KADID-10k",
    contents={"images": 81 + 10_125},
    layout="images/ with I01.png and I01_01_01.png and so on, with dmos.csv or the table",
)  # fmt: skip
CSIQ_DATASET = lnkit.DatasetSpec(
    name="csiq",
    title="CSIQ",
    files=(
        # Estimated: the mirror's archive of all images has 379 MB.
        lnkit.RemoteFile("https://s2.smu.edu/~eclarson/csiq/src_imgs.zip", size=13_000_000),
        lnkit.RemoteFile("https://s2.smu.edu/~eclarson/csiq/dst_imgs.zip", size=366_000_000),
        lnkit.RemoteFile("https://s2.smu.edu/~eclarson/csiq/csiq.DMOS.xlsx", size=200_000, path="csiq.DMOS.xlsx"),
    ),
    license="none stated; to be cited (Larson and Chandler 2010)",
    homepage="https://s2.smu.edu/~eclarson/csiq.html",
    layout="csiq.DMOS.xlsx, src_imgs/1600.png, and dst_imgs/ with awgn/1600.AWGN.1.png and so on",
)
CSIQ_MIRROR = _mirror("csiq-mirror", "csiq.tgz", 379_000_000, "CSIQ", 50_000, title="CSIQ")  # of the table: about
LIVE_DATASET = _mirror(
    "live", "live.tgz", 721_000_000, "LIVEIQA", 50_000,  # of the table: about
    title="LIVE release 2",
    license="free use, copying and distribution with its notice and acknowledgement (University of Texas)",
    contents={"refimgs": 29, "jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174},
    layout="refimgs/, jp2k/, jpeg/, wn/, gblur/, fastfading/; dmos_realigned.mat and refnames_all.mat, or the table",
    by_hand=(
        "The authors give the password of their archive (700 MB), which also has dmos.mat, after the form on "
        "https://live.ece.utexas.edu/research/quality/subjective.htm"
    ),
)  # fmt: skip
LIVE_MD_DATASET = _mirror(
    "live_md", "livem.tgz", 830_000_000, "LIVEMD", 40_000,  # estimated from its pixels, as LIVE's are compressed
    title="LIVE-MD",
    license="free use, copying and distribution with its notice and acknowledgement (University of Texas)",
    layout="Part 1/blurjpeg/ and Part 2/blurnoise/, each with Imagelists.mat and Scores.mat, or the table",
    by_hand=(
        "The authors give the password of their archive, a .rar, after the form on "
        "http://live.ece.utexas.edu/research/quality/live_multidistortedimage.html"
    ),
)  # fmt: skip
PIPAL_DATASET = _mirror(
    "pipal", "pipal.tar", 5_840_000_000, "PIPAL", 2_000_000,  # of the table: about, by its lines
    title="PIPAL",
    layout="Train_Ref/, Dist_Imgs/ and Train_Label/, and Val_Ref/, Val_Dist/ and val_label.txt; or the table",
    by_hand=(
        "The authors' archives are on Google Drive, see https://github.com/HaomingCai/PIPAL-dataset: the folders "
        "Train_Ref, Distortion_1 to Distortion_4 and Train_Label"
    ),
)  # fmt: skip


def _variants(dataset: str) -> Mapping[str, Any]:
    """Return the variants of a benchmark's protocol: those of its own, where it has some."""
    return getattr(protocol, f"{dataset}_VARIANTS", protocol.VARIANTS)


def _benchmark(
    name: str, citation: str, variants: Mapping[str, Any], *datasets: lnkit.DatasetSpec
) -> lnkit.BenchmarkSpec:
    return lnkit.BenchmarkSpec(
        name=name,
        title="image quality",
        version="1",
        citation=citation,
        protocols=variants,
        scores=SCORES,
        open_data=f"lnkit_judgments.opinions.data:open_{name}",
        run="lnkit_judgments.opinions.run:run",
        datasets=datasets,
        rescore="lnkit_judgments.opinions.run:rescore",
        checks=CHECKS.get(name, ()),
    )


BENCHMARKS = (
    _benchmark(
        "tid2013",
        "Ponomarenko et al., Image database TID2013: Peculiarities, results and perspectives, 2015",
        _variants("TID"),
        TID2013_DATASET,
    ),
    _benchmark(
        "tid2008",
        "Ponomarenko et al., TID2008: A database for evaluation of full-reference visual quality metrics, 2009",
        _variants("TID"),
        TID2008_DATASET,
    ),
    _benchmark(
        "kadid10k",
        "Lin et al., KADID-10k: A Large-scale Artificially Distorted IQA Database, QoMEX 2019",
        _variants("KADID"),
        KADID10K_DATASET,
        KADID10K_MIRROR,
    ),
    _benchmark(
        "csiq",
        "Larson and Chandler, Most apparent distortion: full-reference image quality assessment and the role of "
        "strategy, Journal of Electronic Imaging 2010",
        _variants("CSIQ"),
        CSIQ_DATASET,
        CSIQ_MIRROR,
    ),
    _benchmark(
        "live",
        "Sheikh et al., A Statistical Evaluation of Recent Full Reference Image Quality Assessment Algorithms, 2006",
        _variants("LIVE"),
        LIVE_DATASET,
    ),
    _benchmark(
        "live_md",
        "Jayaraman et al., Objective Quality Assessment of Multiply Distorted Images, Asilomar 2012",
        _variants("LIVE_MD"),
        LIVE_MD_DATASET,
    ),
    _benchmark(
        "pipal",
        "Gu et al., PIPAL: a Large-Scale Image Quality Assessment Dataset for Perceptual Image Restoration, ECCV 2020",
        _variants("PIPAL"),
        PIPAL_DATASET,
    ),
)
