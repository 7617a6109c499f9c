"""The registry resolves names of backbones, points, sets of points and node paths, and explains unknown names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from fakeplugins import BACKBONE, FakePlugins, fake_plugins

from lnkit import ExtractionPoint, LossNetworkId, PluginError, UnknownNameError, UsageError
from lnkit.plugins.load import default_registry, load_registry
from lnkit.plugins.registry import Registry

__all__ = ["fake_plugins"]

STANDARD = ("early", "semi_early", "mid", "late")
LPIPS_VGG = ("features.3", "features.8", "features.15", "features.22", "features.29")  # protocols.md, from LPIPS

POINTS = """
    import lnkit

    @lnkit.hookimpl
    def register_extraction_points(register, backbones):
        register("{backbone}", lnkit.ExtractionPoint("{point}", node="{node}"))
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(only=[])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("late", [("late",)]),
        (" late ", [("late",)]),
        ("early+mid", [("early", "mid")]),
        ("early,late", [("early",), ("late",)]),
        ("early + mid , late", [("early", "mid"), ("late",)]),
        ("all", [(name,) for name in STANDARD]),  # not `lpips`, which is a set
        ("late,all", [("late",), ("early",), ("semi_early",), ("mid",)]),
        ("lpips", [("lpips",)]),
        ("lpips+late", [("lpips", "late")]),
        ("features.4", [("features.4",)]),
        ("late+features.4", [("late", "features.4")]),
        ("late+late", [("late",)]),
        ("layer4", [("layer4",)]),  # near `late`, and a node of every ResNet
        ("avgpool", [("avgpool",)]),
        ("laten.x", [("laten.x",)]),  # a path is no misspelling
    ],
)
def test_points(text: str, expected: list[tuple[str, ...]], registry: Registry) -> None:
    assert registry.resolve_points("vgg16", text) == tuple(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lat", "no extraction point 'lat'. Did you mean 'late'?"),
        ("semi-early", "Did you mean 'semi_early'?"),
        ("early+mids", "Did you mean 'mid'?"),
        ("", "no extraction point ''. It has: early, semi_early, mid, late, lpips"),
        ("early,,late", "no extraction point ''"),
        ("early+", "no extraction point ''"),
        ("early late", "no extraction point 'early late'"),
        ("features..4", "no extraction point 'features..4'"),
        ("all+late", "cannot be joined"),
    ],
)
def test_invalid_points(text: str, message: str, registry: Registry) -> None:
    with pytest.raises(UsageError) as caught:
        registry.resolve_points("vgg16", text)
    assert message in str(caught.value)


def test_numbered_points_are_not_misspellings_of_each_other(fake_plugins: FakePlugins) -> None:
    fake_plugins.add(
        "numbered", BACKBONE.format(name="net") + POINTS.format(backbone="net", point="stage2", node="s.1")
    )
    registry = load_registry(only=["numbered"])
    assert registry.resolve_points("net", "stage3") == (("stage3",),)
    with pytest.raises(UnknownNameError, match="Did you mean 'stage2'"):
        registry.resolve_points("net", "stgae2")


