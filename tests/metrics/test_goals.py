"""Targets judged: numbers worked by hand."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest

from salesloop.metrics import goals
from salesloop.metrics.goals import ahead, capacity, judge, parts, plan, recovery, smart
from salesloop.metrics.goals.ground import Ground
from salesloop.params import Measure

OCT = pd.Period("2026-10", "M")
COLUMNS = ["period", "level", "name", "measure", "tier", "basis", "amount", "against", "objective", "valid_from"]


def targets(*rows):
    full = [{"level": "company", "measure": "bookings", "tier": "base", "basis": "amount", **row} for row in rows]
    made = pd.DataFrame(full).reindex(columns=COLUMNS)
    made["valid_from"] = pd.to_datetime(made["valid_from"])
    return made


def facts(measure):
    """Return 100 a month from 2024 on, 60 of it Ann's in team A; 10 new customers a month; half of 40 deals won."""
    days = [pd.Timestamp(f"{m}-15") for m in pd.period_range("2024-01", OCT, freq="M")]
    if measure == "bookings":
        rows = [
            (d, v, np.nan, rep, team, "N") for d in days for v, rep, team in ((60.0, "Ann", "A"), (40.0, "Bob", "B"))
        ]
    elif measure == "new_customers":
        rows = [(d, 1.0, np.nan, "Ann", "A", "N") for d in days for _ in range(10)]
    elif measure == "win_rate":
        rows = [(d, float(i % 2), 1.0, "Ann", "A", "N") for d in days for i in range(40)]
    else:
        rows = []
    return pd.DataFrame(rows, columns=["on", "value", "weight", "rep", "team", "region"]).astype(
        {"on": "datetime64[us]"}
    )


def draws(n=4):
    """Return bookings of Nov and Dec: company 100, 110, 120, 130 a month in draws 0 to 3; Ann 60 of each."""
    rows = [
        (d, rep, rep, team, "N", month, "pipeline", value)
        for d in range(n)
        for month in ("2026-11", "2026-12")
        for rep, team, value in (("Ann", "A", 60.0), ("Bob", "B", 40.0 + 10 * d))
    ]
    return pd.DataFrame(rows, columns=["draw", "owner_id", "rep", "team", "region", "period", "part", "amount"])


def land(**changes):
    names = {"region": frozenset({"N"}), "team": frozenset({"A", "B"}), "rep": frozenset({"Ann", "Bob", "Cid"})}
    base = {"period": OCT, "as_of": dt.date(2026, 10, 31), "facts": facts, "draws": draws(), "names": names, "n_draws": 4,
            "departed": frozenset({"Cid"})}  # fmt: skip
    return Ground(**(base | changes))


def judged(*rows, **changes):
    ground = land(**changes)
    told, issues = plan.read(targets(*rows), ground=ground)
    return judge.judge(told, ground, locked=[]), issues, told


def test_p_hit_is_won_so_far_plus_the_draws():
    row = judged({"period": "2026Q4", "amount": 330.0})[0].iloc[0]
    assert row["actual_to_date"] == 100.0
    assert row["p_hit"] == 0.5  # finals are 300, 320, 340, 360
    assert row["baseline"] == 330.0
    assert row["need_50"] == 0.0
    assert row["verdict"] == "on_course"


def test_what_it_takes_moves_the_chance_there():
    row = judged({"period": "2026-11", "amount": 125.0})[0].iloc[0]
    assert row["p_hit"] == 0.25
    assert row["need_50"] == pytest.approx(125 - 115)
    assert row["need_80"] == pytest.approx(125 - 106)


@pytest.mark.parametrize(("amount", "tier", "verdict"), [
    (100.0, "base", "no_stretch"), (131.0, "base", "not_credible"), (125.0, "base", "at_risk"),
    (125.0, "stretch", "on_course"), (115.0, "base", "on_course"),
])  # fmt: skip
def test_verdicts_follow_the_bands(amount, tier, verdict):
    assert judged({"period": "2026-11", "amount": amount, "tier": tier})[0]["verdict"].tolist() == [verdict]


def test_a_target_in_the_past_is_met_or_missed():
    table = judged({"period": "2026-09", "amount": 100.0}, {"period": "2026-10", "amount": 100.01})[0]
    assert table.set_index("period")["verdict"].to_dict() == {"2026-09": "met", "2026-10": "missed"}
    assert table["p_hit"].isna().all()


