"""A valid plugin with one item of each kind, and a fault for each check of lnkit.testing to find in it."""

from __future__ import annotations

GOOD = """
import lnkit


def load(pretrained):
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
            self.second = nn.Conv2d(8, 12, 3, stride=2, padding=1)
            self.rows = nn.Flatten(2)
            self.tokens = Tokens()
            self.head = nn.Linear(12, 5)
            self.register_buffer("seen", torch.zeros(1))

        def forward(self, images):
            second = self.second(self.first(images).relu())
            return self.head(self.tokens(self.rows(second)).mean(1))

    class Tokens(nn.Module):
        def forward(self, rows):
            tokens = rows.transpose(1, 2)
            return torch.cat([tokens.mean(1, keepdim=True), tokens], dim=1)

    return Network()


@lnkit.hookimpl
def register_backbone(register):
    register(lnkit.BackboneSpec(name="probe", family="Fake", load=load, weights="theirs"))


@lnkit.hookimpl
def register_extraction_points(register, backbones):
    register("probe", lnkit.ExtractionPoint("early", node="first"))
    register("probe", lnkit.ExtractionPoint("late", node="second"))
    register("probe", lnkit.ExtractionPoint("tokens", node="tokens", layout="NLC", prefix_tokens=1))
    register("probe", lnkit.ExtractionPoint("class", node="tokens", layout="CLS"))
    register("probe", lnkit.ExtractionPoint("set", node="first+second"))
    register("pixel", lnkit.ExtractionPoint("probe", node="image"))
    register("absent", lnkit.ExtractionPoint("late", node="layer4"))


@lnkit.hookimpl
def register_distance(register):
    def distance(a, b):
        return (a - b).square().flatten(1).mean(1)

    register(lnkit.DistanceSpec("probe", load=lambda: distance))


def open_data(context):
    import numpy as np

    images = np.random.default_rng(0).integers(0, 256, (2, 8, 16, 16, 3), dtype=np.uint8)
    return lnkit.BenchmarkData(tuple(images), {"noise": "ab" * 32})


def run(context, data):
    batches = []
    comparer = context.services.comparer(lnkit.DistanceConfig(), 8)
    distances = comparer.compare(*data.content, advance=batches.append)[:, 0]
    values = (distances < distances.mean(0)).mean(0)
    return {
        network: lnkit.Outcome({"nearer": lnkit.Score(float(value))})
        for network, value in zip(context.networks, values)
    }


@lnkit.hookimpl
def register_benchmark(register):
    from dataclasses import make_dataclass

    register(
        lnkit.BenchmarkSpec(
            name="probe",
            title="Fake",
            version="1",
            citation="",
            protocols={"usual": make_dataclass("Protocol", [], frozen=True)()},
            scores=(lnkit.ScoreSpec("nearer", "share of the nearer half"),),
            open_data=open_data,
            run=run,
        )
    )
"""

FETCH = """
    from lnkit.data import ensure_dataset
    file = lnkit.RemoteFile("http://127.0.0.1:9/probe.zip", size=10)
    ensure_dataset(lnkit.DatasetSpec("probe", "Fake", (file,), "none"), context.cache, context.progress)
"""

