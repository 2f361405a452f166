"""Both notebooks of people's work on books with much, little and nothing: they never crash and say what is missing."""

import datetime as dt
import json

import pandas as pd
import pytest

import salesloop
from salesloop import paths
from salesloop.book import Book
from salesloop.demo import Company
from salesloop.figures import draw
from salesloop.messages import Text
from salesloop.results import Stage

STAGES = ("50_execution", "60_kpi")
LATE = ("memberships", "reps", "activities", "stage_events", "accounts", "targets")


@pytest.fixture(scope="module")
def tables():
    return Company(seed=5, months=14, scale=9.0, reps=6, teams=2, regions=2, feedback=False).tables()


def run(name, tables, folder, monkeypatch, **book):
    """Run a notebook's cells over a book in memory and return its stage."""
    cells = json.loads((paths.notebooks() / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    stage = Stage(name.partition("_")[2], Book.from_tables(tables, period="2024-12", **book), folder)
    monkeypatch.setattr(salesloop, "open_stage", lambda *a, **k: stage)
    names: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    return stage


def bare(kind, tables):
    deals = tables["opportunities"]
    return {
        "whole": tables, "empty": {}, "deals only": {"opportunities": deals},
        "one rep": {**tables, "opportunities": deals.assign(owner_id="1", owner="Ann"), "reps": tables["reps"].head(1), "memberships": tables["memberships"].head(1)},
        "all open": {**tables, "opportunities": deals.assign(status="open", closed_on=pd.NaT)},
        "no owners": {**tables, "opportunities": deals.assign(owner_id=None, owner=None)},
        "no amounts": {**tables, "opportunities": deals.assign(amount=float("nan"))},
        "no others": {name: table for name, table in tables.items() if name not in LATE},
        "plan only": {name: tables[name] for name in ("targets", "assessments")},
    }[kind]  # fmt: skip


KINDS = ("whole", "empty", "deals only", "one rep", "all open", "no owners", "no amounts", "no others", "plan only")


@pytest.fixture(scope="module")
def whole(tables, tmp_path_factory):
    """Return both stages over the whole company, figures drawn."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        return {name: run(name, tables, folder / name, patch) for name in STAGES}


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the drawing of figures out: it is tried once, on the whole company."""
    monkeypatch.setattr("salesloop.figures.draw", lambda *a, **k: "<svg/>")


def table_of(stage, name):
    return pd.read_parquet(stage.folder / stage.content["tables"][name]["file"])


def said_well(stage):
    for lang in ("en", "zh"):
        text = Text(lang, "CNY")
        told = [text.t(said["id"], **said["values"]) for said in stage.content["sentences"]]
        assert told and not any("nan" in sentence for sentence in told)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STAGES)
def test_a_stage_answers_what_it_can(name, kind, tables, tmp_path, monkeypatch, undrawn):
    stage = run(name, bare(kind, tables), tmp_path, monkeypatch)
    said_well(stage)
    assert (tmp_path / f"{stage.name}.json").is_file()


@pytest.mark.parametrize("name", STAGES)
def test_the_whole_company_in_both_languages(name, whole):
    said_well(whole[name])
    for figure in whole[name].content["figures"]:
        frame = table_of(whole[name], figure["table"])
        assert (len(frame) or figure["name"] == "retained") and "<svg" in draw(
            figure["plot"], frame, Text("zh", "CNY"), narrow=True
        )[:400]


def test_states_known_by_dates_alone_teach_no_need_of_coverage(tables, tmp_path, monkeypatch, undrawn):
    stage = run("60_kpi", tables, tmp_path, monkeypatch, state_known="dates")
    assert table_of(stage, "coverage")["coverage_needed"].isna().all()


def test_the_names_others_rely_on(whole):
    kpi, execution = whole["60_kpi"], whole["50_execution"]
    assert {"win_rate", "grr", "nrr"} <= set(kpi.content["values"])
    assert {"scorecard", "bridge_pvm", "reps", "composite", "assessments"} <= set(kpi.content["tables"])
    assert {"rep", "n", "raw", "expected", "index", "low", "high", "distinct"} <= set(table_of(kpi, "reps"))
    assert {"pace_gap", "hygiene_score"} <= set(execution.content["values"])
    wanted = {"id", "what", "deal_set", "measure", "expected_move", "owner", "due", "amount"}
    assert wanted <= set(table_of(execution, "open_actions_proposed"))


def test_bridges_add_up_to_the_cent(whole):
    for name in ("bridge_pvm", "bridge_attainment"):
        cents = (table_of(whole["60_kpi"], name)["amount"] * 100).round().astype(int)
        assert len(cents) and cents.iloc[:-1].sum() == cents.iloc[-1]


def test_a_check_in_stops_at_its_day(tables, tmp_path, monkeypatch, undrawn):
    stage = run("50_execution", tables, tmp_path, monkeypatch, as_of=dt.date(2024, 12, 13))
    pace, deals = table_of(stage, "pace"), tables["opportunities"]
    month = pace[(pace["horizon"] == "month") & (pace["level"] == "company") & (pace["measure"] == "bookings")].iloc[0]
    won = deals[
        (deals["status"] == "won") & (deals["closed_on"] >= "2024-12-01") & (deals["closed_on"] <= "2024-12-13")
    ]
    assert month["actual"] == pytest.approx(float(won["amount"].sum())) and 0 < month["elapsed_share"] < 0.6
    assert any(said["id"] == "execution.since_none" for said in stage.content["sentences"])


@pytest.mark.parametrize("name", STAGES)
def test_the_same_book_gives_the_same_results(name, tables, whole, tmp_path, monkeypatch, undrawn):
    again, first = run(name, tables, tmp_path, monkeypatch).folder, whole[name].folder
    files = [p.relative_to(first) for p in first.rglob("*") if p.suffix in (".json", ".parquet", ".csv")]
    assert files and all((first / f).read_bytes() == (again / f).read_bytes() for f in files)
