"""Made data in the exact layouts of the published sets of opinions, at any number of references: nobody was asked.

Every distorted image differs from its reference by one amount at every pixel, up or down, so that the mean squared
difference of a pair is known without reading a file: ``Item.amplitude`` squared.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image
from scipy.io import savemat

Array = np.ndarray[Any, Any]
Size = tuple[int, int]  # width and height

CSIQ_REFERENCES = """1600 aerial_city boston bridge butter_flower cactus child_swimming couple elk family fisher foxy
geckos lady_liberty lake log_seaside monument native_american redwood roping rushmore shroom snow_leaves sunset_sparrow
sunsetcolor swarm trolley turtle veggies woman""".split()  # noqa: SIM905 - as a text, they take three lines
CSIQ_FEW = ("elk", "geckos", "lady_liberty", "swarm")  # with three levels of contrast, where the others have four
CSIQ_TYPES = {"awgn": "AWGN", "blur": "BLUR", "contrast": "contrast", "fnoise": "fnoise", "jpeg": "JPEG"}
CSIQ_TYPES["jpeg2000"] = "jpeg2000"
CSIQ_WORKBOOK = {"awgn": "noise", "jpeg2000": "jpeg 2000"}  # names in the workbook that differ from the folders
LIVE_TYPES = {"jp2k": (227, 169), "jpeg": (233, 175), "wn": (174, 145), "gblur": (174, 145), "fastfading": (174, 145)}
PIPAL_CLASSES = (12, 16, 10, 24, 13, 14, 27)  # images of each class for a reference
PIPAL_FOLDERS = ((1, 59), (60, 120), (121, 184), (185, 248))  # references of Distortion_1 to Distortion_4
EXTREMES = {  # of the published labels: worst, best
    "tid2013": (0.24242, 7.2143),
    "tid2008": (0.0, 7.7143),
    "kadid10k": (1.0, 4.93),
    "csiq": (1.0, 0.0),
    "live": (111.77, -2.64),
    "live_original": (84.5, 0.5),
    "live_md": (84.667, 0.611),
    "pipal": (916.71, 1835.99),
    "pipal_val": (868.30, 1857.00),
}


@dataclass(frozen=True)
class Item:
    """A distorted image."""

    name: str  # as a reader calls it: "i01_08_3"
    image: str  # path in the layout
    reference: str
    distortion: str  # folder, class or type
    amplitude: int  # of the difference from the reference
    score: float


Row = tuple[str, str, str, str, int]  # name, image, reference, distortion, level


def _items(rows: Sequence[Row], extremes: tuple[float, float], digits: int) -> list[Item]:
    """Draw a quality for each image that falls with its level, and a difference that follows it roughly."""
    draw, (worst, best) = np.random.default_rng(20), extremes
    levels = np.array([row[4] for row in rows], float)
    quality = draw.normal(-levels, 0.6)
    quality = (quality - quality.min()) / (np.ptp(quality) or 1)
    amplitudes = np.clip(np.round(55 - 50 * quality + draw.normal(0, 12, len(rows))), 1, 60).astype(int)
    scores = [round(float(worst + (best - worst) * q), digits) for q in quality]
    return [Item(*row[:4], int(a), s) for row, a, s in zip(rows, amplitudes, scores, strict=True)]


def write_images(items: Iterable[Item], root: Path, size: Size) -> None:
    """Write the images of all items and their references."""
    for item in items:
        path, reference = root / item.image, root / item.reference
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels, sign = _reference(reference.stem.lower(), size)
        Image.fromarray((pixels + item.amplitude * sign).astype(np.uint8)).save(path)
        if not reference.exists():
            reference.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(reference)


@lru_cache(maxsize=1)
def _reference(name: str, size: Size) -> tuple[Array, Array]:
    """Return the pixels of a reference, and the direction of the change of each."""
    draw = np.random.default_rng([ord(letter) for letter in name])
    pixels = draw.integers(60, 196, (size[1], size[0], 3))
    return pixels, np.where(draw.integers(0, 2, pixels.shape) > 0, 1, -1)


def _write(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _metainfo(root: Path, name: str, columns: str, items: Iterable[Item], strip: str = "") -> None:
    """Write a mirror's table, in another order than the images."""
    lines = [f"{i.reference.removeprefix(strip)},{i.image.removeprefix(strip)},{i.score!r},0.1" for i in items]
    _write(root / f"meta_info_{name}Dataset.csv", [f"{columns},std", *reversed(lines)])


