"""The 14 torchvision backbones of the published study, at its four extraction points."""