# fault: (text of the valid plugin, its replacement, check that finds it, message)
FAULTS = {
    # registration
    "cannot be imported": ("import lnkit\n", "import lnkit, absent_package\n", "loads", "No module named 'absent_pack"),
    "implements no hook": ("@lnkit.hookimpl\n", "", "loads", "It implements no hook"),
    "a hook raises": ('"probe", load=lambda', '"probe", 1 / 0, load=lambda', "registers", "ZeroDivisionError"),
    "a name is taken": (
        'name="probe", fam',
        'name="vgg16", fam',
        "registers",
        "'vgg16' is registered already, by plugin",
    ),
    "nothing is registered": ("    register(", "    print(", "registers", "It registers nothing"),
    "heavy at the top": (
        "import lnkit\n",
        "import lnkit\nimport numpy\n",
        "light imports",
        r"numpy .*\(faulty, line 3\)",
    ),
    "heavy in a hook": (
        "(register):\n",
        "(register):\n    import torch\n",
        "light imports",
        r"torch .*faulty, line \d",
    ),
    "heavy by lnkit": (
        "import lnkit\n",
        "import lnkit.data.pack.decode\n",
        "light imports",
        r"numpy .*\(faulty, line 2\)",
    ),
    "seeds everybody's generator": (
        "(register):\n",
        "(register):\n    import random; random.seed(0)\n",
        "no warnings",
        "changes Python's random generator in register_backbone",
    ),
    "a name in capitals": (
        'name="probe", fam',
        'name="VGG16", fam',
        "unique names",
        "backbone 'VGG16' differs from 'vgg16' of plugin 'lnkit_torchvision' only",
    ),
    # building the backbone
    "cannot be built": ("return Network()", "raise OSError('no')", "builds", "raised OSError: no"),
    "builds no module": ("return Network()", "return 3", "builds", "its plugin returned int"),
    "has no points": (
        'register("probe", lnkit.E',
        'print("probe", lnkit.E',
        "extraction points",
        "has no extraction point",
    ),
    "draws from a generator of its own": (
        "return Network()",
        "import numpy; n = Network(); n.first.weight.data *= numpy.random.default_rng().random(); return n",
        "seeded weights",
        "it has different weights: draw them from torch's generator",
    ),
    "trains its head": (
        "return self.head",
        "self.head.train(); return self.head",
        "evaluation mode",
        "puts head into tra",
    ),
    "counts images": ("return self.head", "self.seen += 1; return self.head", "evaluation mode", "changes seen"),
    "writes to its input": (
        "self.first(images)",
        "self.first(images.mul_(2))",
        "untouched input",
        "modifies its input",
    ),
    "needs larger images": (
        "12, 3, stride=2, padding=1",
        "12, 3",
        "smallest size",
        "Its min_size is 1, but: Images of 1 x 1 pix",
    ),
    # extraction points
    "no such node": ('node="second")', 'node="secnd")', "nodes", "Point 'late': 'probe' has no node 'secnd'.*second"),
    "a node that is not run": (
        "self.tokens(self.rows(second)).mean(1)",
        "second.mean((2, 3))",
        "nodes",
        "Point 'tokens': .*never runs tokens",
    ),
    "tokens taken for a map": (
        ', layout="NLC", prefix_tokens=1',
        "",
        "layout",
        r"Expected an output of layout NCHW at point 'tokens', got shape \(2, 257, 12\)",
    ),
    "channels last": (
        'node="second")',
        'node="second", layout="NHWC")',
        "layout",
        "'late' .*24 channels instead of 16",
    ),
    "prefix tokens forgotten": (", prefix_tokens=1", "", "layout", "'tokens' .*maps of 1 x 257 positions, not square"),
    "images joined": ("nn.Flatten(2)", "nn.Flatten(0, 1)", "layout", "'tokens' .*not one map for each of the 2"),
    "a hook that counts": (
        "return Network()",
        "n = Network(); n.calls = []; "
        "n.register_forward_pre_hook(lambda m, given: (m.calls.append(1), given[0] * len(m.calls))[1:]); return n",
        "same as uncut",
        "Point 'early': its features differ from those of the uncut network by",
    ),
    "not finite": ("(images).relu()", "(images).log()", "finite features", "Point 'late' .*NaN or infinite"),
    "dropout for good": (
        "self.first(images).relu()",
        "nn.functional.dropout(self.first(images), 0.5, True)",
        "repeated features",
        "Point 'late' gives different features for the same images",
    ),
    "batch statistics": (
        "self.first(images).relu()",
        "self.first(images - images.mean(0, keepdim=True))",
        "batch independence",
        "Point 'early': the features of an image alone and in a batch of 2 differ by",
    ),
    # distance
    "cannot be loaded": (
        "load=lambda: dist",
        "load=lambda: 1 / 0 * dist",
        "one number for each pair",
        "ZeroDivisionErr",
    ),
    "one number for all": (
        ".flatten(1).mean(1)",
        ".mean()",
        "one number for each pair",
        r"real numbers for two tensors of shape .*, got .* of shape \(\)",
    ),
    "not zero": (
        "(a - b).square()",
        "((a - b).square() + 1)",
        "zero for the same",
        "Expected distance 0 of features to themselves, got 1",
    ),
    "negative": (
        "(a - b).square()",
        "-(a - b).square()",
        "never negative",
        "0 or more between unrelated features, got -",
    ),
    "divides by zero": ("(a - b).square()", "(a - b).square().div(a.sum())", "finite distances", "all zero"),
    "a bare root": (
        ".flatten(1).mean(1)",
        ".flatten(1).mean(1).sqrt()",
        "finite gradients",
        "if the features are equal",
    ),
    "divides by its batch": (
        "(a - b).square()",
        "(a - b).square().div(a.amax() + 1)",
        "batch independence",
        "alone and in a batch differ by",
    ),
    "drawn at random": (
        ".flatten(1)",
        ".flatten(1).mul(a.new_empty(1).uniform_())",
        "repeated distances",
        "draws random numbers",
    ),
    "in place": ("(a - b).square()", "a.sub_(b).square()", "untouched features", "modifies the features"),
    # benchmark
    "does not run": ("batches = []", "1 / 0", "declared scores", "ZeroDivisionError"),
    "unknown distance": (
        "DistanceConfig()",
        "DistanceConfig('abc')",
        "declared scores",
        "asked for 'abc', which is no registered distance",
    ),
    "no data": (
        "    images = ",
        "    context.sample or sorted(context.data.iterdir())\n    images = ",
        "data folders",
        "Without --data: Benchmark 'probe' of faulty 1.0 failed to open its data: AttributeError: .*run without",
    ),
    "an empty folder": (
        "    images = ",
        "    context.data and next(context.data.iterdir())\n    images = ",
        "data folders",
        "With an empty folder as --data: Benchmark 'probe' .*StopIteration was raised .*Raise lnkit.DataError",
    ),
    "undeclared": ('{"nearer": lnkit.S', '{"other": lnkit.S', "declared scores", "'other' that it does not declare"),
    "out of bounds": ("float(value)", "float(value) + 1", "declared scores", r"outside its bounds \[0.0, 1.0\]"),
    "without a score": (
        '{"nearer": lnkit.Score(float(value))}',
        "{}",
        "declared scores",
        "no score at the point 'fine'",
    ),
    "random scores": ("float(value)", "__import__('random').random()", "repeated scores", "in a second run"),
    "counts batches": ("float(value)", "1 / len(batches)", "any batch size", "is 1.0, but 0.125 with batches of 1"),
    "counts networks": (
        "float(value)",
        "1 / len(values)",
        "network independence",
        "'fine', nearer is 0.5, but 1.0 without the other",
    ),
}
