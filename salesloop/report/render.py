"""One stage's page: the executed notebook gives the order, the saved results give everything shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from salesloop.clean import plain
from salesloop.messages import Text
from salesloop.params import UnitConfig, load_unit
from salesloop.report import foreign, names, sheets
from salesloop.report.items import Items, Manner, fitting, paragraph
from salesloop.report.page import others, page, stage_name
from salesloop.results import MIME, Results
from salesloop.tables import MOST_ROWS, is_slim

LIMIT = 1_500_000


@dataclass
class Section:
    """A markdown cell with what the code cells after it showed, and their code."""

    prose: str = ""
    title: str = ""
    lang: str = ""
    items: list = field(default_factory=list)
    code: list[str] = field(default_factory=list)


def render_stage(
    notebook: Path | str, results_dir: Path | str, lang: str, config: UnitConfig | None = None, *,
    hide_names: bool | None = None, linked: bool = True, home: str = "",
) -> str:  # fmt: skip
    """Return a stage's page, at most 1.5 MB.

    Parameters
    ----------
    notebook : path
        The executed notebook.
    results_dir : path
        The ``results`` folder of the same run.
    lang : {"en", "zh"}
        The reader's language.
    config : UnitConfig, optional
        The unit's configuration; read from its unit.yml by default.
    hide_names : bool, optional
        Whether reps' names are replaced by numbers; by default as the unit says.
    linked : bool, default True
        Whether the page stands in its report folder, so that links to other files lead somewhere; a page of a bundle
        holds what it would link.
    home : str, optional
        The address of the brief; beside the page by default.
    """
    folder = Path(results_dir)
    config = config or config_of(folder)
    home = home or f"index.{lang}.html"
    return fitting(
        lambda manner: page("stage.html.j2", **stage_values(notebook, folder, config, manner), home=home),
        manner_of(folder, lang, config, hide_names=hide_names, linked=linked), LIMIT,
    )  # fmt: skip


def render_sheets(
    notebook: Path | str, results_dir: Path | str, lang: str, config: UnitConfig | None = None, *,
    hide_names: bool | None = None,
) -> dict[str, str]:  # fmt: skip
    """Return the pages that a stage gives its teams, by file name; none where it gives none.

    Parameters
    ----------
    notebook : path
        The executed notebook; the files bear its name and stand beside its page.
    results_dir : path
        The ``results`` folder of the same run.
    lang : {"en", "zh"}
        The reader's language.
    config : UnitConfig, optional
        The unit's configuration; read from its unit.yml by default.
    hide_names : bool, optional
        Whether reps' names are replaced by numbers; by default as the unit says.
    """
    folder, stem = Path(results_dir), Path(notebook).stem
    cells = nbformat.read(notebook, as_version=4) if Path(notebook).is_file() else nbformat.v4.new_notebook()
    results = Results.find(folder, _stage(cells, Path(notebook)))
    if results is None or not results.sheets:
        return {}
    config = config or config_of(folder)
    items = Items(results, manner_of(folder, lang, config, hide_names=hide_names, linked=True), stem)
    return sheets.draw(items, unit=plain(config.name or config.unit), languages=config.languages)


def stage_values(notebook: Path | str, folder: Path, config: UnitConfig, manner: Manner) -> dict[str, Any]:
    """Return everything a stage's template shows."""
    cells, text = nbformat.read(notebook, as_version=4), manner.text
    stage = _stage(cells, Path(notebook))
    results = Results.find(folder, stage)
    items = Items(results, manner, Path(notebook).stem) if results else None
    sections, name = _sections(cells, stage, manner, items), stage_name(stage, text)
    return {
        "text": text, "stage": stage, "name": name, "sections": sections, "lead": _lead(items), "linked": manner.linked,
        "title": next((section.title for section in sections if section.title), "") or name,
        "content": results.content if results else None, "unit": plain(config.name or config.unit),
        "teams": sheets.inside(items) if items and not manner.linked else [],
        "others": others(text.lang, Path(notebook).stem, config.languages), "hidden": manner.mask is not str,
    }  # fmt: skip


def config_of(folder: Path) -> UnitConfig:
    """Return the configuration of the unit whose results stand in a folder."""
    file = next(iter(sorted(folder.glob("*.json"))), None)
    if file is None:
        return UnitConfig.model_validate({"unit": "none"})
    return load_unit(json.loads(file.read_text(encoding="utf-8"))["unit"])


