"""The pipeline model against a company whose rates are known: chances, calibration, arrivals, common random numbers."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from salesloop.metrics import pipeline
from salesloop.metrics.pipeline import Change
from salesloop.metrics.pipeline.model import leave_base, paces
from salesloop.metrics.pipeline.stays import coded_exposures, coded_visits
from salesloop.metrics.pipeline.steps import work
from tests.metrics.pipeline_company import company

TRUE = 0.7 * 0.65 * 0.7


@pytest.fixture(scope="module")
def made():
    deals, events, as_of = company(months=30, per_month=40, seed=11)
    return deals, events, as_of, pipeline.fit(deals, events, as_of=as_of)


def test_the_number_of_closed_deals_decides_how_much_is_told_apart():
    deals, events, as_of = company(months=8, per_month=30, seed=3)
    closed = deals.index[deals["status"] != "open"]
    for keep, kind in ((3, "none"), (12, "average"), (40, "stage_age"), (len(closed), "multistate")):
        few = deals.drop(closed[keep:])
        told = events[events["opportunity_id"].isin(few["opportunity_id"])]
        model = pipeline.fit(few, told, as_of=as_of)
        assert model.kind == kind, keep
    assert pipeline.fit(deals[deals["status"] == "open"], events[:0], as_of=as_of).kind == "none"


def test_chances_of_new_deals_come_near_the_true_one(made):
    deals, events, as_of, model = made
    young = deals.assign(status="open", stage="qualify", closed_on=pd.NaT, created_at=pd.Timestamp(as_of)).head(200)
    young["opportunity_id"] = [f"n{i}" for i in range(len(young))]
    drawn = pipeline.simulate(model, young, events[:0], as_of=as_of, horizon=12, n=10)
    assert drawn.deals["p_win"].mean() == pytest.approx(TRUE, abs=0.06)
    assert (drawn.deals["p_win"] + drawn.deals["p_lost"]).max() <= 1.0 + 1e-9


def test_later_stages_are_likelier_to_be_won(made):
    deals, events, as_of, model = made
    told = pipeline.simulate(model, deals, events, as_of=as_of, horizon=12, n=10).deals
    by_stage = told.groupby("stage")["p_win"].mean()
    assert by_stage["qualify"] < by_stage["propose"] < by_stage["negotiate"]
    assert by_stage["negotiate"] == pytest.approx(0.7, abs=0.1)


def test_the_month_ahead_is_as_large_as_it_has_been(made):
    deals, events, as_of, model = made
    drawn = pipeline.simulate(model, deals, events, as_of=as_of, horizon=3, n=2000, seed=5)
    per_month = 40 * TRUE * 1000  # what the company books a month once it has run for a while
    assert drawn.total().mean(axis=1) == pytest.approx([per_month] * 3, rel=0.25)


def test_the_same_seed_gives_the_same_draws_and_no_change_changes_nothing(made):
    deals, events, as_of, model = made
    how = {"as_of": as_of, "horizon": 3, "n": 300, "seed": 8}
    first = pipeline.simulate(model, deals, events, **how)
    assert (first.amount == pipeline.simulate(model, deals, events, **how).amount).all()
    ready = pipeline.prepare(model, deals, events, as_of=as_of, horizon=3)
    assert (pipeline.totals(ready, n=300, seed=8, change=Change()) == first.total()).all()


@pytest.mark.parametrize(
    ("change", "sign"),
    [(Change(conversion=1.3), 1), (Change(conversion=0.7), -1), (Change(size=1.2), 1), (Change(volume=1.5), 1),
     (Change(speed=0.4, stage="propose"), -1), (Change(volume=1.5, column="product", value="none such"), 0)],
)  # fmt: skip
def test_a_change_moves_the_draws_its_way(made, change, sign):
    deals, events, as_of, model = made
    ready = pipeline.prepare(model, deals, events, as_of=as_of, horizon=4)
    moved = pipeline.totals(ready, n=400, seed=8, change=change).sum(axis=0)
    moved = moved - pipeline.totals(ready, n=400, seed=8).sum(axis=0)
    assert np.sign(round(float(moved.mean()), 6)) == sign


def test_the_parts_add_up_and_a_table_of_them_holds_all_the_money(made):
    deals, events, as_of, model = made
    drawn = pipeline.simulate(model, deals, events, as_of=as_of, horizon=3, n=200, seed=1)
    frame = drawn.frame()
    assert frame["amount"].sum() == drawn.amount.sum(dtype=np.float64)
    one = frame[(frame["draw"] == 7) & (frame["period"] == str(drawn.months[1]))]["amount"].sum()
    assert one == drawn.total()[1, 7]


def test_totals_are_the_sums_of_the_draws(made):
    deals, events, as_of, model = made
    ready = pipeline.prepare(model, deals, events, as_of=as_of, horizon=4)
    whole = pipeline.draw(ready, n=200, seed=3).total()
    assert pipeline.totals(ready, n=200, seed=3) == pytest.approx(whole, rel=1e-6)


def test_what_comes_after_the_day_is_not_read(made):
    deals, events, _, _ = made
    from salesloop.metrics.forecast import as_known

    day = dt.date(2025, 6, 30)
    then, past = as_known(deals, events, day)
    late = deals.assign(amount=deals["amount"].where(~(deals["created_at"] > pd.Timestamp(day)), 1e9))
    then_again, past_again = as_known(late, events, day)
    a = pipeline.simulate(pipeline.fit(then, past, as_of=day), then, past, as_of=day, horizon=2, n=50)
    b = pipeline.simulate(
        pipeline.fit(then_again, past_again, as_of=day), then_again, past_again, as_of=day, horizon=2, n=50
    )
    assert (a.amount == b.amount).all()


def test_stated_chances_hold_in_the_past(made):
    deals, events, as_of, _ = made
    from salesloop.metrics import forecast

    period = pd.Period(as_of, "M")
    told = forecast.past_probabilities(
        deals, events, pd.DataFrame({"stage": [], "kind": []}), period=period, state_known="events"
    )
    assert len(told) > 60
    assert told["p"].mean() == pytest.approx(told["won"].mean(), abs=0.1)
    assert forecast.deals.brier(told["p"].to_numpy(), told["won"].to_numpy()) < told["won"].var() + 0.01


def test_what_older_deals_lived_through_before_the_crm_opened_does_not_count():
    deals, events, as_of = company(months=30, per_month=40, seed=21)
    opened = pd.Timestamp("2026-01-01")
    known = deals[~(deals["closed_on"] < opened)]  # what had ended by then was never typed in
    moves = events[(events["at"] >= opened) & events["opportunity_id"].isin(known["opportunity_id"])]
    model = pipeline.fit(known, moves, as_of=as_of)
    leave = 1 / (1 + np.exp(-leave_base(model)[0][model.stages.index("qualify")]))
    true = 1 - 0.95 ** (365.25 / 48)  # a chance of 5 % a day, in a step of 7.6 days
    assert leave[:6].mean() == pytest.approx(true, abs=0.03)  # with the survivors' past it would be 0.066 below


def test_steps_before_the_first_move_are_left_out_by_hand():
    day = pd.to_datetime
    deals = pd.DataFrame({
        "opportunity_id": ["old", "new"], "status": ["open", "won"], "stage": ["a", "won"],
        "created_at": day(["2025-12-20", "2026-02-03"]), "closed_on": day([None, "2026-02-20"]),
    })  # fmt: skip
    events = pd.DataFrame(
        {"opportunity_id": ["old"], "at": day(["2026-02-01"]), "from_stage": ["b"], "to_stage": ["a"]}
    )
    moves = coded_visits(deals, events, as_of=dt.date(2026, 2, 28))
    february = (2026 * 12 + 1) * 4
    assert len(coded_exposures(moves, as_of=dt.date(2026, 2, 28)).step) == 9 + 2  # 9 since December, 2 until it was won
    lived = coded_exposures(moves, as_of=dt.date(2026, 2, 28), since=february + 1)
    assert sorted(lived.step - february) == [1, 1, 2, 2, 3]


def test_wins_pushed_to_the_end_of_quarters_give_the_last_stage_a_pace_of_its_own():
    deals, events, as_of = company(months=30, per_month=40, seed=31)
    pushed = (events["to_stage"] == "won") & (np.random.default_rng(2).random(len(events)) < 0.6)
    late = events["at"].where(~pushed, events["at"].dt.to_period("Q").dt.end_time.dt.normalize())
    won = dict(zip(events.loc[pushed, "opportunity_id"], late[pushed], strict=True))
    moved = deals["opportunity_id"].map(won)
    told = deals.assign(closed_on=deals["closed_on"].where(moved.isna(), moved))
    model = pipeline.fit(told, events.assign(at=late), as_of=as_of)
    quarter = (2026 * 12 + 3) * 4 + np.arange(12)  # April to June 2026: the last step is the quarter's
    pace, lost = (
        one[:, [model.stages.index(stage) for stage in ("qualify", "negotiate")]] for one in paces(model, quarter)
    )
    rest, last = pace[:-1].mean(axis=0), pace[-1]
    assert last[1] - rest[1] > np.log(3) and abs(last[0] - rest[0]) < np.log(1.5)
    assert lost[-1, 1] < lost[:-1, 1].mean() - np.log(2)  # who leaves then, leaves to be won


def test_a_large_book_is_fitted_on_some_of_its_deals_with_the_same_answer(made, monkeypatch):
    deals, events, as_of, model = made
    import importlib

    monkeypatch.setattr(importlib.import_module("salesloop.metrics.pipeline.model"), "_MOST_ROWS", 6000)
    few = pipeline.fit(deals, events, as_of=as_of)
    assert not np.array_equal(few.leave, model.leave) and few.n_closed == model.n_closed
    chance, less = (1 / (1 + np.exp(-leave_base(one)[0][:, :8])) for one in (model, few))
    assert less.mean(axis=1) == pytest.approx(chance.mean(axis=1), abs=0.04)


def test_a_holiday_week_counts_for_the_days_worked_in_it(made):
    _, _, _, model = made
    october = (2026 * 12 + 9) * 4 + np.arange(4)
    days = np.exp(work(october, "CN")) * 5.2
    assert days.round().tolist() == [1, 6, 6, 5]  # of 1-8 October 2026 only the 8th is worked; the 10th is made up
    assert np.isfinite(paces(model, october)[0]).all()
