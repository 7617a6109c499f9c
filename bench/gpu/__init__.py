"""The check of a GPU: lnkit on CUDA against lnkit on the CPU, and its speed there. `python -m bench gpu` runs it.

It needs torch with CUDA, torchvision, lnkit's other dependencies, and a card with 8 GiB of free memory. Further
packages are optional, and what needs them is skipped with the reason: timm and the plugin lnkit-timm (a vision
transformer), lpips (its speed), triton and a C compiler (the engine inductor). It downloads nothing: weights are
random, and images are made from a photograph of scikit-image. A checkout is enough, lnkit need not be installed:
:mod:`bench.gpu.checkout` announces its plugins.

A check is a function from :class:`bench.gpu.settings.Settings` to rows; :mod:`bench.gpu.command` lists all of them.
"""
