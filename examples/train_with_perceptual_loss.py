"""Use a deep perceptual loss in a training loop: optimize an image so that it looks like a photograph."""

import torch
from skimage import data

import lnkit

torch.manual_seed(0)
photograph = torch.from_numpy(data.astronaut()[64:192, 160:288].copy()).permute(2, 0, 1)[None] / 255

loss = lnkit.DeepPerceptualLoss("efficientnet_lite0", "early+mid")
pixels = torch.rand_like(photograph).logit().requires_grad_()
optimizer = torch.optim.Adam([pixels], lr=0.1)

for step in range(60):
    optimizer.zero_grad()
    value = loss(pixels.sigmoid(), photograph)
    value.backward()
    optimizer.step()
    if step % 20 == 0 or step == 59:
        print(f"step {step:2d}: loss {value.item():.4f}")
