"""The index of lnkit-timm against the installed timm: all names, tags and input rules; a spread of networks anew."""

from __future__ import annotations

import pytest

timm = pytest.importorskip("timm")
catalog = pytest.importorskip("lnkit_timm.catalog")

INDEX = catalog.read_index()
ROWS = {one.name: one for one in INDEX.architectures}
same_timm = pytest.mark.skipif(
    timm.__version__ != INDEX.timm,
    reason=f"the index was made from timm {INDEX.timm}, and {timm.__version__} is installed",
)

# Small ones, for each rule, layout, correction, tap and way to take other sizes.
SPREAD = [
    "test_resnet",
    "vgg11",
    "densenet121",
    "test_efficientnet",
    "test_convnext",
    "test_byobnet",
    "test_nfnet",
    "hrnet_w18_small",
    "selecsls42",
    "test_vit",
    "test_vit2",
    "deit_tiny_distilled_patch16_224",
    "vit_tiny_r_s16_p8_224",
    "beit_base_patch16_224",
    "cait_xxs24_224",
    "convit_tiny",
    "xcit_nano_12_p8_224",
    "volo_d1_224",
    "test_vit_relpos",
    "gmlp_ti16_224",
    "swin_tiny_patch4_window7_224",
    "test_mambaout",
    "hiera_tiny_224",
    "sam2_hiera_tiny",
    "mvitv2_tiny",
    "twins_svt_small",
    "coat_tiny",
    "coat_lite_tiny",
    "crossvit_tiny_240",
    "efficientformer_l1",
    "levit_128s",
    "pit_ti_224",
    "nest_tiny",
    "visformer_tiny",
    "tnt_s_legacy_patch16_224",
    "efficientvim_m1",
    "test_coatnet",
    "inception_v4",
    "naflexvit_base_patch16_parfac_gap",
    "vit_tiny_patch16_dinov3_qkvb",
]


@same_timm
def test_it_holds_every_architecture_that_timm_lists() -> None:
    assert list(ROWS) == timm.list_models()


@same_timm
def test_it_holds_every_set_of_weights_with_timms_default_first() -> None:
    found = sorted(f"{name}.{tag}".rstrip(".") for name, row in ROWS.items() for tag in row.tags)
    assert found == sorted(timm.list_pretrained())
    for name, row in ROWS.items():
        default = timm.get_pretrained_cfg(name)
        assert not default.has_weights or row.default_tag == default.tag, name


@same_timm
def test_each_set_of_weights_has_timms_own_input() -> None:
    for name, row in ROWS.items():
        for tag in (*row.tags, "") if not row.tags else row.tags:
            config = timm.get_pretrained_cfg(f"{name}.{tag}" if tag else name)
            given = row.input_of(tag)
            assert (given.mean, given.std, given.interpolation) == (config.mean, config.std, config.interpolation), name
            assert given.size == config.input_size[1:], name


@same_timm
def test_each_set_of_weights_has_timms_own_source() -> None:
    for name, row in ROWS.items():
        for tag in row.tags:
            config = timm.get_pretrained_cfg(f"{name}.{tag}")
            assert row.source_of(tag) == (config.hf_hub_id or config.url), name


@same_timm
@pytest.mark.parametrize("name", SPREAD)
def test_networks_are_as_it_says(name: str) -> None:
    from index import describe

    assert describe(name) == ROWS[name]


@pytest.mark.parametrize(
    "text", ["imagenet bicubic 224", "clip bilinear 1024x768", "0.43,0.411,0.296/0.213,0.156,0.143 bicubic 512"]
)
def test_inputs_are_read_as_they_were_written(text: str) -> None:
    assert catalog.format_input(catalog.parse_input(text)) == text


def test_taps_are_read() -> None:
    assert catalog.parse_tap("stages.0[1]") == catalog.Tap("stages.0", 1)
    assert catalog.parse_tap("blocks.2:reroll") == catalog.Tap("blocks.2", None, "reroll")
    assert catalog.parse_tap("blocks.2") == catalog.Tap("blocks.2")


@same_timm
def test_the_command_shows_what_it_would_write(capsys: pytest.CaptureFixture[str]) -> None:
    from index import main

    main(["--only", "test_resnet"])
    assert '"nodes": "layer1 layer2 layer3 layer4"' in capsys.readouterr().out
