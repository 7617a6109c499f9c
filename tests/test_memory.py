"""Memory stays flat while the data grow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# Compares all images of two mapped files through a packed reader's eyes, and prints the peak of its memory in MB.
PROGRAM = """
import re, sys
from pathlib import Path

import numpy as np
from lnkit.data.pack.image_table import release

p0, p1 = (np.load(name, mmap_mode="r") for name in sys.argv[1:])
for start in range(0, len(p0), 1024):
    parts = [array[start : start + 1024] for array in (p0, p1)]
    np.concatenate(parts).sum()
    release(*parts)
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def peak_megabytes(folder: Path, images: int) -> int:
    names = []
    for column in ("p0", "p1"):
        file = folder / f"{column}-{images}.npy"
        np.lib.format.open_memmap(file, "w+", np.uint8, (images, 64, 64, 3))[:] = 7
        names.append(str(file))
    done = subprocess.run([sys.executable, "-c", PROGRAM, *names], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts memory as Linux does")
def test_reading_packed_images_holds_only_a_part_of_them(tmp_path: Path) -> None:
    few, many = (peak_megabytes(tmp_path, images) for images in (2_048, 16_384))  # 50 MB and 400 MB of images
    assert many - few < 30
