"""A team's page: its own rows, one printed sheet at its fullest, nothing of what it is told acts."""

import base64
import json
import re
import subprocess
import tempfile
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from salesloop.book import Book
from salesloop.metrics.execution import say, sheets
from salesloop.params import UnitConfig
from salesloop.report import make_bundle
from salesloop.report.render import render_sheets, render_stage
from salesloop.results import MIME, Stage
from tests.report.browser import _FLAGS, CHROMIUM, needs_chromium

LONG = (
    "Guangzhou Huaxiang Xinsheng Intelligent Precision Machinery Co., Ltd. - Atlas Platform renewal of the second year"
)


def full(team: str, rows: int = 40) -> dict[str, pd.DataFrame]:
    """Return tables with more rows than a page carries, each as wide as it can be."""
    pace = pd.DataFrame({"level": ["team", *["rep"] * rows], "name": [team, *[f"Bartholomew Featherstone {i}" for i in range(rows)]],
                         "horizon": "month", "period": "2026-10", "measure": "bookings", "target": 123456789.0, "actual": 98765432.1,
                         "attainment": 0.8, "elapsed_share": 0.5, "gap": 0.3, "run_rate_needed": 1234567.8, "uom": "CNY"})  # fmt: skip
    owner, due = "Bartholomew Featherstone 1", pd.Timestamp("2026-10-31")
    acts = pd.DataFrame({"id": "2026-10-01", "what": LONG, "move": "next_step", "owner": owner, "due": due, "done": 1.0, "of": 20,
                         "verdict": "not_measurable"}, index=range(rows))  # fmt: skip
    asked = pd.DataFrame({"id": "2026-10-01", "what": LONG, "rule": "closing_soon_untouched", "deal_set": "D1;D2",
                          "expected_move": "next_step", "owner": owner, "due": due, "amount": 9.9e8}, index=range(rows))  # fmt: skip
    found = pd.DataFrame({"id": "D1", "name": LONG, "rule": "pushed_twice", "also": 2.0, "amount": 9.9e8, "days": 1234.0,
                          "rep": owner, "team": team, "stage": "Negotiation and review", "step": "new_date"}, index=range(rows))  # fmt: skip
    return sheets.tables(pace, found, acts, asked, pd.Series(dict.fromkeys(pace["name"][1:], team)))


def saved(folder, *teams, monkeypatch) -> UnitConfig:
    monkeypatch.setenv("SALESLOOP_ROOT", str(folder))
    config = UnitConfig(unit="north")
    stage = Stage("execution", Book.from_tables({}, period="2026-10", config=config), folder / "results")
    whole = {}
    for team in teams:
        whole = {name: pd.concat([whole.get(name), frame], ignore_index=True) for name, frame in full(team).items()}
    for name, frame in sheets.cut(whole).items():
        formats, shown = say.SHEET[name]
        stage.table(
            f"team_{name}", frame, title=f"execution.table.team_{name}", formats=formats, columns=shown, show=False
        )
    changes = pd.DataFrame({"what": "bookings", "scope": list(teams), "now": 2.0, "change": 1.0})
    said = sheets.said(sheets.summary(whole), whole, changes, "2026-10-07")
    names = [f"team_{name}" for name in whole]
    stage.sheets("team", names, said, by="team", title="execution.sheet.title", lead="execution.sheet.links")
    stage.save()
    return config