def test_a_team_and_a_rep_have_their_own_draws():
    table = judged({"period": "2026-11", "level": "team", "name": "b", "amount": 55.0},
                   {"period": "2026-11", "level": "rep", "name": " ann ", "amount": 60.0})[0]  # fmt: skip
    told = table.set_index("name")["p_hit"].to_dict()
    assert told == {"B": 0.5, "Ann": 1.0}


def test_months_add_up_to_their_quarter():
    table = judged(*({"period": f"2026-{m}", "amount": 110.0} for m in (10, 11, 12)))[0]
    quarter = table[table["period"] == "2026Q4"].iloc[0]
    assert quarter["derived"]
    assert quarter["amount"] == 330.0
    assert quarter["p_hit"] == 0.5


@pytest.mark.parametrize(
    ("against", "amount"), [("2025", 1440.0), ("last_year", 120.0), ("previous", 120.0), ("2025Q4", 360.0)]
)
def test_growth_is_resolved_against_its_named_base(against, amount):
    row = {"period": "2026-11", "basis": "growth", "amount": 0.2, "against": against}
    assert judged(row)[0]["amount"].iloc[0] == pytest.approx(amount)


@pytest.mark.parametrize(("row", "issue"), [
    ({"period": "2026-11", "amount": -5.0}, "negative"),
    ({"period": "2026-11", "amount": None}, "no_amount"),
    ({"period": "spring", "amount": 5.0}, "period_unreadable"),
    ({"period": "2026-11", "level": "rep", "name": "Zoe", "amount": 5.0}, "unknown_rep"),
    ({"period": "2026-11", "level": "rep", "name": "Cid", "amount": 5.0}, "departed_rep"),
    ({"period": "2026-11", "level": "team", "amount": 5.0}, "no_name"),
    ({"period": "2026-11", "measure": "luck", "amount": 5.0}, "unknown_measure"),
    ({"period": "2026-11", "basis": "growth", "amount": 0.2}, "base_missing"),
    ({"period": "2026-11", "basis": "growth", "amount": 0.2, "against": "2020"}, "base_before_data"),
    ({"period": "2026-12", "basis": "growth", "amount": 0.2, "against": "2026-11"}, "base_not_over"),
    ({"period": "2026-11", "basis": "growth", "amount": 20.0, "against": "last_year"}, "growth_large"),
    ({"period": "2026-11", "amount": 5.0, "valid_from": "2027-01-01"}, "not_yet_valid"),
    ({"period": "2026-11", "amount": 0.0}, "zero"),
    ({"period": "2026Q4", "measure": "win_rate", "amount": 65.0}, "not_a_share"),
    ({"period": "2026-11", "tier": "gold", "amount": 5.0}, "unknown_tier"),
    ({"period": "2027-11", "basis": "growth", "amount": 0.2, "against": "last_year"}, "base_not_over"),
])  # fmt: skip
def test_a_bad_row_is_named(row, issue):
    assert judged(row)[1]["issue"].tolist() == [issue]


def test_doubled_rows_are_named_and_the_later_counts():
    table, issues, _ = judged({"period": "2026-11", "amount": 5.0}, {"period": "2026-11", "amount": 7.0})
    assert issues["issue"].tolist() == ["doubled"]
    assert table["amount"].tolist() == [7.0]


def test_versions_keep_the_opening_amount():
    table = judged({"period": "2026Q4", "amount": 300.0, "valid_from": "2026-01-01"},
                   {"period": "2026Q4", "amount": 350.0, "valid_from": "2026-10-20"})[0]  # fmt: skip
    assert table[["opening", "amount"]].iloc[0].tolist() == [300.0, 350.0]


def test_a_target_past_the_draws_asks_for_growth():
    row = judged({"period": "2027-2028", "amount": 2880.0})[0].iloc[0]
    assert row["verdict"] == "too_far"
    total = sum(100 * (1 + row["growth_needed"]) ** ((lead + 5.5) / 12) for lead in range(3, 27))
    assert total == pytest.approx(2880.0)


