"""Performance of the company: worked cases of the metric contract and numbers worked by hand."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest

from salesloop.metrics import kpi
from salesloop.metrics.execution import examples
from salesloop.periods import parse_period

OCTOBER = parse_period("2026-10")
END = dt.date(2026, 10, 31)


def deals(**columns):
    return examples.canonical("opportunities", columns).assign(rep=None, team=None, region=None, manager=None)


def hundred():
    """100 created, 3 won, 7 lost, 20 overdue, 10 stale, 60 open."""
    day, far = pd.Timestamp("2026-09-15"), pd.Timestamp("2027-02-01")
    status = ["won"] * 3 + ["lost"] * 7 + ["open"] * 90
    return deals(
        opportunity_id=[str(i) for i in range(100)], status=status, amount=[10.0] * 100,
        created_at=[pd.Timestamp("2026-01-10")] * 100, closed_on=[day] * 10 + [pd.NaT] * 90,
        expected_close=[day] * 10 + [pd.Timestamp("2026-10-01")] * 20 + [far] * 70,
        last_activity_at=[day] * 30 + [pd.Timestamp("2026-02-01")] * 10 + [pd.Timestamp("2026-10-20")] * 60,
    )  # fmt: skip


def test_the_six_win_rates_of_the_same_hundred_deals():
    found = kpi.winrates.win_rates(hundred(), as_of=END).set_index("kind")
    assert found["value"].round(4).to_dict() == {
        "win_rate": 0.3, "win_rate_value": 0.3, "created_win_rate": 0.03, "win_rate_overdue": 0.1, "win_rate_stale": 0.075,
        "win_curve": 0.03,
    }  # fmt: skip
    assert found.loc["win_rate", "n"] == 10 and found.loc["created_win_rate", "n"] == 100


def test_three_of_five_may_be_anything_from_23_to_88_percent():
    table = deals(opportunity_id=list("abcde"), status=["won"] * 3 + ["lost"] * 2, amount=[1.0] * 5,
                  created_at=["2026-08-01"] * 5, closed_on=["2026-10-05"] * 5)  # fmt: skip
    row = kpi.winrates.win_rates(table, as_of=END).set_index("kind").loc["win_rate"]
    assert (round(row["low"], 2), round(row["high"], 2)) == (0.23, 0.88)


def test_wins_and_no_losses_are_a_hundred_percent_and_neither_is_none():
    table = deals(
        opportunity_id=["a"], status=["won"], amount=[1.0], created_at=["2026-08-01"], closed_on=["2026-10-05"]
    )
    assert kpi.winrates.win_rates(table, as_of=END).set_index("kind").loc["win_rate", "value"] == 1.0
    assert (
        kpi.winrates.win_rates(table.assign(status="open", closed_on=pd.NaT), as_of=END)["value"].iloc[:2].isna().all()
    )


def test_no_value_win_rate_where_lost_deals_bear_no_amount():
    table = hundred().assign(amount=lambda d: d["amount"].where(d["status"] != "lost", 0.0))
    assert kpi.winrates.win_rates(table, as_of=END).set_index("kind")["value"].isna()["win_rate_value"]


def test_open_deals_are_censored_not_lost():
    # by hand: at day 10 one of 4 is won (1/4), then two of the 3 left are seen no longer, at day 30 the last is won
    value, _ = kpi.winrates.incidence(np.array([10.0, 20.0, 20.0, 30.0]), np.array([1, 0, 0, 1]), at=365)
    assert value == pytest.approx(1 / 4 + 3 / 4)
    value, _ = kpi.winrates.incidence(np.array([10.0, 15.0, 20.0, 30.0]), np.array([1, 2, 0, 1]), at=365)
    assert value == pytest.approx(1 / 4 + (3 / 4) * (2 / 3))


def test_the_curves_error_is_the_binomials_where_nothing_is_censored():
    days, how = np.arange(1.0, 101.0), np.tile([1, 2, 2, 2], 25)
    value, half = kpi.winrates.incidence(days, how, at=200)
    assert value == pytest.approx(0.25) and half == pytest.approx(1.96 * math.sqrt(0.25 * 0.75 / 100), rel=0.01)


def sold(rows):
    frame = pd.DataFrame(rows, columns=["product", "on", "quantity", "amount"])
    return frame.assign(on=pd.to_datetime(frame["on"]), amount_original=frame["amount"], currency="CNY")


def test_price_volume_mix_by_hand():
    # A: 10 at 10, then 20 at 12; B: 10 at 30, then 10 at 30; C only before, D only after
    rows = [("A", "2025-10-05", 10, 100.0), ("B", "2025-10-05", 10, 300.0), ("C", "2025-10-05", 1, 50.0),
            ("A", "2026-10-05", 20, 240.0), ("B", "2026-10-05", 10, 300.0), ("D", "2026-10-05", 1, 70.0)]  # fmt: skip
    lines = kpi.pvm.bridge(sold(rows), [OCTOBER - 12], [OCTOBER]).set_index("line")["amount"]
    # average old price 20: volume (30-20)*20 = 200; mix 20*10+10*30-30*20 = -100; price 20*(12-10) = 40
    assert lines.to_dict() == {"start": 450.0, "volume": 200.0, "mix": -100.0, "price": 40.0, "new_products": 70.0,
                               "dropped_products": -50.0, "currency": 0.0, "end": 610.0}  # fmt: skip


def test_the_bridge_adds_up_to_the_cent_whatever_the_numbers():
    rng = np.random.default_rng(3)
    rows = [
        (f"P{i % 9}", f"{2025 + i % 2}-10-05", int(rng.integers(1, 90)), round(float(rng.lognormal(8, 1)), 2))
        for i in range(200)
    ]
    found = kpi.pvm.bridge(sold(rows), [OCTOBER - 12], [OCTOBER])
    cents = (found["amount"] * 100).round().astype(int)
    assert cents.iloc[:-1].sum() == cents.iloc[-1]


def test_currency_stands_apart_from_price():
    rows = sold([("A", "2025-10-05", 10, 700.0), ("A", "2026-10-05", 10, 720.0)]).assign(
        currency="USD", amount_original=[100.0, 100.0]
    )
    lines = kpi.pvm.bridge(rows, [OCTOBER - 12], [OCTOBER]).set_index("line")["amount"]
    assert lines["currency"] == 20.0 and lines["price"] == 0.0 and lines["volume"] == 0.0


def test_without_lines_a_deal_is_a_quantity_of_one():
    table = deals(opportunity_id=["a", "b"], status=["won", "won"], amount=[10.0, 30.0], product=["A", "A"],
                  closed_on=["2025-10-05", "2026-10-05"])  # fmt: skip
    made, basis = kpi.pvm.sales(table, examples.canonical("order_lines", {}), examples.canonical("orders", {}))
    lines = kpi.pvm.bridge(made, [OCTOBER - 12], [OCTOBER]).set_index("line")["amount"]
    assert basis == "deals" and lines["price"] == 20.0 and lines["volume"] == 0.0


def test_velocity_splits_exactly():
    a = {"open_deals": 60.0, "mean_amount": 900.0, "win_rate": 0.31, "cycle_days": 47.0}
    b = {"open_deals": 53.0, "mean_amount": 1010.0, "win_rate": 0.28, "cycle_days": 61.0}
    for told in (a, b):
        told["velocity"] = told["open_deals"] * told["mean_amount"] * told["win_rate"] / told["cycle_days"]
    found = kpi.velocity.decomposition(a, b).set_index("factor")["log_effect"]
    assert found.drop("velocity").sum() == pytest.approx(found["velocity"], abs=1e-12)
    assert found["cycle_days"] < 0  # a longer cycle slows


def test_velocity_without_a_win_is_undefined():
    empty = {"open_deals": 5.0, "mean_amount": math.nan, "win_rate": 0.0, "cycle_days": math.nan, "velocity": math.nan}
    assert kpi.velocity.decomposition(empty, empty)["log_effect"].isna().all()


def test_days_to_close_are_never_negative():
    table = deals(opportunity_id=["a", "b"], status=["won", "won"], amount=[1.0, 1.0],
                  created_at=["2026-10-10", "2026-10-01"], closed_on=["2026-10-05", "2026-10-11"])  # fmt: skip
    assert kpi.velocity.factors(table, OCTOBER)["cycle_days"] == 10.0


def test_coverage_divides_by_what_is_left():
    table = deals(opportunity_id=list("abc"), status=["won", "open", "open"], amount=[400.0, 1000.0, 500.0],
                  closed_on=["2026-10-05", None, None], created_at=["2026-08-01"] * 3,
                  expected_close=["2026-10-05", "2026-11-05", "2026-12-05"])  # fmt: skip
    plan = examples.canonical(
        "targets", {"period": ["2026Q4"], "level": ["company"], "measure": ["bookings"], "amount": [1000.0]}
    )
    row = kpi.coverage.coverage(table, examples.canonical("stage_events", {}), plan, as_of=END).iloc[0]
    assert row["coverage"] == 2.5 and math.isnan(row["coverage_needed"])  # no past to learn the need from


def test_retention_of_a_frozen_cohort_by_hand():
    rows = [("a", "2025-01-05", 100.0), ("a", "2026-01-05", 80.0), ("b", "2025-02-05", 100.0), ("b", "2026-02-05", 150.0),
            ("c", "2025-03-05", 50.0), ("d", "2026-03-05", 999.0)]  # fmt: skip
    bought = pd.DataFrame(rows, columns=["account_id", "on", "amount"]).assign(on=lambda d: pd.to_datetime(d["on"]))
    found = kpi.retention.retention(bought, parse_period("2026-12"))
    assert found["start"] == 250 and found["churn"] == 50 and found["contraction"] == 20 and found["expansion"] == 50
    assert found["grr"] == pytest.approx(180 / 250) and found["nrr"] == pytest.approx(
        230 / 250
    )  # d is new: it hides nothing
    assert math.isnan(kpi.retention.retention(bought[bought["on"] > "2025-12-31"], parse_period("2026-12"))["grr"])


def test_a_month_is_held_against_the_month_before_with_the_luck_of_both():
    days = pd.to_datetime(["2026-09-05"] * 20 + ["2026-10-05"] * 30)
    facts = {"bookings": pd.DataFrame({"on": days, "value": 10.0, "weight": np.nan})}
    empty = {name: examples.canonical(name, {}) for name in ("targets", "market")}
    covered = pd.DataFrame(columns=list(kpi.coverage.COLUMNS))
    card = kpi.scorecard.scorecard(facts, deals(opportunity_id=[]), pd.DataFrame({"account_id": [], "on": pd.to_datetime([]), "amount": []}),
                                   empty["targets"], empty["market"], covered, period=OCTOBER).set_index("measure")  # fmt: skip
    row = card.loc["bookings"]
    assert (row["value"], row["change"], row["n"]) == (300.0, 100.0, 30)
    assert row["verdict"] == "no_change"  # 20 and 30 deals: 30 - 20 is 1.4 of sqrt(50)
    assert card.loc[["win_rate_value", "velocity", "grr", "coverage", "market_share"], "value"].isna().all()
    assert row["year_verdict"] == "unknown"


def test_the_luck_of_a_sum_shrinks_with_the_root_of_the_count():
    value, n, low, high = kpi.scorecard.total(np.full(100, 2.0))
    assert (value, n) == (200.0, 100) and low == pytest.approx(200 * math.exp(-1.96 / 10), rel=1e-3)
    assert high == pytest.approx(200 * math.exp(1.96 / 10), rel=1e-3)


def test_market_share_is_over_the_same_segment_and_stretch():
    table = deals(opportunity_id=["a", "b", "c"], status=["won"] * 3, amount=[10.0, 20.0, 40.0], segment=["S", "S", "L"],
                  closed_on=["2025-03-01", "2026-03-01", "2025-05-01"])  # fmt: skip
    market = examples.canonical("market", {"period": ["2025", "2026"], "segment": ["S", "S"], "size": [100.0, 200.0]})
    assert kpi.scorecard.market_share(table, market, OCTOBER)[0] == 0.1  # 2026 is not over
    assert math.isnan(kpi.scorecard.market_share(table, market.head(0), OCTOBER)[0])


def test_the_attainment_bridge_adds_up_to_the_cent():
    rng = np.random.default_rng(5)
    n = 400
    created = pd.Timestamp("2025-07-01") + pd.to_timedelta(rng.integers(0, 480, n), unit="D")
    closed = created + pd.to_timedelta(rng.integers(5, 90, n), unit="D")
    done = closed <= pd.Timestamp(END)
    status = np.where(~done, "open", np.where(rng.random(n) < 0.4, "won", "lost"))
    table = deals(opportunity_id=[str(i) for i in range(n)], status=status, amount=rng.lognormal(8, 0.5, n).round(2),
                  created_at=created, closed_on=pd.Series(closed).where(done))  # fmt: skip
    found = kpi.attain.bridge(table, target=50_000.0, period=OCTOBER)
    cents = (found["amount"] * 100).round().astype(int)
    won = table[(table["status"] == "won") & (table["closed_on"] >= "2026-10-01")]["amount"].sum()
    assert cents.iloc[:-1].sum() == cents.iloc[-1] == round(100 * won)
    assert kpi.attain.bridge(table, target=math.nan, period=OCTOBER).empty
