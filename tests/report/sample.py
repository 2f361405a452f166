"""A made-up results folder and its executed notebooks: what the pages are tried on before any stage has run."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from salesloop import messages, rules, style
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
    style.fan(
        ax, range(len(table)), {0.8: (table["p10"], table["p90"]), 0.5: (table["p25"], table["p75"])}, table["p50"]
    )
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
        new_code_cell("stage.figure(...)", id="draw", outputs=[mark("figure", "fan")]),
        new_markdown_cell("By team.", id="teams"),
        new_code_cell("stage.figure(...)", id="draw-teams", outputs=[mark("figure", "teams")]),
        new_code_cell("stage.table(...)", id="list", outputs=[mark("table", "deals")]),
        new_code_cell("own()", id="own", outputs=list(foreign)),
    ]
    book = new_notebook(cells=cells, metadata={"salesloop": {"stage": "sample", "needs": []}})
    file = folder / "25_sample.ipynb"
    nbformat.write(book, file)
    return file


BRIEF = {
    "en": {
        "brief.headline": "{period:period} bookings came to {actual:money}, {share:percent} of the target; the quarter "
        "will probably be met.",
        "brief.tie_out.deals": "{n:count} deals read, {rejected:count} set aside, {kept:count} counted.",
        "brief.changes.bridge": "Open pipeline fell by {amount:money}: more was lost than created.",
        "brief.decide.move": "Move {n:count} reps of {team} to mid-size accounts from January?",
        "brief.note.open": "Books were open until {day:date}.",
        "loop.reason.sample": "The last {n:count} wins moved faster.",
    },
    "zh": {
        "brief.headline": "{period:period}签约 {actual:money}，完成目标的 {share:percent}；本季度大概率达标。",
        "brief.tie_out.deals": "读入商机 {n:count} 个，搁置 {rejected:count} 个，计入 {kept:count} 个。",
        "brief.changes.bridge": "在手商机减少 {amount:money}：丢失多于新增。",
        "brief.decide.move": "一月起是否把{team}的 {n:count} 名销售调往中型客户？",
        "brief.note.open": "账务开放至{day:date}。",
        "loop.reason.sample": "最近 {n:count} 个赢单推进得更快。",
    },
}  # fmt: skip


def brief_results(folder: Path, *, team: str = "华东", rep: str = "Chen Jie") -> None:
    """Save the results of a brief beside those of `stage_results`."""
    for lang, said in BRIEF.items():
        MESSAGES[lang].update(said)
    stage = Stage("brief", Book.from_tables({}, config=config(), period="2026-10"), folder)
    stage.say("brief.headline", period="2026-10", actual=5.31e6, share=0.97)
    stage.say("brief.tie_out.deals", n=3632, rejected=12, kept=3620)
    stage.say("brief.changes.bridge", amount=-2e5)
    stage.keep("promises", _promises(team, rep))
    stage.keep("numbers", _numbers())
    stage.keep(
        "changes",
        pd.DataFrame({"line": ["start", "new", team, "lost", "end"], "amount": [5e6, 1.2e6, 4e5, -1.8e6, 4.8e6]}),
    )
    stage.keep("figures", pd.DataFrame({"stage": ["sample", "sample"], "figure": ["fan", "teams"]}))
    stage.keep("proposal", rules.as_frame(_proposal(team, rep)))
    asked = [{"message": "brief.decide.move", "values": json.dumps({"n": 2, "team": team})}]
    stage.keep("decisions", pd.DataFrame(asked))
    stage.keep("notes", pd.DataFrame([{"message": "brief.note.open", "values": '{"day": "2026-11-06"}'}]))
    tie_out = pd.DataFrame(
        {"line": ["source", "excluded", "counted"], "n": [3632, 12, 3620], "amount": [2e8, 3e5, 1.997e8]}
    )
    stage.table("tie_out", tie_out, title="column.status", formats={"amount": "money"})
    stage.save()


def _promises(team: str, rep: str) -> pd.DataFrame:
    columns = ["kind", "scope", "measure", "made_in", "promised", "low", "high", "actual", "outcome", "uom"]
    rows = [
        ["forecast", "company", "bookings", "2026-09", 5.1e6, 4.2e6, 6.1e6, 5.31e6, "inside", "CNY"],
        ["target", "company", "bookings", "2026-09", 5.5e6, None, None, 5.31e6, "missed", "CNY"],
        ["target", f"team:{team}", "new_customers", "2026-09", 10, None, None, 12, "met", "count"],
        ["whatif", f"rep:{rep}", "win_rate", "2026-07", 0.32, 0.25, 0.40, 0.45, "outside", "share"],
        ["action", "company", "activities", "2026-09", 20, None, None, None, "not_measurable", "count"],
    ]
    return pd.DataFrame(rows, columns=columns)


def _numbers() -> pd.DataFrame:
    trail = json.dumps([4.1e6, 4.4e6, 3.9e6, 5.2e6, 4.8e6, 5.31e6])
    columns = ["measure", "value", "uom", "n", "low", "high", "confidence", "change", "against", "target", "trail"]
    rows = [
        ["bookings", 5.31e6, "CNY", 41, None, None, None, 4.2e5, "2026-09", 5.5e6, trail],
        ["win_rate", 0.312, "share", 180, 0.25, 0.38, 0.95, 0.012, "2026-09", None, "[0.31, 0.28, 0.3, 0.33, 0.312]"],
        ["new_customers", 12, "count", 12, None, None, None, -3, "2026-09", 10, None],
        ["nps", 31, "score", 214, 20, 42, 0.95, None, None, None, None],
    ]
    return pd.DataFrame(rows, columns=columns)


def _proposal(team: str, rep: str) -> list[rules.Change]:
    target = {
        "period": "2027-01",
        "level": "team",
        "name": team,
        "measure": "bookings",
        "amount": 2.1e6,
        "basis": "amount",
    }
    act = {"what": f"Call the ten stalled deals of {team}", "owner": rep, "due": "2026-11-20"}
    return [
        rules.Change("stall:proposal", "technical", "stall_limits", {"Proposal": 31}, {"Proposal": 28}, "p75", "20 %",
                     64, "sample.deals", "loop.reason.sample", {"n": 64}),
        rules.Change(f"target:2027-01:team:{team}", "target", "targets 2027-01", 2.0e6, target, "ratchet", "10 %", 36,
                     "sample.deals", "loop.reason.sample", {"n": 36}),
        rules.Change("action:a1", "action", "actions a1", None, act, "most_money_first", "7", 10, "sample.deals",
                     "loop.reason.sample", {"n": 10}),
    ]  # fmt: skip
