"""Layouts of data that more than one benchmark reads, each with one reader.

A benchmark opens its data with one of these: arrays come memory-mapped from the cache, and errors name the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.datasets.image_files import Folder as Folder
    from lnkit.datasets.image_files import content_sha256 as content_sha256
    from lnkit.datasets.image_files import folder_with as folder_with
    from lnkit.datasets.image_folder import class_files as class_files
    from lnkit.datasets.image_folder import class_names as class_names
    from lnkit.datasets.image_folder import list_images as list_images
    from lnkit.datasets.labelled import Labelled as Labelled
    from lnkit.datasets.labelled import LabelledData as LabelledData
    from lnkit.datasets.labelled import open_labelled as open_labelled
    from lnkit.datasets.opinions import Opinion as Opinion
    from lnkit.datasets.opinions import OpinionSet as OpinionSet
    from lnkit.datasets.tid2013 import OpinionImages as OpinionImages
    from lnkit.datasets.tid2013 import open_tid2013 as open_tid2013
    from lnkit.datasets.tid2013 import read_tid2013 as read_tid2013
    from lnkit.datasets.two_afc import JudgedFamily as JudgedFamily
    from lnkit.datasets.two_afc import open_families as open_families
    from lnkit.datasets.two_afc_layout import BAPPS_DATASET as BAPPS_DATASET
    from lnkit.datasets.two_afc_layout import FamilyFiles as FamilyFiles
    from lnkit.datasets.two_afc_layout import find_families as find_families

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.datasets.image_files": ("Folder", "content_sha256", "folder_with"),
        "lnkit.datasets.image_folder": ("class_files", "class_names", "list_images"),
        "lnkit.datasets.labelled": ("Labelled", "LabelledData", "open_labelled"),
        "lnkit.datasets.opinions": ("Opinion", "OpinionSet"),
        "lnkit.datasets.tid2013": ("OpinionImages", "open_tid2013", "read_tid2013"),
        "lnkit.datasets.two_afc": ("JudgedFamily", "open_families"),
        "lnkit.datasets.two_afc_layout": ("BAPPS_DATASET", "FamilyFiles", "find_families"),
    },
)