def make_tid(
    root: Path, layout: str = "original", references: int = 25, size: Size = (8, 6), year: int = 2013
) -> list[Item]:
    """TID2013 or TID2008; "original" with its names in several cases, or "mirror"."""
    types, levels, name = {2013: (24, 5, "tid2013"), 2008: (17, 4, "tid2008")}[year]
    folder = "" if layout == "original" else f"{name}/"
    rows = [
        (
            f"i{r:02d}_{t:02d}_{level}",
            f"{folder}distorted_images/i{r:02d}_{t:02d}_{level}.bmp",
            f"{folder}reference_images/" + (f"I{r:02d}.BMP" if r < 25 and not folder else f"i{r:02d}.bmp"),
            str(t),
            level,
        )
        for r in range(1, references + 1)
        for t in range(1, types + 1)
        for level in range(1, levels + 1)
    ]
    items = _items(rows, EXTREMES[name], 5)
    write_images(items, root, size)
    if layout == "original":
        _write(root / "mos_with_names.txt", (f"{item.score:.5f} {_tid_case(item.name)}" for item in items))
    else:
        bare = [Item(i.name, Path(i.image).name, Path(i.reference).name, "", 0, i.score) for i in items]
        _metainfo(root, f"TID{year}", "ref_name,dist_name,mos", bare)
    return items


def _tid_case(name: str) -> str:
    """Write a name as the published list does: 75 begin with a capital, 50 of these also end in capitals."""
    if name.endswith("_01_1"):
        return f"I{name[1:]}.bmp"
    return f"I{name[1:]}.BMP" if name.endswith(("_11_1", "_13_1")) else f"{name}.bmp"


def make_kadid10k(root: Path, layout: str = "original", references: int = 81, size: Size = (8, 6)) -> list[Item]:
    """KADID-10k; "original" or "mirror"."""
    rows = [
        (
            f"i{r:02d}_{t:02d}_{level:02d}",
            f"kadid10k/images/I{r:02d}_{t:02d}_{level:02d}.png",
            f"kadid10k/images/I{r:02d}.png",
            str(t),
            level,
        )
        for r in range(1, references + 1)
        for t in range(1, 26)
        for level in range(1, 6)
    ]
    items = _items(rows, EXTREMES["kadid10k"], 2)
    write_images(items, root, size)
    if layout == "original":
        lines = (f"{Path(i.image).name},{Path(i.reference).name},{i.score},0.496" for i in items)
        _write(root / "kadid10k/dmos.csv", ["dist_img,ref_img,dmos,var", *lines])
    else:
        _metainfo(root, "KADID10k", "ref_name,dist_name,dmos", items, "kadid10k/images/")
    return items


def make_csiq(root: Path, layout: str = "original", references: int = 30, size: Size = (8, 8)) -> list[Item]:
    """CSIQ; "original" with the workbook, "text" with csiq_label.txt, or "mirror", flat, with its table."""
    rows: list[Row] = []
    for reference in CSIQ_REFERENCES[:references]:
        for folder, written in CSIQ_TYPES.items():
            count = (3 if reference in CSIQ_FEW else 4) if folder == "contrast" else 5
            for level in range(1, count + 1):
                file = f"{reference}.{written}.{level}.png"
                place = f"CSIQ/dst_imgs/{file}" if layout == "mirror" else f"dst_imgs/{folder}/{file}"
                source = f"{'CSIQ/' * (layout == 'mirror')}src_imgs/{reference}.png"
                rows.append((file.removesuffix(".png").lower(), place, source, folder, level))
    items = _items(rows, EXTREMES["csiq"], 3 if layout == "text" else 6)
    write_images(items, root, size)
    if layout == "original":
        cells: list[list[object]] = [["CSIQ: DMOS of all images"], []]
        cells.append(["image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"])
        for row, item in zip(rows, items, strict=True):
            reference = Path(row[2]).stem
            kind = CSIQ_WORKBOOK.get(row[3], row[3])
            cells.append([int(reference) if reference == "1600" else reference, 1, kind, row[4], 0.05, item.score])
        write_workbook(root / "csiq.DMOS.xlsx", {"all_by_distortion": [["nothing"]], "all_by_image": cells})
    elif layout == "text":
        _write(root / "csiq_label.txt", (f"{Path(i.image).name} {i.score:.3f}" for i in items))
    else:
        bare = [Item(i.name, Path(i.image).name, Path(i.reference).name, "", 0, i.score) for i in items]
        _metainfo(root, "CSIQ", "ref_name,dist_name,dmos", bare)
    return items