def test_all_without_registered_points(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("pointless", BACKBONE.format(name="net"))
    registry = load_registry(only=["pointless"])
    with pytest.raises(UnknownNameError, match="No extraction point is registered for 'net'"):
        registry.resolve_points("net", "all")
    assert registry.resolve_points("net", "conv1") == (("conv1",),)


def test_a_set_is_its_nodes(registry: Registry) -> None:
    points = registry.points_of(LossNetworkId("vgg16", ("lpips",)))
    assert tuple(point.name for point in points) == tuple(point.node for point in points) == LPIPS_VGG


def test_a_repeated_node_is_used_once(registry: Registry) -> None:
    """`late` of VGG-16 is features.29, the last of LPIPS's five."""
    points = registry.points_of(LossNetworkId("vgg16", ("late", "lpips", "features.3")))
    assert [point.node for point in points] == ["features.29", *LPIPS_VGG[:-1]]
    assert points[0].name == "late"


def test_a_node_path_is_a_point(registry: Registry) -> None:
    (point,) = registry.points_of(LossNetworkId("vgg16", ("features.4",)))
    assert point == ExtractionPoint("features.4", node="features.4")


@pytest.mark.parametrize(
    ("kind", "name", "near"),
    [("backbone", "vgg61", "vgg16"), ("benchmark", "bapp", "bapps"), ("distance", "lim", "lin")],
)
def test_unknown_names_suggest_similar_ones(kind: str, name: str, near: str, registry: Registry) -> None:
    with pytest.raises(UnknownNameError) as caught:
        getattr(registry, kind)(name)
    assert f"No {kind} is called {name!r}. Did you mean" in str(caught.value)
    assert repr(near) in str(caught.value)
    assert f"lnkit list-{kind}s" in str(caught.value)
    assert "failed to load" not in str(caught.value)


def test_unknown_names_may_belong_to_a_plugin_that_failed(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("broken", "import absent_package")
    with pytest.raises(
        UnknownNameError, match=r"may belong to a plugin that failed to load: broken \(`lnkit plugins` says why\)"
    ):
        load_registry(only=["broken"]).backbone("anything")


def test_points_for_another_plugins_backbone(fake_plugins: FakePlugins) -> None:
    """The plugin with the points is loaded before the plugin with the backbone."""
    fake_plugins.add("aaa", POINTS.format(backbone="net", point="middle", node="x.y"))
    fake_plugins.add("zzz", BACKBONE.format(name="net"))
    registry = load_registry(only=["aaa", "zzz"])
    assert registry.points["net"]["middle"].node == "x.y"
    assert registry.dangling == []


def test_points_for_a_backbone_that_is_not_installed(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("aaa", POINTS.format(backbone="net", point="middle", node="x.y"))
    registry = load_registry(only=["aaa"])
    assert registry.failures == ()
    assert registry.dangling == [("net", ExtractionPoint("middle", node="x.y"), "aaa")]
    assert "net" not in registry.points


@pytest.mark.parametrize("order", list(itertools.permutations(["aaa", "mmm", "zzz"])))
def test_order_of_installation_does_not_matter(order: tuple[str, ...], fake_plugins: FakePlugins) -> None:
    for name in order:
        fake_plugins.add(name, BACKBONE.format(name=f"net_{name}"))
    registry = load_registry(only=list(order))
    assert list(registry.backbones)[-3:] == ["net_aaa", "net_mmm", "net_zzz"]


def test_the_default_registry_is_loaded_once() -> None:
    assert default_registry() is default_registry()


def test_the_bundled_distances(registry: Registry) -> None:
    """Each gives 0 for equal features, but for a smoothing, and a positive number for others."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(2, 8, 4, 4, generator=generator) for _ in range(2))
    pooled = ["mean_pool", "mean_pool_per_channel"]
    trained = ["l1", "charbonnier", "cosine", "angle", "gram", "dists"]
    assert list(registry.distances) == ["spatial", *pooled, "style", "sort", "squared", "lin", *trained]
    for name, spec in registry.distances.items():
        distance = spec.load(**({"weight": torch.ones(8)} if name == "lin" else {}))
        smoothing = 1e-6 if name == "charbonnier" else 0.0
        assert distance(a, a).tolist() == pytest.approx([smoothing, smoothing], abs=1e-12)
        assert (distance(a, b) > 0).all()


def test_pixels_are_a_backbone(registry: Registry) -> None:
    """Its distance is the mean squared error, by numpy."""
    spec = registry.backbone("pixel")
    assert (spec.mean, spec.std) == ((0, 0, 0), (1, 1, 1))
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(2, 3, 5, 5, generator=generator) for _ in range(2))
    network = spec.load(True)
    node = registry.points["pixel"]["image"].node
    assert torch.equal(network.get_submodule(node)(a), a)
    distances = registry.distance(spec.distance).load()(network(a), network(b))
    expected = ((a.numpy().astype(float) - b.numpy()) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(distances.numpy(), expected, rtol=1e-5)


# other weights of a backbone, as <name>.<tag>

TAGGED = """
    import lnkit

    def tagged(tag):
        return lnkit.BackboneSpec("net.v2." + tag, "Fake", load=print, weights=tag)

    @lnkit.hookimpl
    def register_backbone(register):
        register(lnkit.BackboneSpec("net.v2", "Fake", load=print, weights="a1", tags=("a1", "b.2"), with_tag=tagged))
        register(lnkit.BackboneSpec("plain", "Fake", load=print))

    @lnkit.hookimpl
    def register_extraction_points(register, backbones):
        register("net.v2", lnkit.ExtractionPoint("late", node="layer4"))
"""


def test_other_weights_of_a_backbone_have_its_points_and_its_plugin(fake_plugins: FakePlugins) -> None:
    fake_plugins.add("tagging", TAGGED)
    registry = load_registry()
    assert registry.backbone("net.v2.b.2").weights == "b.2"
    assert registry.points_at("net.v2.b.2") == registry.points_at("net.v2")
    assert registry.resolve_points("net.v2.b.2", "all") == (("late",),)
    assert registry.provider("backbone", "net.v2.b.2").name == "tagging"
    assert "net.v2.b.2" not in registry.backbones


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.v2.b1", r"'net.v2' has no weights 'b1'..* It has: a1, b.2."),
        ("plain.a1", "No backbone is called 'plain.a1'"),
        ("net.a1", "No backbone is called 'net.a1'"),
    ],
)
def test_unknown_weights(name: str, message: str, fake_plugins: FakePlugins) -> None:
    fake_plugins.add("tagging", TAGGED)
    with pytest.raises(UnknownNameError, match=message):
        load_registry().backbone(name)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 1 / 0", "failed to describe it: ZeroDivisionError"),
        ("return None", "failed to describe it: .*BackboneSpec"),
        (
            "return lnkit.BackboneSpec('vgg16', 'Fake', load=print)",
            "Expected the plugin of net.v2.a1 to describe it, got 'vgg16'",
        ),
    ],
)
def test_a_plugin_that_fails_to_describe_other_weights(body: str, message: str, fake_plugins: FakePlugins) -> None:
    described = TAGGED.index("        return lnkit")
    fake_plugins.add("tagging", TAGGED[:described] + f"        {body}\n" + TAGGED[TAGGED.index("\n", described) + 1 :])
    with pytest.raises(PluginError, match=message):
        load_registry().backbone("net.v2.a1")


def test_class_token_and_map_of_a_node_are_two_points(fake_plugins: FakePlugins) -> None:
    points = POINTS.format(backbone="pixel", point="tokens", node='image", layout="NLC')
    more = POINTS.format(backbone="pixel", point="class_token", node='image", layout="CLS')
    fake_plugins.add("tokens", points)
    fake_plugins.add("tokens_too", more)
    points = load_registry().points_of(LossNetworkId("pixel", ("tokens", "class_token", "tokens")))
    assert [point.name for point in points] == ["tokens", "class_token"]
