"""Slips, leads, timing, drivers, opportunities and event logs against numbers worked by hand and public data."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from salesloop.metrics.bottlenecks import drivers, eventlog, gains, leads, slips, split_by, timing

DAY = pd.to_datetime
MAVEN_KINDS = ["rep", "product", "team", "region", "industry", *timing.PATTERNS]


@pytest.fixture(scope="module")
def promises():
    """Four deals due in June: a is won in time, b moves to July, c moves twice, d stays overdue."""
    deals = pd.DataFrame({
        "opportunity_id": list("abcd"), "status": ["won", "won", "lost", "open"], "amount": [100.0, 200.0, 300.0, 400.0],
        "created_at": DAY(["2026-05-01"] * 4), "closed_on": DAY(["2026-06-20", "2026-07-10", "2026-08-15", None]),
        "expected_close": DAY(["2026-06-20", "2026-07-10", "2026-08-31", "2026-06-25"]),
    })  # fmt: skip
    rows = [("a", "2026-05-01", "2026-06-25"), ("b", "2026-05-01", "2026-06-25"), ("c", "2026-05-01", "2026-06-25"),
            ("d", "2026-05-01", "2026-06-25"), ("b", "2026-06-24", "2026-07-10"), ("c", "2026-06-24", "2026-07-31"),
            ("c", "2026-07-30", "2026-08-31")]  # fmt: skip
    events = pd.DataFrame(rows, columns=["opportunity_id", "at", "expected_close"])
    return deals, events.assign(at=DAY(events["at"]), expected_close=DAY(events["expected_close"]))


def test_slips_by_count_and_value(promises):
    table = slips.slips(*promises, as_of=dt.date(2026, 8, 31)).set_index("period")
    june, july = table.loc["2026-06"], table.loc["2026-07"]
    assert june[["n", "slipped", "overdue"]].tolist() == [4, 2, 1]
    assert june[["due_amount", "slipped_amount", "rate_value"]].tolist() == [1000.0, 500.0, 0.5]
    assert july[["n", "slipped", "rate"]].tolist() == [2, 1, 0.5]


def test_pushes_count_moves_to_a_later_month(promises):
    deals, events = promises
    counts = slips.pushes(deals, events, as_of=dt.date(2026, 8, 31))
    assert counts.to_dict() == {"a": 0, "b": 1, "c": 2, "d": 0}
    assert slips.again(counts, deals) | {"low": 0, "high": 0} == {"n": 2, "rate": 0.5, "low": 0, "high": 0}
    assert slips.by_pushes(counts, deals)["win_rate"].tolist()[1:] == [1.0, 0.0]


def test_without_a_history_of_close_dates_no_slip_is_told(promises):
    deals, events = promises
    bare = events.drop(columns="expected_close")
    assert slips.slips(deals, bare, as_of=dt.date(2026, 8, 31)).empty
    assert np.isnan(slips.at_risk(deals, pd.DataFrame(), as_of=dt.date(2026, 8, 31))["rate"])


NO_DEALS = pd.DataFrame({"lead_id": pd.Series(dtype=object), "created_at": pd.Series(dtype="datetime64[us]")})


def lead_table(n=40):
    made = pd.DataFrame({"lead_id": [f"l{i}" for i in range(n)], "created_at": DAY("2026-01-01")})
    for column in ("converted_at", "closed_at", "first_response_at"):
        made[column] = pd.Series(pd.NaT, index=made.index, dtype="datetime64[us]")
    made.loc[: n // 4 - 1, "converted_at"] = DAY("2026-01-11")
    made.loc[n // 2 :, "closed_at"] = DAY("2026-02-01")
    for column in ("lead_source", "sales_channel", "region", "opportunity_id", "converted", "attempts"):
        made[column] = None
    return made


def test_leads_convert_with_those_still_open_as_open():
    """10 of 40 convert, 20 are closed, 10 are open to the end: a quarter by day 90."""
    table = leads.leads(lead_table(), NO_DEALS, as_of=dt.date(2026, 6, 30))
    assert table.loc[0, ["n", "converted"]].tolist() == [40, 10]
    assert table.loc[0, "conversion"] == pytest.approx(0.25)
    assert np.isnan(table.loc[0, "response_hours"])


def test_a_lead_that_a_deal_names_is_not_lost():
    deals = pd.DataFrame({"lead_id": ["l30"], "created_at": DAY(["2026-01-20"])})
    table = leads.leads(lead_table(), deals, as_of=dt.date(2026, 6, 30))
    assert table.loc[0, "converted"] == 11


def test_response_time_counts_leads_without_an_answer():
    """30 of 40 are answered after 5 hours: the median is 5, a quarter waits."""
    known = lead_table()
    known.loc[:29, "first_response_at"] = DAY("2026-01-01 05:00")
    table = leads.leads(known, NO_DEALS, as_of=dt.date(2026, 6, 30))
    assert table.loc[0, ["response_hours", "unanswered"]].tolist() == [5.0, 0.25]


def test_maven_shows_its_timing_and_names_nobody(shared_data):
    folder = shared_data / "crm_maven"
    sales = pd.read_csv(folder / "sales_pipeline.csv").merge(pd.read_csv(folder / "sales_teams.csv"), how="left")
    sales = sales.merge(pd.read_csv(folder / "accounts.csv"), on="account", how="left")
    deals = pd.DataFrame({
        "status": sales["deal_stage"].map({"Won": "won", "Lost": "lost"}).fillna("open"), "created_at": DAY(sales["engage_date"]),
        "closed_on": DAY(sales["close_date"]), "rep": sales["sales_agent"], "product": sales["product"], "team": sales["manager"],
        "region": sales["regional_office"], "industry": sales["sector"], "amount": sales["close_value"],
    })  # fmt: skip
    table = timing.win_rates(timing.closed(deals), MAVEN_KINDS)
    assert set(table.loc[table["flagged"], "kind"]) == {"month_in_quarter", "cycle_days"}
    rate = table.set_index("level")["win_rate"]
    assert [round(100 * rate[f"m_{i}"], 1) for i in (1, 2, 3)] == [49.0, 54.7, 80.7]
    assert round(100 * rate["d_0_14"]) in (55, 56)
    assert rate[["d_15_30", "d_31_60", "d_61_90", "d_91_180"]].between(0.62, 0.76).all()
    assert table.set_index("level").loc["d_0_14", "flagged"]
    better = gains.better_segments(deals, ["product", "region", "industry"], as_of=dt.date(2017, 12, 31))
    assert "GTX Plus Pro" in better["segment"].tolist()  # dearer, and won as often as the others
    assert not better["told"].any()


def log_of(shared_data, name):
    raw = pd.read_csv(shared_data / "events" / f"{name}.csv.gz")
    at = pd.to_datetime(raw["time:timestamp"], utc=True, format="ISO8601")
    return pd.DataFrame({"case": raw["case:concept:name"], "step": raw["concept:name"], "at": at})


def test_helpdesk_waits_after_a_ticket_is_resolved(shared_data):
    log = log_of(shared_data, "helpdesk")
    steps = eventlog.slow_steps(log)
    assert len(log) == 21_348
    assert steps["step"].head(4).tolist() == ["Resolve ticket", "Assign seriousness", "Take in charge ticket", "Wait"]
    assert 0.65 < steps.loc[0, "waiting_share"] < 0.75
    assert steps["censored"].sum() > 0
    waits = eventlog.waits(log)
    ended = waits.groupby("case")["ended"].all()
    total = waits[waits["case"].isin(ended[ended].index)].groupby("case")["days"].sum()
    span = log.groupby("case")["at"].agg(lambda at: (at.max() - at.min()).total_seconds() / 86400)
    assert total.sum() == pytest.approx(span[total.index].sum())


def test_receipt_waits_by_name_with_the_cases_still_open(shared_data):
    steps = eventlog.slow_steps(log_of(shared_data, "receipt"))
    assert steps["step"].head(2).tolist() == ["T05 Print and send confirmation of receipt", "Confirmation of receipt"]
    assert steps.loc[0, "censored"] == 400
    assert steps["waiting_share"].sum() == pytest.approx(1.0)


def test_receipt_with_the_days_on_which_cases_ended(shared_data):
    """93 % of the cases have an end date: the last step waits until then, and only the others are still open."""
    raw = pd.read_csv(shared_data / "events" / "receipt.csv.gz")
    log = log_of(shared_data, "receipt").assign(
        ended_at=pd.to_datetime(raw["case:enddate"], utc=True, format="ISO8601")
    )
    steps = eventlog.slow_steps(log)
    still_open = raw.groupby("case:concept:name")["case:enddate"].apply(lambda ends: ends.isna().all()).sum()
    assert steps["censored"].sum() == still_open == 105
    assert steps["waiting_share"].sum() == pytest.approx(1.0)


def closed_deals(n=400, seed=1):
    rng = np.random.default_rng(seed)
    good = rng.random(n) < 0.5
    won = rng.random(n) < np.where(good, 0.6, 0.3)
    return pd.DataFrame({
        "opportunity_id": [f"d{i}" for i in range(n)], "status": np.where(won, "won", "lost"), "closed_on": DAY("2026-05-01"),
        "created_at": DAY("2026-04-01"), "source": np.where(good, "referral", "fair"), "noise": rng.choice(list("xyz"), n),
        "amount": 100.0, "type": "new", "account_id": [f"a{i}" for i in range(n)], "product": "P",
    })  # fmt: skip


def test_drivers_find_the_factor_and_no_other():
    table = drivers.drivers(closed_deals(), ["source", "noise"]).set_index("level")
    assert table["told"].to_dict() == {"referral": True, "fair": True, "x": False, "y": False, "z": False}
    assert table.loc["referral", "effect"] == pytest.approx(0.15, abs=0.06)
    assert table.loc["referral", "effect_low"] > 0 > table.loc["fair", "effect_high"]


def test_few_closed_deals_are_taken_one_factor_at_a_time():
    table = drivers.drivers(closed_deals(60), ["source", "noise"])
    assert (table["effect_high"] - table["effect_low"]).min() > 0.15
    assert table["effect"].abs().max() < 0.4


def test_missing_reasons_are_counted():
    deals = closed_deals(10).assign(status="lost", loss_reason=["price"] * 3 + [None] * 7, competitor=None)
    table, missing = drivers.reasons(deals, as_of=dt.date(2026, 6, 30))
    assert table[["name", "n", "share"]].to_numpy().tolist() == [["price", 3, 1.0]]
    assert missing == {"loss_reason": 0.7, "competitor": 1.0}


def test_a_better_segment_is_worth_what_arithmetic_says():
    """40 deals were created in the last quarter; a tenth is 4; the better half pays 60 - 45 = 15 more than the mean."""
    deals = pd.DataFrame({"status": (["won"] * 6 + ["lost"] * 4) * 20 + (["won"] * 3 + ["lost"] * 7) * 20, "amount": 100.0,
                          "source": ["good"] * 200 + ["poor"] * 200, "closed_on": DAY("2026-05-01"), "created_at": DAY("2025-01-01"),
                          "account_id": None, "product": None, "type": "new"})  # fmt: skip
    deals.loc[:39, "created_at"] = DAY("2026-05-01")
    table = gains.better_segments(deals, ["source"], as_of=dt.date(2026, 6, 30))
    assert table["segment"].tolist() == ["good"]
    assert table.loc[0, "money"] == pytest.approx(4 * 15.0)
    assert table.loc[0, "money_low"] > 0
    assert table.loc[0, "told"]


def test_cross_selling_by_hand():
    """60 owned A a year ago, 15 bought B since; 45 still lack it: 0.25 x 45 / 4 quarters x 200."""
    first = pd.DataFrame(
        {"account_id": [f"a{i}" for i in range(60)], "product": "A", "amount": 50.0, "closed_on": DAY("2025-01-10")}
    )
    second = pd.DataFrame(
        {"account_id": [f"a{i}" for i in range(15)], "product": "B", "amount": 200.0, "closed_on": DAY("2026-01-10")}
    )
    table = gains.cross_sell(pd.concat([first, second]).assign(status="won"), as_of=dt.date(2026, 6, 30))
    assert table[["segment", "n", "rate"]].to_numpy().tolist() == [["A > B", 45, 0.25]]
    assert table.loc[0, "money"] == pytest.approx(0.25 * 45 / 4 * 200)


def test_two_names_of_one_split_are_searched_once():
    deals = pd.DataFrame({"segment": ["S", "L"] * 50, "size": ["1-9", "10+"] * 50, "team": ["a", "b", "b", "a"] * 25})
    assert split_by(deals, ["segment", "size", "team"]) == ["segment", "team"]