def write_workbook(path: Path, sheets: dict[str, Sequence[Sequence[object]]]) -> None:
    """Write an .xlsx as Excel does: text in the shared strings, numbers in the cells, no cell where nothing is."""
    schemas = "http://schemas.openxmlformats.org"
    main, office = f"{schemas}/spreadsheetml/2006/main", f"{schemas}/officeDocument/2006/relationships"
    strings: dict[str, int] = {}

    def cell(column: int, row: int, value: object) -> str:
        place = f"{chr(ord('A') + column)}{row}"
        if isinstance(value, str):
            return f'<c r="{place}" t="s"><v>{strings.setdefault(value, len(strings))}</v></c>'
        return f'<c r="{place}"><v>{value!r}</v></c>'

    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, rows in enumerate(sheets.values(), start=1):
            lines = [
                f'<row r="{r}">{"".join(cell(c, r, v) for c, v in enumerate(row))}</row>'
                for r, row in enumerate(rows, start=1)
                if row
            ]
            archive.writestr(
                f"xl/worksheets/sheet{number}.xml",
                f'{head}<worksheet xmlns="{main}"><sheetData>{"".join(lines)}</sheetData></worksheet>',
            )
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
        parts = {f"worksheets/sheet{i}": "worksheet" for i in range(1, len(sheets) + 1)}
        parts |= {"workbook": "sheet.main", "sharedStrings": "sharedStrings"}
        types = "".join(
            f'<Override PartName="/xl/{name}.xml" ContentType="{kind}.{part}+xml"/>' for name, part in parts.items()
        )
        types = f'<Types xmlns="{schemas}/package/2006/content-types">{types}</Types>'
        archive.writestr("[Content_Types].xml", head + types)
        names = "".join(f'<sheet name="{n}" sheetId="{i}" r:id="rId{i}"/>' for i, n in enumerate(sheets, start=1))
        archive.writestr(
            "xl/workbook.xml", f'{head}<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{names}</sheets></workbook>'
        )
        links = "".join(
            f'<Relationship Id="rId{i}" Type="{office}/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i in range(1, len(sheets) + 1)
        )
        package = "http://schemas.openxmlformats.org/package/2006/relationships"
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'{head}<Relationships xmlns="{package}">{links}</Relationships>'
        )
        shared = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
        archive.writestr("xl/sharedStrings.xml", f'{head}<sst xmlns="{main}">{shared}</sst>')


def make_live(root: Path, layout: str = "original", size: Size = (9, 6)) -> list[Item]:
    """LIVE with all of its 982 files; "original" with both label files, or "mirror"."""
    draw, folder = np.random.default_rng(29), "databaserelease2/" if layout == "original" else "LIVEIQA_release2/"
    rows: list[Row] = []
    copies, names = [], []
    for kind, (files, scored) in LIVE_TYPES.items():
        copied = set(draw.permutation(files)[: files - scored].tolist())
        for index in range(files):
            reference = f"{folder}refimgs/photo{index % 29 + 1}.bmp"
            names.append(Path(reference).name)
            copies.append(index in copied)
            rows.append((f"{kind}/img{index + 1}", f"{folder}{kind}/img{index + 1}.bmp", reference, kind, index % 5))
    scored_rows = [row for row, copy in zip(rows, copies, strict=True) if not copy]
    items = _items(scored_rows, EXTREMES["live"], 6)
    write_images(items, root, size)
    write_images((Item(*row[:4], 0, 0.0) for row, copy in zip(rows, copies, strict=True) if copy), root, size)
    if layout == "original":
        labels = iter(items)
        realigned = np.array([0.0 if copy else next(labels).score for copy in copies])
        # The older labels: of another order, in 0..84.5, and 0 for the copies.
        order = np.argsort(np.argsort(realigned + draw.normal(0, 9, len(realigned))))
        older = np.where(copies, 0.0, 0.5 + 84.0 * order / (len(order) - 1))
        orgs = np.array(copies, np.uint8)[None]
        cells = np.empty((1, len(names)), object)
        cells[0] = names
        savemat(root / folder / "dmos.mat", {"dmos": older[None], "orgs": orgs})
        savemat(
            root / folder / "dmos_realigned.mat", {"dmos_new": realigned[None], "dmos_std": orgs * 1.0, "orgs": orgs}
        )
        savemat(root / folder / "refnames_all.mat", {"refnames_all": cells})
    else:
        _metainfo(root, "LIVEIQA", "ref_name,dist_name,mos", items, folder)
    return items