def test_other_measures_come_from_their_own_history():
    table = judged({"period": "2026-11", "measure": "new_customers", "amount": 10.0},
                   {"period": "2026-11", "measure": "win_rate", "amount": 0.5},
                   {"period": "2026-11", "measure": "csat", "amount": 0.8}, n_draws=4000, draws=draws(4))[0]  # fmt: skip
    told = table.set_index("measure")
    assert told.loc["new_customers", "p_hit"] == pytest.approx(0.54, abs=0.06)  # Poisson(10) at or above 10: 0.542
    assert told.loc["win_rate", "p_hit"] == pytest.approx(0.55, abs=0.06)  # half, and the even split counts
    assert told.loc["csat", "verdict"] == "not_measurable"


def test_market_share_needs_a_source():
    market = pd.DataFrame({"period": ["2026-11"], "segment": ["all"], "size": [1000.0], "source": ["survey"]})
    row = {"period": "2026-11", "measure": "market_share", "amount": 0.115}
    assert judged(row, market=market)[0]["p_hit"].tolist() == [0.5]
    assert judged(row, market=market.assign(source=None))[0]["verdict"].tolist() == ["not_measurable"]


def test_a_declared_measure_where_lower_is_better():
    visits = pd.DataFrame({"on": [pd.Timestamp("2026-10-10")] * 3, "value": [4.0, 5.0, 6.0], "weight": 1.0, "rep": "Ann",
                           "team": "A", "region": "N"})  # fmt: skip
    declared = {"delay": Measure(table="activities", date="done_at", column="minutes", how="mean", better="lower")}
    table = judged({"period": "2026-10", "measure": "delay", "amount": 5.0}, declared=declared, facts=lambda _: visits)[
        0
    ]
    assert table["verdict"].tolist() == ["met"]
    assert table["actual_to_date"].tolist() == [5.0]


def test_smart_says_why_a_letter_fails():
    table, issues, told = judged({"period": "2026-11", "amount": 115.0, "objective": "grow"},
                                 {"period": "2026-12", "amount": 500.0},
                                 {"period": "2026-12", "level": "rep", "name": "Zoe", "amount": 1.0, "objective": "fame"})  # fmt: skip
    audit = smart.audit(
        table, told, issues, pd.DataFrame(columns=list(parts.MISMATCH)), ground=land(), objectives={"grow"}
    )
    failed = audit[audit["ok"].isin([False])]
    assert sorted(failed["reason"]) == sorted([
        "goals.smart.a_not_credible", "goals.smart.r_no_objective", "goals.smart.s_unknown_rep", "goals.smart.m_no_data",
        "goals.smart.r_unknown_objective",
    ])  # fmt: skip


def test_parts_that_do_not_add_up_are_named():
    table = judged({"period": "2026-11", "amount": 100.0}, {"period": "2026-11", "level": "team", "name": "A", "amount": 70.0},
                   {"period": "2026-11", "level": "team", "name": "B", "amount": 20.0})[0]  # fmt: skip
    who = pd.DataFrame({"rep": ["Ann", "Bob"], "team": ["A", "B"], "region": ["N", "N"]})
    gap = parts.mismatches(table, who, since=OCT)
    assert gap[["whole", "parts", "difference"]].values.tolist() == [[100.0, 90.0, -10.0]]
    over = table.assign(amount=[100.0, 70.0, 50.0])
    assert parts.mismatches(over, who, since=OCT)["difference"].tolist() == [20.0]


def test_every_split_adds_up_and_equal_chance_is_equal():
    rng = np.random.default_rng(1)
    totals = np.round(np.vstack([rng.gamma(4, 50, 4000), rng.gamma(2, 300, 4000)]))
    rows = [(d, n, n, n, "N", "2026-11", "new", totals[i, d]) for i, n in enumerate(("A", "B")) for d in range(4000)]
    ground = land(draws=pd.DataFrame(rows, columns=draws().columns), n_draws=4000)
    who = pd.DataFrame({"rep": ["A", "B"], "team": ["A", "B"], "region": "N"})
    table = parts.split(700.0, [pd.Period("2026-11", "M")], "team", ground=ground, who=who)
    assert table.groupby("method")["amount"].sum().tolist() == [700.0] * 4
    chance = table[table["method"] == "equal_chance"]["p_hit"].tolist()
    assert chance[0] == pytest.approx(chance[1], abs=0.01)
    assert table[table["method"] == "equal"]["p_hit"].diff().abs().iloc[1] > 0.1
    history = table[table["method"] == "history"].set_index("name")[
        "amount"
    ]  # 720 and 480 shrunk by half a year of 600
    assert history.tolist() == [pytest.approx(700 * 1020 / 1800, abs=0.01), pytest.approx(700 * 780 / 1800, abs=0.01)]


