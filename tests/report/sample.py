"""A made-up results folder and its executed notebooks: what the pages are tried on before any stage has run."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from salesloop import messages, style
from salesloop.book import Book
from salesloop.params import UnitConfig
from salesloop.results import MIME, Stage

MESSAGES = {
    "en": {
        "sample.headline": "We expect {mean:money} in {period:period} and {p:percent} odds of the target.",
        "sample.said": "Of {n:count} open deals, {team} holds the most.",
        "sample.table.deals": "Deals by team", "sample.figure.fan": "Bookings stay above {low:money}",
        "sample.alt.fan": "A line that rises from {low:money}, with its range.",
        "sample.figure.teams": "{team} leads", "sample.alt.teams": "One bar for each team; {team} is longest.",
    },
    "zh": {
        "sample.headline": "预计{period:period}签约 {mean:money}，达成目标的把握为 {p:percent}。",
        "sample.said": "{n:count} 个进行中的商机里，{team} 最多。",
        "sample.table.deals": "各团队商机", "sample.figure.fan": "签约额保持在 {low:money} 以上",
        "sample.alt.fan": "一条从 {low:money} 上升的线及其区间。",
        "sample.figure.teams": "{team} 领先", "sample.alt.teams": "每个团队一根条；{team} 最长。",
        "sample.prose.more": "## 明细\n这里是**明细**。",
    },
}  # fmt: skip


def install(monkeypatch) -> None:
    """Add the sample's messages and plots to the package."""
    real = messages.catalogue
    monkeypatch.setattr(messages, "catalogue", lambda lang: {**real(lang), **MESSAGES[lang]})
    plots = types.ModuleType("salesloop.plots.sample")
    plots.fan, plots.teams = _fan, _teams  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "salesloop.plots.sample", plots)


def _fan(table, *, text, narrow=False):
    ax = style.figure(narrow)
    style.fan(ax, range(len(table)), {0.8: (table["p10"], table["p90"]), 0.5: (table["p25"], table["p75"])}, table["p50"])
    style.month_axis(ax, table["period"], text)
    style.value_axis(ax, text, "money")
    return ax


def _teams(table, *, text, narrow=False):
    return style.bars(style.figure(narrow, rows=len(table)), table["team"], table["amount"], text=text)


def config(**changes) -> UnitConfig:
    """Return the sample's unit."""
    return UnitConfig(**{"unit": "sample", "name": "Sample Instruments", "currency": "CNY", **changes})


def fan_table() -> pd.DataFrame:
    """Return twelve months with quantiles."""
    middle = 1e6 * (5 + np.sin(np.arange(12) / 2))
    months = [str(month) for month in pd.period_range("2026-11", periods=12, freq="M")]
    spread = {"p10": 0.7, "p25": 0.85, "p50": 1.0, "p75": 1.15, "p90": 1.3}
    return pd.DataFrame({"period": months, **{name: middle * share for name, share in spread.items()}})


def stage_results(folder: Path, *, team: str = "华东", rep: str = "Chen Jie", rows: int = 4, name: str = "") -> Stage:
    """Save the results of a stage called `sample` and return it; `team`, `rep`, `name` stand in every text field."""
    stage = Stage("sample", Book.from_tables({}, config=config(), period="2026-10"), folder)
    deals = pd.DataFrame({
        "team": [team] * rows, "rep": [rep] * rows, "name": [name or f"Acme {i}" for i in range(rows)],
        "amount": 1e5 * np.arange(1, rows + 1), "share": 0.25, "due": pd.Timestamp("2026-11-05"), "stage": "open",
    })  # fmt: skip
    formats = {"amount": "money", "share": "percent", "due": "date", "stage": "word"}
    stage.say("sample.headline", mean=5.2e6, period="2026-11", p=0.62)
    stage.say("sample.said", n=41, team=team)
    stage.value("p_hit", 0.62, uom="share", n=2000)
    stage.table("deals", deals, title="sample.table.deals", formats=formats)
    stage.figure("fan", fan_table(), title="sample.figure.fan", alt="sample.alt.fan", low=4e6)
    teams = pd.DataFrame({"team": [team, "North", rep], "amount": [3e6, 2e6, 1e6]})
    stage.figure("teams", teams, title="sample.figure.teams", alt="sample.alt.teams", team=team)
    stage.save()
    return stage


def mark(kind: str, name: str, index: int | None = None):
    """Return the output that a `stage` call leaves in an executed notebook."""
    item = {"stage": "sample", "kind": kind, "name": name, "index": index}
    return new_output("display_data", {MIME: item, "text/plain": "fallback"})


def notebook(folder: Path, *, prose: str = "", foreign: tuple = ()) -> Path:
    """Write the executed notebook that belongs to `stage_results` and return its path."""
    said = [mark("sentence", "sample.headline", 0), mark("sentence", "sample.said", 1)]
    cells = [
        new_markdown_cell("# How much will we book?\nThe pipeline and what is still to come.", id="intro"),
        new_code_cell('unit = "demo"', id="parameters", metadata={"tags": ["parameters"]}),
        new_code_cell('stage.say("sample.headline")', id="say", outputs=said),
        new_markdown_cell(prose or "## Details\nThese are the **details**.", id="more"),
        new_code_cell("stage.figure(...)", id="draw", outputs=[mark("figure", "fan"), mark("figure", "teams")]),
        new_code_cell("stage.table(...)", id="list", outputs=[mark("table", "deals")]),
        new_code_cell("own()", id="own", outputs=list(foreign)),
    ]
    book = new_notebook(cells=cells, metadata={"salesloop": {"stage": "sample", "needs": []}})
    file = folder / "25_sample.ipynb"
    nbformat.write(book, file)
    return file
