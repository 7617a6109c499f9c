"""The benchmark `autoencoder`: does a loss network teach an autoencoder to embed images?

An autoencoder (Pihlgren2020) is trained with the feature loss of one loss network. The score of the loss network is how
well small classifiers do on the embeddings.
"""

from __future__ import annotations

from collections.abc import Callable

import lnkit
from lnkit_autoencoder.protocol import VARIANTS

SVHN_SERVER = "http://ufldl.stanford.edu/housenumbers"

SVHN = lnkit.DatasetSpec(
    name="svhn",
    title="Street View House Numbers, cropped digits",
    files=(
        # Checksums of torchvision.datasets.SVHN; a test compares them.
        lnkit.RemoteFile(
            f"{SVHN_SERVER}/train_32x32.mat",
            size=182_040_794,
            exact=True,
            md5="e26dedcc434d2e4c54c9b2d4a06d8373",
            path="train_32x32.mat",
        ),
        lnkit.RemoteFile(
            f"{SVHN_SERVER}/test_32x32.mat",
            size=64_275_384,
            exact=True,
            md5="eb5a983be6a315427106f1b164d9cef3",
            path="test_32x32.mat",
        ),
        lnkit.RemoteFile(
            f"{SVHN_SERVER}/extra_32x32.mat",
            size=1_329_278_602,
            exact=True,
            md5="a93ce644f1a588dc4d68dda5feec44a7",
            path="extra_32x32.mat",
        ),
    ),
    license="non-commercial use only (Netzer et al. 2011)",
    homepage="http://ufldl.stanford.edu/housenumbers",
    layout="train_32x32.mat, test_32x32.mat, extra_32x32.mat",
)
STL10 = lnkit.DatasetSpec(
    name="stl10",
    title="STL-10",
    files=(
        lnkit.RemoteFile(
            "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
            size=2_640_397_119,
            exact=True,
            md5="91f7769df0f17e558f3565bffb0c7dfb",
        ),
    ),
    license="for research (Coates et al. 2011); the images are from ImageNet and keep its terms",
    homepage="https://cs.stanford.edu/~acoates/stl10",
    layout="stl10_binary/{train,test}_{X,y}.bin and stl10_binary/unlabeled_X.bin",
    contents={f"stl10_binary/{name}.bin": 1 for name in ("train_X", "train_y", "test_X", "test_y", "unlabeled_X")},
)

TITLES = {"svhn": "SVHN", "stl10": "STL-10", "own": "the data at hand"}
SCORES = tuple(
    lnkit.ScoreSpec(
        f"{name}_accuracy",
        f"test images of {title} whose class is predicted from their embeddings",
        aggregation="fraction of test images",
        primary=True,
    )
    for name, title in TITLES.items()
)


AUTOENCODER = lnkit.BenchmarkSpec(
    name="autoencoder",
    title="dimensionality reduction",
    version="1",
    citation="Pihlgren et al., Improving Image Autoencoder Embeddings with Perceptual Loss, IJCNN 2020; "
    "Pihlgren et al. 2023 (arXiv 2302.04032)",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_autoencoder.data:open_data",
    run="lnkit_autoencoder.run:run",
    datasets=(SVHN, STL10),
    rescore="lnkit_autoencoder.scores:score_all",
    trains=True,
)


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    register(AUTOENCODER)