def make_live_md(root: Path, layout: str = "original", references: int = 15, size: Size = (16, 9)) -> list[Item]:
    """LIVE-MD; "original", "mirror", or "waterloo" with its references in a folder of their own."""
    rows: list[Row] = []
    for part, second in ((1, "jpeg"), (2, "noise")):
        folder = {"waterloo": f"LIVE_MD/To_Release/Part_{part}"}.get(layout, f"Part {part}") + f"/blur{second}"
        for reference in [f"photo{number}" for number in range(1, references + 1)]:
            source = (
                f"LIVE_MD/To_Release/Ref_Images/{reference}.bmp"
                if layout == "waterloo"
                else f"{folder}/{reference}.bmp"
            )
            for blur in range(4):
                for other in range(4):
                    parts = [f"blur{blur}"] * (blur > 0) + [f"{second}{other}"] * (other > 0)
                    name = "_".join([reference, *parts])
                    if parts:
                        rows.append(
                            (f"part{part}/{name}", f"{folder}/{name}.bmp", source, f"blur{second}", blur + other)
                        )
    items = _items(rows, EXTREMES["live_md"], 4)
    write_images(items, root, size)
    if layout == "waterloo":
        lines = (f"{item.image},Multiply Dist.,{item.reference},{item.score!r}" for item in items)
        _write(root / "LIVE_MD.txt", ["dis_img_path,dis_type,ref_img_path,score", *lines])
    elif layout == "mirror":
        _metainfo(root, "LIVEMD", "ref_name,dist_name,mos", items)
    else:
        for part in (1, 2):
            own = [item for item in items if item.name.startswith(f"part{part}/")]
            cells = np.empty((len(own), 1), object)
            cells[:, 0] = [Path(item.image).name for item in own]
            savemat(root / f"Part {part}/Imagelists.mat", {"distimgs": cells})
            savemat(root / f"Part {part}/Scores.mat", {"DMOSscores": np.array([[item.score for item in own]])})
    return items


def make_pipal(
    root: Path, layout: str = "original", references: int = 200, size: Size = (8, 8)
) -> tuple[list[Item], list[Item]]:
    """PIPAL's training part, and its validation part with an eighth of the references; "original" or "mirror"."""
    train, val = [], []
    numbers = [number for first, _ in PIPAL_FOLDERS for number in range(first + 5, first + 55)]
    for place, number in enumerate(_spread(numbers, references)):
        folder = next(index for index, (_, last) in enumerate(PIPAL_FOLDERS, start=1) if number <= last)
        where = f"Distortion_{folder}" if layout == "original" else "PIPAL/Dist_Imgs"
        for kind, count in enumerate(PIPAL_CLASSES):
            for variant in range(count):
                name = f"A{number:04d}_{kind:02d}_{variant:02d}"
                reference = f"{'PIPAL/' * (layout == 'mirror')}Train_Ref/A{number:04d}.bmp"
                train.append((name.lower(), f"{where}/{name}.bmp", reference, str(kind), (variant + place) % 5))
    for number in range(1, max(1, references // 8) + 1):
        prefix = "PIPAL/" * (layout == "mirror")
        for variant in (0, 2, 4, *range(6, 80, 2)):
            name = f"A{900 + number:04d}_10_{variant:02d}"
            reference = f"{prefix}Val_Ref/A{900 + number:04d}.bmp"
            val.append((name.lower(), f"{prefix}Val_Dist/{name}.bmp", reference, "val", variant % 5))
    parts = _items(train, EXTREMES["pipal"], 4), _items(val, EXTREMES["pipal_val"], 4)
    for items in parts:
        write_images(items, root, size)
    if layout == "original":
        for name in sorted({Path(item.reference).stem for item in parts[0]}):
            own = [item for item in parts[0] if Path(item.reference).stem == name]
            _write(root / f"Train_Label/{name}.txt", (f"{Path(i.image).name},{i.score:.4f}" for i in own))
        _write(root / "pipal21_val.txt", (f"{Path(i.image).name}, {i.score:.4f}" for i in parts[1]))
    else:
        lines = [
            f"{split},{Path(i.image).name},{i.score / 2000:.6f},{i.score!r},{Path(i.reference).name}"
            for split, items in zip(("train", "val"), parts, strict=True)
            for i in items
        ]
        header = "official_split,dist_name,scaled_elo_score,elo_score,hq_name"
        _write(root / "meta_info_PIPALDataset.csv", [header, *lines])
    return parts


def _spread(numbers: Sequence[int], count: int) -> Iterator[int]:
    """Take ``count`` of the numbers, evenly."""
    return (numbers[index * len(numbers) // count] for index in range(count))


MAKERS: dict[str, Callable[..., Any]] = {  # make(root, layout="original", size=...) at full row counts
    "tid2013": make_tid,
    "tid2008": lambda root, **options: make_tid(root, year=2008, **options),
    "kadid10k": make_kadid10k,
    "csiq": make_csiq,
    "live": make_live,
    "live_md": make_live_md,
    "pipal": make_pipal,
}