def manner_of(folder: Path, lang: str, config: UnitConfig, *, hide_names: bool | None, linked: bool) -> Manner:
    """Return how pages of a results folder are drawn: the language, and whether names show."""
    text = Text(lang, config.currency)
    hidden = not config.show_rep_names if hide_names is None else hide_names
    return Manner(text, names.hider(names.people(folder), text) if hidden else str, linked)


def _stage(cells: nbformat.NotebookNode, notebook: Path) -> str:
    named = cells.metadata.get("salesloop", {}).get("stage")
    return str(named or notebook.stem.lstrip("0123456789_"))


def _lead(items: Items | None) -> str:
    """Return the sentence a page opens with: its headline where it has one, else its first sentence."""
    if items is None or not items.results.sentences:
        return ""
    ids = [said["id"] for said in items.results.sentences]
    return items.sentence(_lead_index(ids))


def _lead_index(ids: list[str]) -> int:
    return next((i for i, name in enumerate(ids) if name.endswith(".headline")), 0)


def _sections(cells: nbformat.NotebookNode, stage: str, manner: Manner, items: Items | None) -> list[Section]:
    made = [Section()]
    for cell in cells.cells:
        if cell.cell_type == "markdown":
            prose, lang = _prose(cell, stage, manner.text)
            title, body = _heading(prose)
            made.append(Section(foreign.prose(body), plain(title), lang))
        elif cell.cell_type == "code":
            made[-1].items += [shown for output in cell.outputs if (shown := _shown(output, stage, manner, items))]
            if cell.source.strip() and "injected-parameters" not in cell.metadata.get("tags", []):
                made[-1].code.append(plain(cell.source))
    for section in made:
        section.items = arranged(section.items, items)
    return [section for section in made if section.title or section.prose or section.items or section.code]


def arranged(shown: list[dict], items: Items | None) -> list[dict]:
    """Return what a section shows as it stands on the page: what it says first, then what shows it, small things in pairs.

    Parameters
    ----------
    shown : list of dict
        From the section's code cells: sentences, tables, figures by name, foreign outputs.
    items : Items or None
        What draws the figures.
    """
    made = [one for one in shown if one["kind"] == "sentence"]
    for one in (one for one in shown if one["kind"] != "sentence"):
        last = made[-1] if made else {}
        if one.get("small") and last.get("small"):
            made[-1] = {"kind": "pair", "items": [last, one]}
        else:
            made.append(one)
    return [_drawn(one, items) for one in made]


def _drawn(one: dict, items: Items | None, *, half: bool = False) -> dict:
    if one["kind"] == "pair":
        return {**one, "items": [_drawn(part, items, half=True) for part in one["items"]]}
    return {**one, "figure": items.figure(one["name"], half=half)} if one["kind"] == "figure" and items else one


def _prose(cell: nbformat.NotebookNode, stage: str, text: Text) -> tuple[str, str]:
    """Return a markdown cell in the reader's language, and the language it is in where that is another."""
    message = f"{stage}.prose.{cell.get('id', '')}"
    if text.lang == "en":
        return cell.source, ""
    return (text.prose(message), "") if text.has(message) else (cell.source, "en")


def _heading(prose: str) -> tuple[str, str]:
    """Split a cell's leading heading from what follows."""
    first, _, rest = prose.strip().partition("\n")
    return (first.lstrip("#").strip(), rest) if first.startswith("#") else ("", prose)


def _shown(output: nbformat.NotebookNode, stage: str, manner: Manner, items: Items | None) -> dict | None:
    mark = output.get("data", {}).get(MIME)
    if items is not None and isinstance(mark, dict) and mark.get("stage", stage) == items.stage:
        return _result(mark, items)
    alt = manner.text.t("report.foreign_alt", page=stage_name(stage, manner.text))
    html = foreign.output(output, alt, most=foreign.MOST_HTML * manner.most // MOST_ROWS)
    return {"kind": "foreign", "html": html} if html else None


def _result(mark: dict, items: Items) -> dict | None:
    kind, name = mark.get("kind"), str(mark.get("name"))
    if kind == "sentence":
        index = mark.get("index") or 0
        ids = [said["id"] for said in items.results.sentences]
        return None if index == _lead_index(ids) else {"kind": kind, "html": paragraph(items.sentence(index))}
    if kind == "table":
        table = items.table(name)
        return {"kind": kind, "title": items.title(name), "html": table, "small": is_slim(table)}
    if kind == "figure":
        return {"kind": kind, "name": name, "small": True}
    if kind in ("sheets", "workbook"):
        made = sheets.links(items, name) if kind == "sheets" else sheets.workbook_link(items, name)
        return {"kind": "links", "html": made} if made else None
    return None
