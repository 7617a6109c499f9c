"""ResNets of any depth from 2 to 200 layers, as in Kumar2022 (sections 4 and 5), which names depths, not designs.

ResNet-6 is that of the open TPU code by which Kumar2022 trained (github.com/tensorflow/tpu, models/official/resnet,
resnet_model.py); the known depths are those of He et al. 2016; the depths in between are our reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

STEM = 64  # channels of the stem and of the first stage's 3x3 convolutions; He et al. 2016, Table 1
TRUNCATED = 0.87962566  # deviation of a standard normal distribution cut off at two deviations
HEAD_DEVIATION = 0.01  # of the weights of the classifier; Goyal et al. 2017, section 5.1; TPU code
STEM_LAYERS = 2  # outside of blocks: the first convolution and the classifier
SINGLE = 6  # deepest network whose stages are single convolutions: ResNet-6 of the TPU code; 2 to 5 are our reading
# Blocks per stage: He et al. 2016, Table 1, and He et al. 2016b for 200; the first of each kind are the smallest with a
# stage of each resolution.
BASIC = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # two convolutions a block
BOTTLENECK = {38: (3, 3, 3, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}  # three


class ShortBlock(nn.Module):
    """A residual block of one or two convolutions, for depths that do not divide into whole blocks."""

    def __init__(
        self, entering: int, leaving: int, stride: int, convolutions: int = 1, skip: bool = True, first: bool = False
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(convolutions):
            first = number == 0
            convolution = nn.Conv2d(entering if first else leaving, leaving, 3, stride if first else 1, 1, bias=False)
            layers += [*([] if first else [nn.ReLU(inplace=True)]), convolution, nn.BatchNorm2d(leaving)]
        self.body = nn.Sequential(*layers)
        self.downsample = _projection(entering, leaving, stride, always=first) if skip else None
        self.skip = skip
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (N, entering, H, W) to (N, leaving, H / stride, W / stride)."""
        output: Tensor = self.body(features)
        if self.skip:
            output = output + (features if self.downsample is None else self.downsample(features))
        activated: Tensor = self.relu(output)
        return activated


class PlainBasic(BasicBlock):  # type: ignore[misc]
    """torchvision's block of two convolutions without the skip connection (Kumar2022, section 8.5)."""

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))  # type: ignore[no-any-return]


class PlainBottleneck(Bottleneck):  # type: ignore[misc]
    """torchvision's block of three convolutions without the skip connection (Kumar2022, section 8.5)."""

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        return self.relu(self.bn3(self.conv3(inner)))  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """A stem that quarters the resolution, up to four stages, and a classifier.

    Images are (N, 3, H, W), logits (N, classes); the stages have 1/4, 1/8, 1/16 and 1/32 of the resolution.
    """

    def __init__(self, depth: int, classes: int, width: float = 1.0, skip: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        base = max(round(STEM * width), 1)
        self.stem = nn.Sequential(
            nn.Conv2d(3, base, 7, 2, 3, bias=False), nn.BatchNorm2d(base), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        self.stages = nn.Sequential()
        channels = base
        for number, blocks in enumerate(block_sizes(depth)):
            stage, channels = _stage(channels, base * 2**number, 1 if number == 0 else 2, blocks, skip)
            self.stages.append(stage)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, classes)
        self.apply(_initialize)
        if skip:
            self.apply(_begin_with_skip_connection)

    def forward(self, images: Tensor) -> Tensor:
        features = self.pool(self.stages(self.stem(images)))
        logits: Tensor = self.classifier(self.dropout(torch.flatten(features, 1)))
        return logits


def block_sizes(depth: int) -> list[list[int]]:
    """Return the number of convolutions of each block of each stage.

    Depths of the literature get its blocks. Up to 6 layers, every stage is a single convolution, and there are as many
    stages as layers. Between known depths, blocks are added to the stage that lags most behind the next known depth;
    a remainder becomes a short block at the end of the third stage.
    """
    layers = depth - STEM_LAYERS
    if depth <= SINGLE:
        return [[1]] * layers
    known, size = (BASIC, 2) if depth < min(BOTTLENECK) else (BOTTLENECK, 3)
    if depth < min(BASIC):  # 7 to 9: the last stages become blocks of two
        return [[1 + (3 - i < layers - 4)] for i in range(4)]
    counts = _counts(depth, layers // size, known)
    stages = [[size] * count for count in counts]
    if rest := layers - size * sum(counts):
        stages[2].append(rest)
    return stages


def _counts(depth: int, blocks: int, known: Mapping[int, tuple[int, ...]]) -> list[int]:
    """Return the blocks per stage for a total of ``blocks``."""
    counts = list(known[max(size for size in known if size <= depth)])
    goal = known[min((size for size in known if size >= depth), default=max(known))]
    while sum(counts) < blocks:
        lags = [count / target for count, target in zip(counts, goal, strict=True)]
        counts[min(range(4), key=lambda i: (lags[i], -goal[i]))] += 1
    return counts


def _stage(entering: int, planes: int, stride: int, blocks: Sequence[int], skip: bool) -> tuple[nn.Sequential, int]:
    """Build a stage; return it and its number of output channels."""
    leaving = planes * (Bottleneck.expansion if 3 in blocks else 1)
    modules = [_block(blocks[0], entering, planes, stride, leaving, skip, first=True)]
    modules += [_block(convolutions, leaving, planes, 1, leaving, skip) for convolutions in blocks[1:]]
    return nn.Sequential(*modules), leaving


def _block(
    convolutions: int, entering: int, planes: int, stride: int, leaving: int, skip: bool, first: bool = False
) -> nn.Module:
    if convolutions == 3:
        kind = Bottleneck if skip else PlainBottleneck
    elif convolutions == 2 and leaving == planes:
        kind = BasicBlock if skip else PlainBasic
    else:
        return ShortBlock(entering, leaving, stride, convolutions, skip, first)
    block: nn.Module = kind(entering, planes, stride, _projection(entering, leaving, stride) if skip else None)
    return block


def _projection(entering: int, leaving: int, stride: int, always: bool = False) -> nn.Module | None:
    """Build the projection of a skip connection.

    He et al. 2016 (option B) have none where shapes agree. ``always`` builds it there too, as the TPU code does in the
    first block of every stage.
    """
    if not always and stride == 1 and entering == leaving:
        return None
    return nn.Sequential(nn.Conv2d(entering, leaving, 1, stride, bias=False), nn.BatchNorm2d(leaving))


def _initialize(module: nn.Module) -> None:
    """Initialize as the TPU code does: convolutions by a truncated normal distribution of variance 1 / inputs."""
    if isinstance(module, nn.Conv2d):
        inputs = module.weight[0].numel()
        deviation = sqrt(1 / inputs) / TRUNCATED
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=HEAD_DEVIATION)
        nn.init.zeros_(module.bias)


def _begin_with_skip_connection(module: nn.Module) -> None:
    """Let a block begin as its skip connection alone, by zeros in its last batch norm (Goyal et al. 2017; TPU code)."""
    if isinstance(module, BasicBlock):
        nn.init.zeros_(module.bn2.weight)
    elif isinstance(module, Bottleneck):
        nn.init.zeros_(module.bn3.weight)
    elif isinstance(module, ShortBlock):
        nn.init.zeros_(module.body[-1].get_parameter("weight"))
