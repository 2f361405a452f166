"""Pages that a stage gives its teams: one printed sheet each, and the links that lead to them."""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from salesloop.clean import plain
from salesloop.report.items import Items, paragraph
from salesloop.report.page import HTML_LANG, page, stage_name, style
from salesloop.tables import html_table

_CSS = Path(__file__).parent / "templates" / "sheet.css"
_LONGEST = 40
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def slugs(keys: list[str]) -> list[str]:
    """Return a name for a file for each of some names: their letters and figures, and a number where two are alike.

    Examples
    --------
    >>> slugs(["East 1", "华东 一组", "../../x", "East-1", "!"])
    ['east-1', '华东-一组', 'x', 'east-1-2', '5']
    """
    made: list[str] = []
    for place, key in enumerate(keys, 1):
        base = re.sub(r"\W+", "-", plain(key).casefold()).strip("-_")[:_LONGEST].strip("-_") or str(place)
        found, number = base, 1
        while found in made:
            number += 1
            found = f"{base}-{number}"
        made.append(found)
    return made


def file_names(spec: dict[str, Any], stem: str, lang: str) -> list[str]:
    """Return the file of each page, in their order."""
    return [f"{stem}.{spec['name']}-{slug}.{lang}.html" for slug in slugs([one["key"] for one in spec["pages"]])]


def links(items: Items, name: str) -> Markup | None:
    """Return the list of links to a stage's pages of one kind, in a bundle to their places in it; None where there are none."""
    spec = next((spec for spec in items.results.sheets if spec["name"] == name), None)
    if spec is None or not spec["pages"]:
        return None
    linked = items.manner.linked
    places = file_names(spec, items.stem, items.text.lang) if linked else [f"#{one}" for one in _anchors(items, spec)]
    made = [
        f'<li><a href="{quote(place, safe="/#")}">{escape(_title(items, spec, one))}</a></li>'
        for place, one in zip(places, spec["pages"], strict=True)
    ]
    return Markup(f'<h3>{escape(items.text.t(spec["lead"]))}</h3><ul class="pages">{"".join(made)}</ul>')


def _anchors(items: Items, spec: dict[str, Any]) -> list[str]:
    """Return where each page stands in a bundle."""
    return [f"page-{items.stage}-{spec['name']}-{place}" for place in range(1, len(spec["pages"]) + 1)]


def workbook_link(items: Items, name: str) -> Markup | None:
    """Return the link to a workbook that people edit; in a bundle it is inside, unless names are hidden: it holds them."""
    file = items.results.tables.get(name, {}).get("workbook")
    if not file:
        return None
    title, short = escape(items.title(name)), file.rpartition("/")[2]
    if items.manner.linked:
        return Markup(f'<p><a href="{quote("results/" + file)}">{title}</a></p>')
    if items.mask is not str or not (items.results.folder / file).is_file():
        return paragraph(items.text.t("report.workbook_beside", file=f"results/{file}"), "note")
    inside = base64.b64encode((items.results.folder / file).read_bytes()).decode("ascii")
    return Markup(f'<p><a download="{escape(short)}" href="data:{_XLSX};base64,{inside}">{title}</a></p>')


def draw(items: Items, *, unit: str, languages: tuple[str, ...]) -> dict[str, str]:
    """Return every page of a stage's sheets, by file name.

    Parameters
    ----------
    items : Items
        The stage's results and how they are drawn.
    unit : str
        The unit's name, as it stands above.
    languages : tuple of str
        The languages that the pages are drawn in.
    """
    made: dict[str, str] = {}
    for spec in items.results.sheets:
        for place, one in enumerate(spec["pages"]):
            file = file_names(spec, items.stem, items.text.lang)[place]
            made[file] = _page(items, spec, one, unit=unit, others=_others(spec, place, items, languages))
    return made


def _others(spec: dict, place: int, items: Items, languages: tuple[str, ...]) -> list[dict[str, str]]:
    named = {"en": "English", "zh": "中文"}
    return [
        {"href": quote(file_names(spec, items.stem, lang)[place]), "lang": HTML_LANG[lang], "name": named[lang]}
        for lang in languages if lang != items.text.lang
    ]  # fmt: skip


def _page(items: Items, spec: dict, one: dict, *, unit: str, others: list[dict[str, str]]) -> str:
    return page(
        "sheet.html.j2", items.text, **_shown(items, spec, one), unit=unit, content=items.results.content,
        name=stage_name(items.stage, items.text), home=f"{items.stem}.{items.text.lang}.html", others=others,
        css=style() + _sheet_css(), hidden=items.mask is not str,
    )  # fmt: skip


def _shown(items: Items, spec: dict, one: dict) -> dict[str, Any]:
    """Return what a page shows: its title, its lead, what it says and its tables."""
    said = [items.words(sentence["id"], sentence["values"]) for sentence in one["said"]]
    tables = [table for name in spec["tables"] if (table := _table(items, spec, one["key"], name))]
    return {"title": _title(items, spec, one), "lead": said[0] if said else "", "said": [paragraph(one) for one in said[1:]],
            "tables": tables}  # fmt: skip


def inside(items: Items) -> list[dict[str, Any]]:
    """Return what each page of a stage's sheets shows in a bundle, with its anchor."""
    return [
        {**_shown(items, spec, one), "anchor": anchor}
        for spec in items.results.sheets for anchor, one in zip(_anchors(items, spec), spec["pages"], strict=True)
    ]  # fmt: skip


def _title(items: Items, spec: dict, one: dict) -> str:
    return items.words(spec["title"], {spec["by"]: one["key"]})


def _table(items: Items, spec: dict, key: str, name: str) -> dict[str, Any] | None:
    """Return one table's rows of one page; None where it has none."""
    frame, kept = items.results.table(name), items.results.tables[name]
    frame = frame[frame[spec["by"]].astype(str) == key] if len(frame) else frame
    if not len(frame):
        return None
    title = items.title(name)
    html = html_table(
        frame, text=items.text, stage=items.stage, caption=title, formats=kept["formats"], columns=kept["columns"],
        mask=items.mask,
    )  # fmt: skip
    return {"title": title, "html": html}


@lru_cache(maxsize=1)
def _sheet_css() -> Markup:
    lines = _CSS.read_text(encoding="utf-8").splitlines()
    return Markup("\n" + "\n".join(line.strip() for line in lines if line.strip()))
