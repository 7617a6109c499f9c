"""One page for each family of backbones, and a list of the families."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from lnkit.plugins.registry import Registry
from lnkit.specs import BackboneSpec, ExtractionPoint
from sitepages.introductions import introduction
from sitepages.markup import Page, code, codes, file_names, lines, page_link, phrase, plain, table

FOLDER = "backbones"
INDEX = """# Backbones

This version of lnkit and its plugins have {count} backbones in {families} families. `lnkit list-backbones` lists the
installed ones, and `lnkit points NAME` shows where one can be cut. These pages show the same by family.

{introduction}
{table}
"""


def backbone_pages(registry: Registry) -> list[Page]:
    """Return the list of families, then a page for each."""
    families = _families(registry)
    names = file_names(families)
    pages = [
        Page(family, f"{FOLDER}/{names[family]}.md", _page(registry, family, names[family], backbones))
        for family, backbones in families.items()
    ]
    rows = [_family_row(registry, page, families[page.title]) for page in pages]
    index = INDEX.format(
        count=f"{len(registry.backbones):,}",
        families=len(families),
        introduction=introduction(FOLDER, "index"),
        table=table(["family", "backbones", "plugin"], rows),
    )
    return [Page("All families", f"{FOLDER}/index.md", index), *pages]


def _families(registry: Registry) -> dict[str, list[BackboneSpec]]:
    """Return the backbones of each family, sorted by family, in the order of their registration."""
    found: dict[str, list[BackboneSpec]] = {}
    for backbone in registry.backbones.values():
        found.setdefault(backbone.family, []).append(backbone)
    return dict(sorted(found.items(), key=lambda family: family[0].casefold()))


def _family_row(registry: Registry, page: Page, backbones: Sequence[BackboneSpec]) -> list[str]:
    return [page_link(page, page.title), f"{len(backbones):,}", ", ".join(_plugins(registry, backbones))]


def _page(registry: Registry, family: str, name: str, backbones: Sequence[BackboneSpec]) -> str:
    return "\n".join(
        (
            f"# {plain(family)}",
            introduction(FOLDER, name),
            _summary(registry, backbones),
            "## The backbones",
            _facts(registry, backbones),
            _other_weights(backbones),
            "## Where they can be cut",
            "Each cell has the node of the point and its description. Any other node works too: "
            f"`lnkit points {backbones[0].name} --all` lists them.",
            _points(registry, backbones),
        )
    )


def _summary(registry: Registry, backbones: Sequence[BackboneSpec]) -> str:
    """Return a sentence with the number of backbones and their plugins."""
    count = "One backbone" if len(backbones) == 1 else f"{len(backbones):,} backbones"
    plugins = codes(_plugins(registry, backbones))
    return f"{count} from {plugins}. Try `lnkit points {backbones[0].name}`.\n"


def _plugins(registry: Registry, backbones: Iterable[BackboneSpec]) -> list[str]:
    return list(dict.fromkeys(_plugin(registry, backbone) for backbone in backbones))


def _plugin(registry: Registry, backbone: BackboneSpec) -> str:
    return registry.provider("backbone", backbone.name).name


def _facts(registry: Registry, backbones: Sequence[BackboneSpec]) -> str:
    """Return a table with a row for each backbone; the papers are listed below it by number."""
    several = len(_plugins(registry, backbones)) > 1
    papers = list(dict.fromkeys(backbone.citation for backbone in backbones if backbone.citation))
    columns = ["backbone", "pretrained weights", "smallest image", "other sizes", "distance", "plugin", "paper"]
    rows = [
        [*_row(backbone), code(_plugin(registry, backbone)) if several else "", _number(backbone.citation, papers)]
        for backbone in backbones
    ]
    return table(columns, rows) + _papers(papers)


def _row(backbone: BackboneSpec) -> list[str]:
    return [
        code(backbone.name),
        code(backbone.weights) if backbone.weights else "",
        f"{backbone.min_size} px" if backbone.min_size > 1 else "",
        phrase(backbone.input_rule.replace(",", ", ")),
        code(backbone.distance) if backbone.distance else "",
    ]


def _number(paper: str, papers: Sequence[str]) -> str:
    return str(papers.index(paper) + 1) if paper and len(papers) > 1 else ""


def _papers(papers: Sequence[str]) -> str:
    if len(papers) < 2:
        return f"\nDescribed in: {plain(papers[0])}.\n" if papers else ""
    return "\nDescribed in:\n\n" + "".join(f"{number}. {plain(paper)}\n" for number, paper in enumerate(papers, 1))


def _other_weights(backbones: Sequence[BackboneSpec]) -> str:
    """Return a table of the tags of each backbone, without its default."""
    others = {backbone.name: [tag for tag in backbone.tags if tag != backbone.weights] for backbone in backbones}
    rows = [[code(name), codes(tags)] for name, tags in others.items() if tags]
    if not rows:
        return ""
    name, tags = next((name, tags) for name, tags in others.items() if tags)
    return (
        "\n## Other weights\n\nA tag after the name and a dot selects them, as in "
        f"{code(f'{name}.{tags[0]}')}.\n{table(['backbone', 'tags'], rows)}"
    )


def _points(registry: Registry, backbones: Sequence[BackboneSpec]) -> str:
    """Return a table: a row for all backbones with the same nodes, a column for each point."""
    groups: dict[tuple[tuple[str, ExtractionPoint], ...], list[str]] = {}
    for backbone in backbones:
        groups.setdefault(tuple(registry.points_at(backbone.name).items()), []).append(backbone.name)
    names = list(dict.fromkeys(name for group in groups for name, _ in group))
    rows = [[codes(members), *(_cell(dict(group).get(name)) for name in names)] for group, members in groups.items()]
    return table(["backbone", *names], rows)


def _cell(point: ExtractionPoint | None) -> Markup:
    if point is None:
        return Markup("")
    nodes = Markup(" + ").join(map(code, point.nodes))
    said = ", ".join(part for part in (point.description, _layout(point)) if part)
    return lines([nodes, Markup("<small>{}</small>").format(said)] if said else [nodes])


def _layout(point: ExtractionPoint) -> str:
    """Return the layout of a node's output if it is not a plain feature map."""
    kinds = {"NHWC": "channels last", "NLC": "tokens", "NC": "one vector", "CLS": "class token"}
    return kinds.get(point.layout, "")
