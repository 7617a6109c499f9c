"""Datasets and their files: fetched, verified, and decoded once into arrays that are mapped into memory.

These names are what plugins use. Each is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.data.atomic import (
        atomic_folder as atomic_folder,
        atomic_write as atomic_write,
        atomic_write_text as atomic_write_text,
    )
    from lnkit.data.cache import (
        cache_dir as cache_dir,
        cached_sample as cached_sample,
        dataset_dir as dataset_dir,
        download_dir as download_dir,
        packed_dir as packed_dir,
    )
    from lnkit.data.fetch.checksums import file_sha256 as file_sha256
    from lnkit.data.fetch.datasets import ensure_dataset as ensure_dataset
    from lnkit.data.fetch.unpack import is_archive as is_archive, unpack as unpack
    from lnkit.data.folders import (
        by_same_name as by_same_name,
        data_folder as data_folder,
        describe_folder as describe_folder,
        image_names as image_names,
        require_printable as require_printable,
        same_name as same_name,
    )
    from lnkit.data.home import expand_home as expand_home
    from lnkit.data.pack.array_folder import open_arrays as open_arrays, release as release
    from lnkit.data.pack.columns import (
        Column as Column,
        ColumnTable as ColumnTable,
        PackedTable as PackedTable,
        open_columns as open_columns,
    )
    from lnkit.data.pack.decode import (
        decode as decode,
        read_image as read_image,
        read_rgb as read_rgb,
        require_pixels as require_pixels,
    )
    from lnkit.data.pack.image_table import ImageTable as ImageTable, open_images as open_images
    from lnkit.data.safetensors_files import write_tensors as write_tensors
    from lnkit.data.storage import (
        explain_disk_errors as explain_disk_errors,
        human_size as human_size,
        locked as locked,
        require_space as require_space,
    )
    from lnkit.data.stored_files import (
        open_regular as open_regular,
        parse_json as parse_json,
        read_array as read_array,
        read_arrays as read_arrays,
        read_bytes as read_bytes,
        read_json as read_json,
        read_tensors as read_tensors,
        read_text as read_text,
    )

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.data.atomic": ("atomic_folder", "atomic_write", "atomic_write_text"),
        "lnkit.data.cache": ("cache_dir", "cached_sample", "dataset_dir", "download_dir", "packed_dir"),
        "lnkit.data.fetch.checksums": ("file_sha256",),
        "lnkit.data.fetch.datasets": ("ensure_dataset",),
        "lnkit.data.fetch.unpack": ("is_archive", "unpack"),
        "lnkit.data.folders": (
            "by_same_name",
            "data_folder",
            "describe_folder",
            "image_names",
            "require_printable",
            "same_name",
        ),
        "lnkit.data.home": ("expand_home",),
        "lnkit.data.pack.array_folder": ("open_arrays", "release"),
        "lnkit.data.pack.columns": ("Column", "ColumnTable", "PackedTable", "open_columns"),
        "lnkit.data.pack.decode": ("decode", "read_image", "read_rgb", "require_pixels"),
        "lnkit.data.pack.image_table": ("ImageTable", "open_images"),
        "lnkit.data.safetensors_files": ("write_tensors",),
        "lnkit.data.storage": ("explain_disk_errors", "human_size", "locked", "require_space"),
        "lnkit.data.stored_files": (
            "open_regular",
            "parse_json",
            "read_array",
            "read_arrays",
            "read_bytes",
            "read_json",
            "read_tensors",
            "read_text",
        ),
    },
)
