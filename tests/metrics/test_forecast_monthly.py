"""The company's and its parts' monthly series: what counts where, parts that make the whole, what is said about them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from salesloop.messages import Text
from salesloop.metrics import forecast
from salesloop.metrics.forecast import monthly, outlook, say
from tests.metrics.pipeline_company import company

AS_OF = dt.date(2026, 10, 31)


def deals(rows) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["status", "created_at", "closed_on", "amount", "team", "product"])
    return made.assign(created_at=pd.to_datetime(made["created_at"]), closed_on=pd.to_datetime(made["closed_on"]))


def test_months_without_a_win_are_zero_from_the_first_deal_on_and_what_has_no_name_is_a_part():
    given = deals([
        ("won", "2026-06-02", "2026-06-20", 10.0, "A", "x"), ("won", "2026-06-05", "2026-08-01", 30.0, "A", None),
        ("lost", "2026-08-05", "2026-08-09", 99.0, "B", "x"), ("won", "2026-09-01", "2026-10-03", 5.0, "B", "x"),
        ("open", "2026-05-01", None, 70.0, "B", "x"), ("won", "2026-10-01", "2026-11-05", 5.0, "B", "x"),
    ])  # fmt: skip
    rows = monthly.panel(given, until=pd.Period("2026-10"))
    told = {
        (level, name): part["value"].tolist() for (level, name), part in rows.groupby(["level", "name"], dropna=False)
    }
    keys = {key if isinstance(key[1], str) else (key[0], None): value for key, value in told.items()}
    assert keys == {
        ("company", None): [10, 0, 30, 0, 5], ("team", "A"): [10, 0, 30, 0, 0], ("team", "B"): [0, 0, 0, 0, 5],
        ("product", "x"): [10, 0, 0, 0, 5], ("product", "-"): [0, 0, 30, 0, 0],
    }  # fmt: skip
    assert rows["period"].min() == pd.Period("2026-06")


def test_a_part_begins_with_its_first_deal_and_ends_with_a_year_of_nothing():
    given = deals([
        ("won", "2025-01-02", "2025-02-01", 10.0, "A", None), ("won", "2025-01-02", "2025-03-01", 10.0, "gone", None),
        ("lost", "2026-04-02", "2026-05-01", 10.0, "new", None), ("won", "2026-05-02", "2026-08-01", 10.0, "new", None),
        ("won", "2025-01-02", "2026-09-01", 10.0, "A", None),
    ])  # fmt: skip
    rows = monthly.panel(given, until=pd.Period("2026-10"))
    begun = rows[rows["level"] == "team"].groupby("name")["period"].min().astype(str).to_dict()
    assert begun == {"A": "2025-02", "new": "2026-04"}


@pytest.fixture(scope="module")
def told():
    found, events, as_of = company(months=30, per_month=25, seed=11)
    rng = np.random.default_rng(1)
    found["rep"] = found["owner_id"]
    found["team"] = found["owner_id"].map({"r0": "A", "r1": "A", "r2": "B", "r3": "B", "r4": "B"})  # r5 has none
    found["segment"] = rng.choice(["large", "small"], len(found))
    return found, events, as_of, monthly.forecast(found, as_of=as_of, horizon=12, country="CN")


def test_the_parts_of_each_level_add_up_to_the_company_to_the_cent(told):
    table = told[3].table
    cents = (table["mean"] * 100).round().astype("int64")
    assert (table["mean"] * 100).to_numpy() == pytest.approx(cents.to_numpy(), abs=1e-4)
    sums = cents.groupby([table["level"], table["period"]]).sum().unstack(0)
    assert set(sums) == {"company", "team", "rep", "product", "segment"}
    assert (sums.sub(sums["company"], axis=0) == 0).all().all()
    assert set(table.loc[table["level"] == "team", "name"]) == {"A", "B", "-"}


def test_the_errors_of_the_past_are_those_that_were_made_then(told):
    found, _, as_of, now = told
    day = (pd.Timestamp(as_of) - pd.offsets.MonthEnd(4)).date()
    late = found["closed_on"] > pd.Timestamp(day)
    then = monthly.forecast(
        found.assign(status=found["status"].where(~late, "open")), as_of=day, horizon=3, country="CN"
    )
    made = now.errors[now.errors["made_in"] == pd.Period(day, "M")].set_index("period")["forecast"]
    # but for the weights of the entrants, which see other parts of the panel then
    assert then.company["mean"].to_numpy() == pytest.approx(made.to_numpy()[:3], rel=0.01)


def test_the_back_test_and_the_outlook_take_the_panels_forecast(told):
    found, events, as_of, now = told
    period = pd.Period(as_of, "M")
    stages = pd.DataFrame({"stage": [], "kind": []})
    errors = forecast.tested(found, events, stages, period=period, state_known="dates", country="CN", told=now)
    mine = errors[errors["method"] == "series"].sort_values(["made_in", "period"])
    theirs = now.errors[(now.errors["lead_months"] <= 3) & (now.errors["made_in"] >= period - 9)]
    assert mine["forecast"].to_numpy() == pytest.approx(
        theirs.sort_values(["made_in", "period"])["forecast"].to_numpy()
    )
    drawn = forecast.draw(found, events, stages, as_of=as_of, state_known="dates", country="CN", n=4000)
    nothing = replace(drawn, amount=np.zeros_like(drawn.amount))
    history = forecast.monthly_bookings(found, period)
    shares = np.full(len(nothing.owners), 1 / len(nothing.owners))
    made = outlook.join(nothing, history, {}, shares=shares, country="CN", ahead=now.company)
    assert made.basis == "series"
    assert made.narrow == ()
    total = made.draws.total()[0]
    assert np.quantile(total, [0.025, 0.1, 0.9]) == pytest.approx(now.company.loc[0, ["p2_5", "p10", "p90"]].astype(float), rel=0.02, abs=50)  # fmt: skip


def test_draws_of_a_series_follow_its_quantiles():
    normal = pd.DataFrame(
        [{"p2_5": 80.4, "p10": 87.18, "p25": 93.26, "p50": 100.0, "p75": 106.74, "p90": 112.82, "p97_5": 119.6}]
    )
    made = monthly.sampled(normal, 4001, seed=3)[0]
    assert made.mean() == pytest.approx(100, abs=0.1)
    assert made.std() == pytest.approx(10, abs=0.3)  # the quantiles are those of a normal with mean 100 and sd 10
    unknown = normal.assign(p2_5=np.nan, p97_5=np.nan)
    assert monthly.sampled(unknown, 4001, seed=3)[0].std() == pytest.approx(10, abs=0.4)
    assert monthly.sampled(normal - 100, 101, seed=3).min() == 0


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_was_done_is_said_in_both_languages(told, lang):
    text = Text(lang, "CNY")
    said = {message for message, _ in say.series(told[3])}
    assert said == {"forecast.series_used", "forecast.series_stack_few", "forecast.series_95"}
    assert all(text.t(message, **values) for message, values in say.series(told[3]))
    used = text.t("forecast.series_used", **dict(say.series(told[3]))["forecast.series_used"])
    assert "Holt-Winters" in used
    found = told[0]
    early = monthly.forecast(found, as_of=dt.date(2024, 4, 12), horizon=3, country="CN")
    messages = [message for message, _ in say.series(early)]
    part = [values for message, values in say.series(replace(early, company=early.company.assign(p2_5=[0.0, np.nan, 0.0])))
            if message == "forecast.series_95_near"]  # fmt: skip
    assert [values["leads"] for values in part] == [1]
    assert text.t("forecast.series_95_near", **part[0])
    assert "forecast.series_80" in messages
    assert "forecast.series_incomplete" in messages
    assert {monthly.tier(n) for n in (50, 30, 13, 7, 4, 2, 0)} == {f"history_{n}" for n in monthly.TIERS}
    assert all(text.has(f"forecast.history_{n}") for n in monthly.TIERS)


@pytest.mark.parametrize("rows", [[], [("open", "2026-05-01", None, 70.0, "B", "x")], [("won", None, "2026-10-03", np.nan, None, None)],
                                  [("won", None, "2026-10-03", 7.0, None, None)]])  # fmt: skip
def test_a_book_with_next_to_nothing_has_next_to_nothing_to_tell(rows):
    made = monthly.forecast(deals(rows), as_of=AS_OF, horizon=2, country=None)
    one = len(rows) > 0 and rows[0][3] == 7.0
    assert made.company["mean"].tolist() == ([7.0, 7.0] if one else [])
    assert len(monthly.shown(made)) == int(one)
    assert made.errors.empty
    assert [message for message, _ in say.series(made)][:1] == (["forecast.series_used"] if one else [])
    assert len(forecast.monthly_bookings(deals(rows), pd.Period("2026-10"))) == int(one)


def test_graded_months_move_the_entrants_weights_from_the_back_tests(told):
    made = told[3]
    nothing = monthly.learned(made, [])
    assert nothing.n == 0
    assert nothing.value["1"] == pytest.approx(made.weights["1"], abs=1e-4)
    month = str(made.entrants["made_in"].max())
    one = made.entrants[(made.entrants["made_in"].astype(str) == month) & (made.entrants["lead_months"] == 1)]
    squared = ((one["forecast"] - one["actual"]) ** 2).to_numpy()
    inverse = 1 / np.maximum(squared, 0.05 * squared.mean())
    wanted = 12 / 13 * np.array([made.weights["1"][name] for name in one["method"]]) + inverse / inverse.sum() / 13
    learned = monthly.learned(made, [month])
    assert learned.n == 1
    assert [learned.value["1"][name] for name in one["method"]] == pytest.approx(wanted, abs=1e-4)
    assert set(learned.value) == {"1", "2", "3"}


def test_learned_weights_are_used_and_nonsense_is_not(told):
    found, _, as_of, made = told
    facts = {"as_of": as_of, "horizon": 3, "country": "CN"}
    given = {"1": {"theta": 1.0, "damped": 0.0, "holt_winters": 0.0}}
    moved = monthly.forecast(found, weights=given, **facts)
    assert moved.weights == monthly.forecast(found, **facts).weights  # the back-test's own stay
    assert abs(moved.company["mean"][0] / made.company["mean"][0] - 1) > 1e-5
    for wrong in ({"1": {"theta": 1.0}}, {"x": given["1"]}, {"99": given["1"]}, {"1": dict.fromkeys(given["1"], 0.0)}):
        same = monthly.forecast(found, weights=wrong, **facts)
        assert same.company["mean"].to_numpy() == pytest.approx(made.company["mean"].to_numpy()[:3])
