"""The notebook on books with much missing: it says what it cannot tell, and its draws add up."""

import numpy as np
import pandas as pd
import pytest

from salesloop import messages
from salesloop.book import Book
from salesloop.results import Results
from tests.metrics.notebook_cells import run_cells
from tests.metrics.pipeline_company import company


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run all cells of the notebook on tables and return the saved results."""

    def all_cells(tables: dict, last, **kept) -> Results:
        book = Book.from_tables(tables, period=str(pd.Timestamp(last).to_period("M")), **kept)
        return run_cells("20_forecast", book, tmp_path, monkeypatch)

    return all_cells


@pytest.fixture(scope="module")
def small():
    deals, events, last = company(months=15, per_month=12, seed=7)
    return deals.assign(owner=deals["owner_id"], lead_id=None), events, last


def said(results: Results) -> set[str]:
    for sentence in results.sentences:
        for lang in ("en", "zh"):
            assert messages.Text(lang, "CNY").t(sentence["id"], **sentence["values"])
    return {sentence["id"].removeprefix("forecast.") for sentence in results.sentences}


def test_a_company_without_leads_or_typed_chances_says_so(run, small):
    deals, events, last = small
    results = run({"opportunities": deals, "stage_events": events}, last)
    told = said(results)
    assert {"leads_none", "against_typed_in_none", "reliability"} <= told
    draws = results.table("draws")
    month = draws["period"].cat.categories[0]
    mean = draws.loc[draws["period"] == month, "amount"].sum() / 5000
    table = results.table("bookings_forecast")
    row = table[(table["level"] == "company") & (table["lead_months"] == 1)].iloc[0]
    assert mean == pytest.approx(row["mean"], rel=1e-5)
    movers = results.table("movers")
    assert 0 < len(movers) <= 10 and movers["why"].notna().all()
    assert set(results.table("chances_compared")["method"]) == {"deal_model", "stage_table"}


def test_typed_chances_are_held_against_what_came(run, small):
    deals, events, last = small
    due = pd.Timestamp(last)
    typed = events.assign(probability=0.5, expected_close=due)
    results = run({"opportunities": deals.assign(expected_close=due), "stage_events": typed}, last)
    scores = results.table("chances_compared").set_index("method")
    assert scores.loc["typed_in", "brier"] == pytest.approx(0.25)  # one half, whatever came
    assert scores.loc["typed_in", "low"] <= scores.loc["typed_in", "gain"] <= scores.loc["typed_in", "high"]
    assert "against_typed_in_none" not in said(results)


@pytest.mark.parametrize("missing", ["everything", "events", "owners", "amounts", "closed", "dates"])
def test_what_is_missing_leaves_the_rest_standing(run, small, missing):
    deals, events, last = small
    kept = {"state_known": "dates"} if missing == "dates" else {}
    if missing == "owners":
        deals = deals.assign(owner_id=None, owner=None)
    elif missing == "amounts":
        deals = deals.assign(amount=np.nan)
    elif missing == "closed":
        deals = deals[deals["status"] == "open"]
    elif missing == "everything":
        deals = deals[:0]
    tables = {"opportunities": deals}
    if missing not in ("events", "everything"):
        tables["stage_events"] = events[events["opportunity_id"].isin(deals["opportunity_id"])]
    told = said(run(tables, last, **kept))
    expected = {
        "everything": "nothing", "events": "headline", "owners": "headline", "amounts": "unpriced", "closed": "model_none",
        "dates": "weights_dates",
    }  # fmt: skip
    assert expected[missing] in told