def test_capacity_is_ramp_times_ramped_rep_months():
    people = pd.DataFrame({"rep": ["Ann", "Bob", "New"], "team": ["A", "B", "B"], "region": "N",
                           "began": pd.to_datetime([None, None, "2026-09-01"]), "ended": pd.to_datetime([None] * 3)})  # fmt: skip
    ground = land()
    table = capacity.capacity(judged({"period": "2026-11", "amount": 200.0})[0], people, ground=ground)
    row = table.iloc[0]
    # ramped: 12 months of 60 and of 40, each shrunk by six months of the mean 50: 56.67 and 43.33; starter: 3/6 of 50
    assert row["capacity"] == pytest.approx(56.6667 + 43.3333 + 0.5 * 50, abs=0.01)
    assert row["gap"] == pytest.approx(75.0, abs=0.01)
    assert row["gap_reps"] == pytest.approx(1.5, abs=0.001)


def test_kaplan_meier_by_hand():
    # Ramped after 2, 4, 4; left unramped after 3: 3/4 then 3/4 x 0/2
    told = capacity.kaplan_meier(np.array([2, 4, 4, 3]), np.array([True, True, True, False]), 4)
    assert told.tolist() == [1.0, 1.0, 0.75, 0.75, 0.0]


def test_recovery_of_a_locked_target():
    told, _ = plan.read(targets({"period": "2026-11", "amount": 131.0}), ground=land())
    table = judge.judge(told, land(), locked=[pd.Period("2026-11", "M")])
    deals = pd.DataFrame({"amount": [100.0], "p_win": [0.6], "p_win_in_period": [0.2], "team": "A", "region": "N"})
    lines = recovery.plan(table, deals, ground=land()).set_index("line")
    assert lines["gap"].tolist() == [16.0, 16.0]  # an even chance is at 115
    assert lines["amount"].to_dict() == {"pull_in": pytest.approx(40.0), "win_open": pytest.approx(40.0)}
    assert lines.loc["pull_in", "share"] == pytest.approx(0.4)


def test_counts_and_amounts_keep_mean_and_spread():
    rng = np.random.default_rng(2)
    made = ahead.counts(np.array([5.0, 15.0] * 6), 2.0, 20000, rng)
    assert made.mean() == pytest.approx(20.0, abs=0.2)
    assert made.var() == pytest.approx(2 * 27.27 + 4 * 27.27 / 12, rel=0.1)
    money = ahead.amounts(np.array([90.0, 110.0] * 6), 3.0, 20000, rng)
    assert money.mean() == pytest.approx(300.0, abs=1.0)
    assert (money >= 0).all()


def test_needs_in_deals_pipeline_and_win_rate():
    table = judged({"period": "2026-11", "amount": 125.0})[0]
    rates = {"size": 4.0, "win_rate": 0.2, "conversion_1": 0.25}
    needs = judge.needs(table, rates, land()).set_index("aim")
    assert needs.loc[0.5, "deals"] == 3  # 10 more at 4 each
    assert needs.loc[0.5, "pipeline"] == pytest.approx(40.0)
    assert needs.loc[0.5, "win_rate"] == pytest.approx(0.2 * 125 / 115)


def test_conversion_of_open_amount_by_hand():
    deals = pd.DataFrame({
        "status": ["won", "lost", "open"], "amount": [100.0, 100.0, 200.0],
        "created_at": pd.to_datetime(["2026-08-01", "2026-08-01", "2026-08-01"]),
        "closed_on": pd.to_datetime(["2026-10-10", "2026-10-20", None]),
    })  # fmt: skip
    rates = judge.past_rates(deals, land())
    assert rates["win_rate"] == 0.5
    # One month on: of 400 open end of August 0 was won in September, of 400 open end of September 100 in October
    assert rates["conversion_1"] == pytest.approx(100 / 800)


def test_nothing_to_judge_is_said():
    table, issues, told = judged()
    assert table.empty and issues.empty and told.empty
    assert goals.say.headline(table, land())[0] == "goals.headline_none"
    assert math.isnan(goals.say.attainment(table, land())["value"])
