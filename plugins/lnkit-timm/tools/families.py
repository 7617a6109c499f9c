"""Readable family names for timm's modules; used for the index only."""

from __future__ import annotations

_READABLE = """
beit BEiT
byoanet BYOANet
byobnet BYOBNet
cait CaiT
coat CoaT
convit ConViT
convmixer ConvMixer
convnext ConvNeXt
cpubone CPUBone
crossvit CrossViT
csatv2 CSATv2
cspnet CSPNet
cspnext CSPNeXt
davit DaViT
deepseek_vit DeepSeek-ViT
deit DeiT
densenet DenseNet
dla DLA
dpn DPN
edgenext EdgeNeXt
efficientformer EfficientFormer
efficientformer_v2 EfficientFormerV2
efficientnet EfficientNet
efficientvim EfficientViM
efficientvit_mit EfficientViT-MIT
efficientvit_msra EfficientViT-MSRA
eva EVA
fasternet FasterNet
fastvit FastViT
focalnet FocalNet
gcvit GCViT
gemma4_vit Gemma4-ViT
ghostnet GhostNet
hardcorenas HardCoRe-NAS
hgnet HGNet
hiera Hiera
hieradet_sam2 HieraDet
hrnet HRNet
iformer iFormer
inception_next InceptionNeXt
inception_resnet_v2 Inception-ResNet
inception_v3 InceptionV3
inception_v4 InceptionV4
lcnetv2 LCNetV2
levit LeViT
lowformer LowFormer
mambaout MambaOut
maxxvit MaxViT
metaformer MetaFormer
mlp_mixer MLP-Mixer
mobilenetv3 MobileNet
mobilenetv5 MobileNetV5
mobilevit MobileViT
mvitv2 MViTv2
naflexvit NaFlexViT
nasnet NASNet
nest NesT
nextvit Next-ViT
nfnet NFNet
pit PiT
pnasnet PNASNet
pvt_v2 PVTv2
qwen3_vit Qwen3-ViT
rdnet RDNet
regnet RegNet
repghost RepGhost
repvit RepViT
res2net Res2Net
resnest ResNeSt
resnet ResNet
resnetv2 ResNetV2
rexnet ReXNet
selecsls SelecSLS
senet SENet
sequencer Sequencer
shvit SHViT
sknet SKNet
starnet StarNet
swiftformer SwiftFormer
swin_transformer Swin
swin_transformer_v2 SwinV2
swin_transformer_v2_cr SwinV2-CR
tiny_vit TinyViT
tnt TNT
tresnet TResNet
twins Twins
vgg VGG
visformer Visformer
vision_transformer ViT
vision_transformer_hybrid ViT-Hybrid
vision_transformer_relpos ViT-RelPos
vision_transformer_sam SAM-ViT
vitamin ViTamin
volo VOLO
vovnet VoVNet
xception Xception
xception_aligned Xception-Aligned
xcit XCiT
"""

NAMES: dict[str, str] = dict(line.split() for line in _READABLE.strip().splitlines())


def family_of(module: str) -> str:
    """Return the family of a module, such as ViT for ``vision_transformer``; unknown modules keep their name."""
    return NAMES.get(module, module)
