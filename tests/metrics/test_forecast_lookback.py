"""Past month ends as they stood: by hand, and the same from text as from codes."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from salesloop.metrics import forecast, pipeline
from salesloop.metrics.forecast import LookBack, as_known
from tests.metrics.pipeline_company import company

STAGES = pd.DataFrame({"stage": [], "kind": []})
FACTS = {"state_known": "events", "country": "CN"}
DAY = pd.to_datetime


@pytest.fixture(scope="module")
def made():
    return company(months=24, per_month=20, seed=31)


def hand():
    deals = pd.DataFrame({
        "opportunity_id": ["a", "b", "c", "d", "e"], "status": ["won", "open", "lost", "open", "won"],
        "stage": ["Won", "Offer", "Lost", "Call", "Won"], "amount": [90.0, 50.0, 70.0, 10.0, 5.0],
        "created_at": DAY(["2026-01-05", "2026-01-06", "2026-01-07", "2026-03-01", None]),
        "closed_on": DAY(["2026-03-10", None, "2026-02-10", None, "2026-02-01"]),
    })  # fmt: skip
    events = pd.DataFrame({
        "opportunity_id": ["a", "a", "a", "b"], "at": DAY(["2026-01-20", "2026-02-28 23:00", "2026-03-10", "2026-03-02"], format="ISO8601"),
        "from_stage": ["Call", "Offer", "Deal", "Call"], "to_stage": ["Offer", "Deal", "Won", "Offer"],
        "amount": [80.0, np.nan, 90.0, 50.0],
    })  # fmt: skip
    return deals, events


@pytest.mark.parametrize("form", ["text", "codes"])
def test_a_later_closing_is_undone_and_later_deals_and_moves_are_gone(form):
    deals, events = hand() if form == "text" else pipeline.compact(*hand())[:2]
    then, past = as_known(deals, events, dt.date(2026, 2, 28))
    told = then.set_index("opportunity_id")
    assert list(told.index) == ["a", "b", "c", "e"]
    assert told["status"].tolist() == ["open", "open", "lost", "won"]
    assert told["stage"].astype(object).where(told["stage"].notna(), None).tolist() == ["Deal", None, "Lost", "Won"]
    assert told["amount"].tolist() == [90.0, 50.0, 70.0, 5.0]  # the last move states no amount: the one known now
    assert told["closed_on"].isna().tolist() == [True, True, False, False]
    assert past["to_stage"].tolist() == ["Offer", "Deal"]
    before = as_known(deals, events, dt.date(2026, 1, 31))[0].set_index("opportunity_id")
    assert before.loc["a", "amount"] == 80.0


def test_codes_change_no_draw(made):
    deals, events, as_of = made
    told = []
    for some, moves in ((deals, events), pipeline.compact(deals, events)[:2]):
        model = pipeline.fit(some, moves, as_of=as_of)
        told.append(pipeline.simulate(model, some, moves, as_of=as_of, horizon=3, n=200, seed=2))
    assert (told[0].amount == told[1].amount).all() and told[0].owners == told[1].owners
    pd.testing.assert_frame_equal(told[0].deals, told[1].deals)


def test_a_month_end_is_fitted_once_for_all_that_ask(made, monkeypatch):
    deals, events, as_of = made
    period, fitted = pd.Period(as_of, "M"), []
    fit = pipeline.fit
    monkeypatch.setattr(pipeline, "fit", lambda *a, **how: fitted.append(how["as_of"]) or fit(*a, **how))
    look = LookBack(deals, events, STAGES, **FACTS)
    forecast.tested(deals, events, STAGES, period=period, look=look, **FACTS)
    shared = (
        forecast.draw_before(deals, events, STAGES, period=period, look=look, **FACTS),
        forecast.past_probabilities(deals, events, STAGES, period=period, look=look, **FACTS),
    )
    assert len(fitted) == len(set(fitted)) == 9
    alone = forecast.draw_before(deals, events, STAGES, period=period, **FACTS)
    assert (shared[0].amount == alone.amount).all()
    pd.testing.assert_frame_equal(
        shared[1], forecast.past_probabilities(deals, events, STAGES, period=period, **FACTS)
    )  # fmt: skip
