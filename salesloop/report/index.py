"""The index of a unit's reports: one row a period, newest first, with its headline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from salesloop.clean import plain
from salesloop.messages import Text
from salesloop.params import UnitConfig, load_unit
from salesloop.report.items import Items
from salesloop.report.page import STAGES, others, page, stage_name
from salesloop.report.render import manner_of
from salesloop.results import Results


def render_index(unit_reports_dir: Path | str, lang: str, config: UnitConfig | None = None) -> str:
    """Return the page that lists a unit's published periods.

    Parameters
    ----------
    unit_reports_dir : path
        ``reports/<unit>``.
    lang : {"en", "zh"}
        The reader's language.
    config : UnitConfig, optional
        The unit's configuration; read from its unit.yml by default.
    """
    folder = Path(unit_reports_dir)
    config = config or load_unit(folder.name)
    text = Text(lang, config.currency)
    periods = [
        _period(found, text, config) for found in sorted(folder.glob("????-??"), reverse=True) if _shown(found, lang)
    ]
    return page(
        "index.html.j2", text, unit=plain(config.name or config.unit), periods=periods,
        others=others(lang, "index", config.languages),
    )  # fmt: skip


def _shown(period: Path, lang: str) -> bool:
    return (period / f"index.{lang}.html").is_file()


def _period(folder: Path, text: Text, config: UnitConfig) -> dict[str, Any]:
    results = folder / "results"
    brief = Results.find(results, "brief")
    items = Items(brief, manner_of(results, text.lang, config, hide_names=None, linked=True)) if brief else None
    have = {file.stem for file in results.glob("*.json")}
    missing = [stage_name(stage, text) for stage in STAGES if stage not in have]
    days = sorted(day.name for day in folder.glob("checkins/*") if day.is_dir())
    return {
        "name": text.period(folder.name), "href": f"{folder.name}/index.{text.lang}.html", "headline": _headline(items),
        "missing": text.t("report.index_missing", names=", ".join(missing)) if missing else "",
        "checkins": [
            {"name": text.date(day), "href": f"{folder.name}/checkins/{day}/50_execution.{text.lang}.html"}
            for day in days
        ],
    }  # fmt: skip


def _headline(items: Items | None) -> str:
    said = items.results.sentences if items else []
    index = next((i for i, one in enumerate(said) if one["id"].startswith("brief.headline")), None)
    return items.sentence(index) if items and index is not None else ""
