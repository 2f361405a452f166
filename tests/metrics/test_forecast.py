"""The forecast's rules and tables: numbers worked by hand, parts that add up, leaks that are found."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from salesloop.metrics import forecast
from salesloop.metrics.forecast import calls, outlook, rules
from tests.metrics.pipeline_company import company

STAGES = pd.DataFrame({"stage": [], "kind": []})
FACTS = {"state_known": "events", "country": "CN"}


@pytest.fixture(scope="module")
def told():
    deals, events, as_of = company(months=26, per_month=25, seed=4)
    period = pd.Period(as_of, "M")
    drawn = forecast.draw(deals, events, STAGES, as_of=as_of, n=600, **FACTS)
    history = forecast.monthly_bookings(deals, period)
    errors = forecast.tested(deals, events, STAGES, period=period, **FACTS)
    weights = forecast.weights_in_force(errors, None)
    made = outlook.join(drawn, history, weights, shares=outlook.owner_shares(deals, drawn.owners, period), country="CN")
    return deals, events, period, drawn, history, errors, weights, made


def test_levels_add_up_in_every_draw(told):
    _, _, period, drawn, _, _, _, made = told
    who = pd.DataFrame({"owner_id": drawn.owners, "rep": drawn.owners, "team": ["A", "B"] * (len(drawn.owners) // 2),
                        "region": "N"})  # fmt: skip
    table = outlook.by_level(made, who, period)
    for month in table["period"].unique():
        means = table[table["period"] == month].groupby("level", sort=False)["mean"].sum()
        assert means.to_numpy() == pytest.approx(means["company"], abs=1e-6)
    long = outlook.draws_table(made, who)
    whole = long.groupby(["draw", "period"], observed=True)["amount"].sum()
    parts = (
        long.groupby(["draw", "period", "team"], observed=True)["amount"]
        .sum()
        .groupby(["draw", "period"], observed=True)
        .sum()
    )
    pd.testing.assert_series_equal(whole, parts)


def test_the_composition_adds_up_to_the_mean(told):
    _, _, period, _, history, _, _, made = told
    months = [period + 1, period + 2]
    parts = outlook.composition(made, months, history)
    ahead = parts[parts["part"] != "won"].groupby("period")["amount"].sum()
    assert ahead.to_numpy() == pytest.approx(made.draws.total()[:2].mean(axis=1))


def test_the_back_test_reads_nothing_of_its_future(told):
    deals, events, period, _, _, errors, _, _ = told
    made_in = errors["made_in"].min()
    late = deals["closed_on"] > made_in.end_time
    again = forecast.tested(
        deals.assign(status=deals["status"].where(~late, "lost")), events, STAGES, period=period, **FACTS
    )
    first = errors[errors["made_in"] == made_in]
    assert again[again["made_in"] == made_in]["forecast"].to_numpy() == pytest.approx(first["forecast"].to_numpy())


def test_the_pipeline_model_beats_seasonal_naive_on_its_own_kind_of_company(told):
    _, _, _, _, history, errors, weights, _ = told
    table = forecast.accuracy(forecast.with_combined(errors, weights), history)
    lead = table[table["lead_months"] == 1].set_index("method")["wape"]
    assert lead["pipeline"] < lead["seasonal_naive"]


def test_the_bridge_adds_up_to_the_cent(told):
    deals, events, period, drawn, history, _, weights, made = told
    before = forecast.draw_before(deals, events, STAGES, period=period, **FACTS)
    table = forecast.quarter_bridge(before, drawn, deals, made, history, period, weights, 1, "CN").set_index("line")[
        "amount"
    ]
    moves = table.drop(["start", "end"]).sum()
    assert round(table["start"] + moves, 2) == round(table["end"], 2)


def test_without_a_deal_model_the_series_alone_is_shared_out(told):
    deals, _, period, _, history, _, _, _ = told
    bare = deals.assign(created_at=pd.NaT)
    drawn = forecast.draw(bare, pd.DataFrame(columns=["opportunity_id", "at", "from_stage", "to_stage", "amount"]), STAGES,
                          as_of=period.end_time.date(), n=200, state_known="dates", country="CN")  # fmt: skip
    shares = outlook.owner_shares(bare, drawn.owners, period)
    made = outlook.join(drawn, history, rules.START and {"1": rules.START}, shares=shares)
    assert made.basis in ("series", "combined")
    assert made.draws.total()[0].mean() == pytest.approx(history.iloc[-6:].mean(), rel=0.5)


def test_weights_move_from_the_prior_as_months_are_graded():
    errors = pd.DataFrame(
        {"lead_months": 1, "method": ["a"] * 12 + ["b"] * 12, "forecast": [11.0] * 12 + [12.0] * 12, "actual": 10.0}
    )
    made = rules.method_weights(errors, {}, ["a", "b"])
    assert made.value["1"]["a"] == pytest.approx(0.5 + 0.5 * (0.8 - 0.5), abs=1e-4)  # 12 of 24: half the way to 4 : 1
    assert made.n == 12


def test_a_method_without_error_does_not_take_everything():
    errors = pd.DataFrame({"method": ["a", "b"], "forecast": [10.0, 12.0], "actual": 10.0})
    weights = rules.inverse_error(errors, ["a", "b"])
    assert weights["b"] == pytest.approx(0.1 / 4.1)  # floored at 5 % of the mean of 0 and 4


def test_calls_are_corrected_by_ratios_of_sums_and_only_after_four_months():
    months = pd.period_range("2026-01", periods=24, freq="M")
    rng = np.random.default_rng(1)
    actual = 80 + 5 * rng.standard_normal(24)
    told = pd.DataFrame({"who": "Ann", "period": months, "amount": 100.0, "actual": actual})
    made = rules.call_correction(told, last=months[-1]).value
    assert 0.80 < made["company"] < 0.90  # towards 0.8 from 1, with 6 pseudo-months at 1
    assert made["people"]["Ann"] == pytest.approx(made["company"], abs=0.03)
    silent = pd.concat([told, told.assign(who="Bo", amount=0.0, actual=0.0)])
    made = rules.call_correction(silent, last=months[-1]).value
    assert made["people"]["Bo"] == made["company"]  # who called nought has no ratio of their own
    assert rules.call_correction(told.head(3), last=months[2]).value == {}
    honest = told.assign(actual=100 + 20 * rng.standard_normal(24))
    assert rules.call_correction(honest, last=months[-1]).value["company"] == pytest.approx(1.0, abs=0.05)


def test_the_interval_scale_moves_by_a_fifth_at_most():
    wide = pd.DataFrame({"actual": [5.0] * 12, "p50": 0.0, "p10": -1.0, "p90": 1.0})
    assert rules.interval_scale(wide, 1.0, 1.0).value == 1.2
    assert rules.interval_scale(wide.assign(actual=0.1), 1.0, 1.0).value == 0.8
    assert rules.interval_scale(wide.head(11), 1.3, 1.0).value == 1.3


def test_columns_filled_in_after_the_fact_are_found_in_public_data(shared_data):
    leads = pd.read_csv(shared_data / "crm_xeducation" / "Leads.csv.gz")
    known = leads.replace("Select", np.nan)
    status = np.where(known["Converted"] == 1, "won", np.where(known["Tags"].notna(), "lost", "open"))
    found = forecast.deals.leak_guard(known.assign(status=status))["column"].tolist()
    assert "Tags" in found
    assert "Lead Source" not in found
    assert "TotalVisits" not in found


def test_usable_calls_have_a_day_an_amount_and_a_month():
    said = pd.DataFrame({
        "said_at": pd.to_datetime(["2026-09-28", None, "2026-09-28", "2026-09-28"]), "who": "Ann", "level": "company",
        "name": None, "period": ["2026-10", "2026-10", "2026Q4", "2026-10"], "category": "commit",
        "amount": [10.0, 10.0, 10.0, np.nan],
    })  # fmt: skip
    assert len(calls.submitted(said)) == 1
    assert calls.dropped(said) == 3
    came = {"2026-10": 8.0, "2025-10": 6.0}
    graded = calls.graded(
        calls.submitted(said), lambda m, s, months: (came[str(months[0])], 1), last=pd.Period("2026-10")
    )
    assert graded[["actual", "naive"]].values.tolist() == [[8.0, 6.0]]


@pytest.mark.parametrize("n", [0, 1, 4])
def test_hardly_any_data_gives_an_answer_and_says_what_it_rests_on(n):
    deals, events, as_of = company(months=3, per_month=2, seed=2)
    deals, period = deals.head(n), pd.Period(as_of, "M")
    events = events[events["opportunity_id"].isin(deals["opportunity_id"])]
    drawn = forecast.draw(deals, events, STAGES, as_of=as_of, n=50, **FACTS)
    history = forecast.monthly_bookings(deals, period)
    errors = forecast.tested(deals, events, STAGES, period=period, **FACTS)
    made = outlook.join(drawn, history, forecast.weights_in_force(errors, None), shares=np.ones(len(drawn.owners)))
    who = pd.DataFrame({"owner_id": drawn.owners, "rep": drawn.owners, "team": None, "region": None})
    table = outlook.by_level(made, who, period)
    assert forecast.say.headline(table)[0] in ("forecast.headline", "forecast.nothing")
    assert drawn.kind == "none"
    assert dt.date.fromisoformat(str(as_of)) == as_of


def test_with_dates_alone_the_range_is_as_wide_as_the_series_has_missed(told):
    _, _, _, drawn, _, errors, _, _ = told
    low, middle, high = np.quantile(drawn.total()[0], (0.1, 0.5, 0.9))
    half = (high - low) / (2 * middle)
    missed = pd.DataFrame({"method": "series", "forecast": 100.0, "actual": 100.0 * (1 + 3 * half)}, index=range(8))
    assert forecast.backtest_scale(missed, drawn, "dates") == pytest.approx(3.0)
    assert forecast.backtest_scale(missed.head(3), drawn, "dates") == 2.0
    assert forecast.backtest_scale(missed.assign(actual=100.0), drawn, "dates") == 1.0
    assert forecast.backtest_scale(errors, drawn, "events") == forecast.backtest_scale(errors)


def test_weights_of_the_back_test_look_where_pipeline_and_series_differ():
    luck = (9, -7, 4, 0, -3, 8, -8, 2)  # what both miss alike; its mean is 5/8
    rows = [
        (m, 1, method, f, 10.0 + one)
        for m, one in enumerate(luck)
        for method, f in (("pipeline", 11.0), ("series", 14.0))
    ]
    errors = pd.DataFrame(rows, columns=["made_in", "lead_months", "method", "forecast", "actual"])
    # least squares: (10.625 - 14) / (11 - 14) is above 1, so the pipeline alone; the other way round the series alone
    assert forecast.prior_weights(errors)["1"] == {"pipeline": 1.0, "series": 0.0}
    swapped = errors.assign(method=errors["method"].map({"pipeline": "series", "series": "pipeline"}))
    assert forecast.prior_weights(swapped)["1"] == {
        "pipeline": 0.75,
        "series": 0.25,
    }  # 8 months against 24 of the pipeline's
    assert forecast.prior_weights(errors)["2"] == rules.START