def printed(page: str) -> int:
    """Return how many sheets of A4 a page prints on."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "page.html").write_text(page, encoding="utf-8")
        command = [CHROMIUM, *_FLAGS, f"--user-data-dir={folder}/profile", "--no-pdf-header-footer", f"--print-to-pdf={folder}/p.pdf",
                   f"file://{folder}/page.html"]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return len(re.findall(rb"/Type\s*/Page\b", Path(folder, "p.pdf").read_bytes()))


@needs_chromium
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_fullest_sheet_prints_on_one_page(lang, tmp_path, monkeypatch):
    config = saved(tmp_path, "East 1 of the northern region", monkeypatch=monkeypatch)
    pages = render_sheets("50_execution.ipynb", tmp_path / "results", lang, config)
    assert list(pages) == [f"50_execution.team-east-1-of-the-northern-region.{lang}.html"]
    assert printed(next(iter(pages.values()))) == 1


def test_each_team_has_a_page_with_its_own_rows_and_links_to_the_other_language(tmp_path, monkeypatch):
    config = saved(tmp_path, "华东", "<b>West</b>", monkeypatch=monkeypatch)
    pages = render_sheets("50_execution.ipynb", tmp_path / "results", "en", config)
    assert list(pages) == ["50_execution.team-b-west-b.en.html", "50_execution.team-华东.en.html"]
    west, east = pages.values()
    assert "50_execution.team-%E5%8D%8E%E4%B8%9C.zh.html" in east and 'href="50_execution.en.html"' in east
    assert "<b>West" not in west and "&lt;b&gt;West&lt;/b&gt;: sheet for the meeting" in west
    assert "West" not in east and "华东" not in west.replace("%E5", "")


def test_names_are_hidden_where_asked(tmp_path, monkeypatch):
    config = saved(tmp_path, "A", monkeypatch=monkeypatch)
    page = next(iter(render_sheets("50_execution.ipynb", tmp_path / "results", "en", config, hide_names=True).values()))
    assert "Bartholomew" not in page and "Rep 1" in page


def test_a_stage_without_sheets_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    config = UnitConfig(unit="north")
    Stage("execution", Book.from_tables({}, period="2026-10", config=config), tmp_path / "results").save()
    assert render_sheets("50_execution.ipynb", tmp_path / "results", "en", config) == {}


def test_a_notebook_of_another_name_than_its_stage_has_its_pages_too(tmp_path, monkeypatch):
    config = saved(tmp_path, "A", monkeypatch=monkeypatch)
    metadata = {"salesloop": {"stage": "execution", "needs": []}}
    mark = {"stage": "execution", "kind": "sheets", "name": "team", "index": None}
    cell = new_code_cell("stage.sheets()", outputs=[new_output("display_data", {MIME: mark})])
    nbformat.write(new_notebook(cells=[cell], metadata=metadata), tmp_path / "45_own_page.ipynb")
    pages = render_sheets(tmp_path / "45_own_page.ipynb", tmp_path / "results", "en", config)
    assert list(pages) == ["45_own_page.team-a.en.html"]
    page = render_stage(tmp_path / "45_own_page.ipynb", tmp_path / "results", "en", config)
    assert 'href="45_own_page.team-a.en.html"' in page
    assert "45_own_page.team-a" not in render_stage(
        tmp_path / "45_own_page.ipynb", tmp_path / "results", "en", config, linked=False
    )


@pytest.mark.parametrize("said", [("execution.no_such_message", {}), ("execution.sheet.holds", {"n_done": 1})])
def test_what_an_earlier_version_wrote_is_said_to_be_so_and_stops_no_page(said, tmp_path, monkeypatch):
    config = saved(tmp_path, "A", monkeypatch=monkeypatch)
    file = tmp_path / "results" / "execution.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["sheets"][0]["pages"][0]["said"][1] = {"id": said[0], "values": said[1]}
    file.write_text(json.dumps(content), encoding="utf-8")
    page = next(iter(render_sheets("50_execution.ipynb", tmp_path / "results", "en", config).values()))
    assert f"Written by an earlier version ({said[0]})" in page


def bundled(folder, monkeypatch, **options) -> str:
    """Return a bundle of a month whose execution page leads to two teams' sheets and a workbook."""
    config = saved(folder, "华东", "West", monkeypatch=monkeypatch)
    stage = Stage("execution", Book.from_tables({}, period="2026-10", config=config), folder / "results")
    stage.content = json.loads((folder / "results" / "execution.json").read_text(encoding="utf-8"))
    rows = pd.DataFrame({"id": ["a"], "what": ["=1+1"], "owner": ["Bartholomew Featherstone 1"]})
    stage.workbook("to_edit", rows, plan="actions", title="execution.table.to_edit")
    stage.save()
    marks = [
        {"stage": "execution", "kind": kind, "name": name, "index": None}
        for kind, name in (("sheets", "team"), ("workbook", "to_edit"))
    ]
    cells = [new_code_cell("stage", outputs=[new_output("display_data", {MIME: mark})]) for mark in marks]
    nbformat.write(
        new_notebook(cells=cells, metadata={"salesloop": {"stage": "execution"}}), folder / "50_execution.ipynb"
    )
    return make_bundle(folder, "en", config, **options)


def test_a_bundle_holds_the_sheets_and_the_workbook_that_its_page_speaks_of(tmp_path, monkeypatch):
    html = bundled(tmp_path, monkeypatch)
    places = re.findall(r'<a href="#(page-execution-team-\d)">([^<]+)</a>', html)
    assert [name for _, name in places] == ["West: sheet for the meeting", "华东: sheet for the meeting"]
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(re.findall(r'id="([^"]+)"', html))
    name, inside = re.search(r'<a download="([^"]+)" href="data:[\w./-]+;base64,([^"]+)">', html).groups()
    assert name == "actions_2026-10_execution.xlsx"
    assert base64.b64decode(inside) == (tmp_path / "results" / "execution" / name).read_bytes()


def test_a_bundle_without_names_says_where_the_workbook_lies(tmp_path, monkeypatch):
    html = bundled(tmp_path, monkeypatch, hide_names=True)
    assert "Bartholomew" not in html and "download=" not in html
    assert "It stands beside the report, in results/execution/actions_2026-10_execution.xlsx." in html
    assert html.count(": sheet for the meeting</h2>") == 2
