"""The notebook on books with much missing: it says what it cannot tell, and keeps the names that others rely on."""

import numpy as np
import pandas as pd
import pytest

from salesloop import messages
from salesloop.book import Book
from salesloop.results import Results
from tests.metrics.bottleneck_company import company
from tests.metrics.notebook_cells import run_cells

COLUMNS = {
    "bottlenecks": ["pipeline", "stage", "segment_kind", "segment", "n", "conversion", "low", "high", "p50_days", "excess_days",
                    "money", "money_low", "money_high", "q_value", "flagged", "since", "direction"],
    "stall_limits": ["pipeline", "stage", "n_won", "p75_days"], "watch": ["stage", "segment", "q_value"],
    "slips": ["period", "n", "slipped"], "variants": ["variant", "n"], "competitors": ["name", "n"], "leads": ["segment", "n"],
    "stalled": ["opportunity_id", "rep", "reason"], "opportunities": ["kind", "money_low"], "loss_reasons": ["name"],
    "drivers": ["level", "effect"],
}  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run all cells of the notebook on a book and return the saved results."""

    def all_cells(deals, events, last, **kept) -> Results:
        tables = {"opportunities": deals, "stage_events": events}
        book = Book.from_tables(tables, period=str(pd.Timestamp(last).to_period("M")), **kept)
        return run_cells("30_bottlenecks", book, tmp_path, monkeypatch)

    return all_cells


@pytest.fixture(scope="module")
def small():
    return company(months=12, per_month=6, seed=3, warm=0)[:3]


def said(results: Results) -> set[str]:
    return {sentence["id"].removeprefix("bottlenecks.") for sentence in results.sentences}


def test_the_names_that_others_rely_on(run, small):
    results = run(*small)
    for name, columns in COLUMNS.items():
        assert set(columns) <= set(results.table(name).columns), name
    assert {"value", "n", "low", "high"} <= results.values["money_at_stake"].keys()
    assert results.values["money_at_stake"]["value"] is None
    assert "none.headline" in said(results)
    assert len(results.table("watch")) == 0


def test_an_empty_book(run, small):
    deals, events, last = small
    told = said(run(deals[:0], events[:0], last))
    assert {"dates.headline", "dates_missing", "stalled_dates", "slips_none", "leads_none", "paths_none", "cycle_few", "win_few",
            "drivers_few", "loss_reason_none", "competitor_none", "gains_none"} <= told  # fmt: skip


def test_dates_alone_still_tell_win_rates_and_cycle(run, small):
    deals, events, last = small
    told = run(deals, events, last, state_known="dates")
    assert {"dates.headline", "dates_missing", "cycle", "stalled_dates"} <= said(told)
    assert len(told.table("bottlenecks")) == 0
    assert len(told.table("timing")) > 0


def test_opportunities_alone(run, small):
    deals, events, last = small
    assert "dates.headline" in said(run(deals, events[:0], last))


def test_eight_deals(run, small):
    deals, events, last = small
    eight = deals.head(8)
    told = said(run(eight, events[events["opportunity_id"].isin(eight["opportunity_id"])], last))
    assert {"few.headline", "stalled_few"} <= told


@pytest.mark.parametrize("gone", ["owner_id", "amount", "created_at"])
def test_a_column_missing_everywhere(run, small, gone):
    deals, events, last = small
    blank = {"amount": np.nan, "created_at": pd.NaT}.get(gone)
    results = run(deals.assign(**{gone: blank}), events, last)
    assert len(results.sentences) > 10
    assert ("problem.no_created" in said(results)) == (gone == "created_at")


def test_all_deals_open(run, small):
    deals, events, last = small
    live = deals.assign(status="open", closed_on=pd.NaT, stage="propose")
    told = said(run(live, events[~events["to_stage"].isin(["won", "lost"])], last))
    assert "drivers_few" in told


def test_no_sentence_claims_a_cause():
    for lang, words in (("en", ("because", "caused by", "due to")), ("zh", ("因为", "由于", "导致"))):
        mine = [text for key, text in messages.catalogue(lang).items() if key.startswith("bottlenecks.")]
        assert [text for text in mine if any(word in text.lower() for word in words)] == []
