"""The plan against itself: bases, tiers, parts, versions and who changed them; the people against the plan. Worked by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from salesloop.metrics.goals import capacity, changes, judge, page, parts, plan, say, smart
from salesloop.metrics.goals.ground import scope
from tests.metrics.test_goals import OCT, draws, facts, judged, land, targets


def test_growth_against_a_base_that_runs_takes_what_is_booked_and_expected():
    # 2026: ten months of 100, and November and December come to 100, 110, 120 or 130 each: the median total is 1,230
    table, issues, told = judged({"period": "2027-12", "basis": "growth", "amount": 0.1, "against": "2026-11"},
                                 {"period": "2027", "basis": "growth", "amount": 0.2, "against": "2026"})  # fmt: skip
    assert issues["issue"].tolist() == ["base_not_over"] * 2
    assert issues["done"].tolist() == ["as_expected"] * 2
    amounts = told.set_index("period")["amount"]
    assert amounts["2027-12"] == pytest.approx(1.1 * 115.0)
    assert amounts["2027"] == pytest.approx(1.2 * 1230.0)
    assert table["base_label"].tolist() == ["2026-11", "2026"] or set(table["base_label"]) == {"2026-11", "2026"}


def test_a_growth_target_says_its_base_in_a_sentence():
    table, _, told = judged({"period": "2026Q4", "basis": "growth", "amount": 0.2, "against": "2025Q4"})
    shown = page.growth(table, told, land())
    ((message, values),) = say.growth(shown, land())
    assert message == "goals.growth"
    assert (values["base"], values["base_amount"], values["amount"]) == ("2025Q4", 300.0, pytest.approx(360.0))


def test_a_stretch_below_its_base_is_named_in_the_plan_and_among_the_parts():
    rows = ({"period": "2026Q4", "level": "region", "name": "N", "amount": 300.0},
            {"period": "2026Q4", "level": "region", "name": "N", "amount": 250.0, "tier": "stretch"})  # fmt: skip
    table, issues, _ = judged(*rows)
    assert issues[["issue", "scope"]].values.tolist() == [["tier_order", "2026Q4|region|N|bookings|stretch"]]
    who = pd.DataFrame({"rep": ["Ann"], "team": ["A"], "region": ["N"]})
    gap = parts.mismatches(table, who, since=OCT, ground=land())
    assert gap[["parts_level", "whole", "parts", "difference"]].values.tolist() == [["tier", 300.0, 250.0, -50.0]]
    assert say.mismatches(page.parts(gap), land())[0][0] == "goals.part_tier"


def test_every_level_of_the_year_is_held_against_the_next():
    """Years against quarters, quarters against months, several years against years; regions against their teams."""
    table = judged({"period": "2027-2028", "amount": 3000.0}, {"period": "2027", "amount": 1200.0}, {"period": "2028", "amount": 1300.0},
                   *({"period": f"2027Q{q}", "amount": 310.0} for q in (1, 2, 3, 4)),
                   *({"period": f"2027-0{m}", "amount": 100.0} for m in (1, 2, 3)),
                   {"period": "2027Q1", "level": "region", "name": "N", "amount": 310.0},
                   {"period": "2027Q1", "level": "team", "name": "A", "amount": 200.0},
                   {"period": "2027Q1", "level": "team", "name": "B", "amount": 100.0})[0]  # fmt: skip
    who = pd.DataFrame({"rep": ["Ann", "Bob"], "team": ["A", "B"], "region": ["N", "N"]})
    gap = parts.mismatches(table, who, since=OCT, ground=land())
    told = {(row["id"].rsplit(":", 2)[0], row["parts_level"]): row["difference"] for row in gap.to_dict("records")}
    assert told == {("2027-2028:company", "year"): -500.0, ("2027:company", "quarter"): 40.0, ("2027Q1:company", "month"): -10.0,
                    ("2027Q1:company", "team"): -10.0, ("2027Q1:region:N", "team"): -10.0}  # fmt: skip


def test_parts_stated_for_some_only_can_exceed_a_year_but_not_fall_short():
    table = judged(
        {"period": "2027", "amount": 100.0}, {"period": "2027Q1", "amount": 90.0}, {"period": "2027Q2", "amount": 20.0}
    )[0]
    gap = parts.mismatches(table, pd.DataFrame(columns=["rep", "team", "region"]), since=OCT)
    assert gap[["parts", "difference"]].values.tolist() == [[110.0, 10.0]]


def test_a_quarter_without_months_is_named_where_others_have_them():
    table = judged({"period": "2026-11", "amount": 5.0}, {"period": "2027Q1", "amount": 15.0})[0]
    assert say.alone(table, land()) == [("goals.parts_alone", {"n": 1, "which": "2027Q1|company||bookings|base"})]
    assert say.alone(judged({"period": "2027Q1", "amount": 15.0})[0], land()) == []


def approvals(*rows):
    columns = ["period", "level", "name", "measure", "tier", "amount", "made_in", "by", "at", "reason"]
    return pd.DataFrame(rows, columns=columns)


def test_a_change_tells_who_made_it_when_and_why_and_what_was_written_by_hand():
    rows = targets({"period": "2026Q4", "amount": 300.0, "valid_from": "2026-01-01"},
                   {"period": "2026Q4", "amount": 330.0, "valid_from": "2026-07-06"},
                   {"period": "2026Q4", "amount": 350.0, "valid_from": "2026-08-01"},
                   {"period": "2026Q4", "amount": 350.0, "valid_from": "2026-09-01"},
                   {"period": "2026Q4", "amount": 999.0, "valid_from": "2027-01-01"})  # fmt: skip
    given = approvals(("2026Q4", "company", None, "bookings", "base", 330.0, "2026-06", "Li", "2026-07-06", "target"))
    log = changes.log(rows, given, ground=land())
    assert log[["old", "new", "by", "why"]].astype(object).where(log[["old", "new", "by", "why"]].notna(), None).values.tolist() == [
        [330.0, 350.0, "by_hand", None], [300.0, 330.0, "Li", "rule_target"]]  # fmt: skip
    assert log["at"].dt.strftime("%Y-%m-%d").tolist() == ["2026-08-01", "2026-07-06"]
    assert log["change"].tolist() == [pytest.approx(350 / 330 - 1), pytest.approx(0.1)]
    told = dict(say.changed(log, land()))
    assert told["goals.versions"] == {"n": 1, "changes": 2, "hand": 1}
    assert told["goals.last_change_hand"]["new"] == 350.0


def test_no_approvals_and_no_plan_give_an_empty_log():
    assert changes.log(targets(), approvals(), ground=land()).empty
    assert say.changed(changes.log(targets(), approvals(), ground=land()), land()) == [("goals.versions_none", {})]


NONE = pd.DataFrame({"rep": [], "team": [], "from_on": [], "to_on": []})
MONTHS = pd.period_range("2026-11", "2027-01", freq="M")


def crew(*rows):
    made = pd.DataFrame(rows, columns=["rep", "team", "region", "began", "ended"])
    return made.assign(began=pd.to_datetime(made["began"]), ended=pd.to_datetime(made["ended"]))


def test_joiners_leavers_and_moves_count_by_their_days():
    people = crew(
        ("Ann", "B", "N", None, "2026-11-15"), ("New", "A", "N", "2026-12-17", None), ("Bob", "A", "N", None, None)
    )
    moves = pd.DataFrame({"rep": ["Bob", "Bob"], "team": ["A", "B"], "from_on": pd.to_datetime(["2020-01-01", "2026-12-11"]),
                          "to_on": pd.to_datetime(["2026-12-10", None])})  # fmt: skip
    there = capacity.presence(people, moves, MONTHS)
    assert there[0].tolist() == [0.5, 0.0, 0.0]
    assert there[1].tolist() == [0.0, pytest.approx(15 / 31), 1.0]
    assert there[2].tolist() == [1.0, pytest.approx(1.0), 1.0]
    in_a, in_b = capacity.presence(people, moves, MONTHS, "A"), capacity.presence(people, moves, MONTHS, "B")
    assert in_a[2].tolist() == [1.0, pytest.approx(10 / 31), 0.0]
    assert in_b[2].tolist() == [0.0, pytest.approx(21 / 31), 1.0]


def test_capacity_of_a_joiner_and_a_leaver_by_hand():
    # Ann (60 a month, shrunk 56.67) leaves mid-November; Bob stays (43.33); New begins on 1 December, one sixth ramped in it
    people = crew(
        ("Ann", "A", "N", None, "2026-11-15"), ("Bob", "B", "N", None, None), ("New", "B", "N", "2026-12-01", None)
    )
    table = capacity.capacity(
        judged({"period": "2026-11", "amount": 90.0}, {"period": "2026-12", "amount": 90.0})[0], people, ground=land()
    )
    rows = table.set_index("period")
    assert rows.loc["2026-11", "capacity"] == pytest.approx(56.6667 / 2 + 43.3333, abs=0.01)
    assert rows.loc["2026-12", "capacity"] == pytest.approx(43.3333 + 50 / 6, abs=0.01)
    assert rows.loc["2026-12", "gap_reps"] == pytest.approx((90 - 43.3333 - 50 / 6) / 50, abs=0.001)
    # One who starts next month books 1/6 of 50 in November
    assert rows.loc["2026-11", "gap_hires"] == pytest.approx((90 - 28.3333 - 43.3333) / (50 / 6), abs=0.01)
    assert rows[["reps", "joining", "leaving"]].values.tolist() == [[2, 0, 1], [2, 1, 0]]


def seasonal(measure):
    """Return what `facts` does, with Decembers of twice as much, from 2023 on."""
    made = facts(measure)
    made["value"] = made["value"].where(made["on"].dt.month != 12, 2 * made["value"])
    return made


def test_capacity_follows_the_season():
    people = crew(("Ann", "A", "N", None, None), ("Bob", "B", "N", None, None))
    ground = land(facts=seasonal)
    season = capacity.seasons(ground)
    # 34 months: December 2/13 of a year shrunk with 24 months of a twelfth each
    weight = 34 / 58
    assert season[12] == pytest.approx(12 * (weight * 2 / 13 + (1 - weight) / 12))
    table = capacity.capacity(judged({"period": "2026-11", "amount": 100.0}, {"period": "2026-12", "amount": 100.0}, facts=seasonal)[0],
                              people, ground=ground).set_index("period")  # fmt: skip
    assert table.loc["2026-12", "capacity"] / table.loc["2026-11", "capacity"] == pytest.approx(season[12] / season[11])


def test_today_s_team_is_not_that_of_a_move_ahead_and_who_is_gone_is_gone():
    members = pd.DataFrame({"rep_id": ["1", "1"], "team": ["A", "B"], "region": "N", "from_on": pd.to_datetime(["2020-01-01", "2027-01-01"]),
                            "to_on": pd.to_datetime(["2026-12-31", None])})  # fmt: skip
    reps = pd.DataFrame({"rep_id": ["1", "2"], "started_on": pd.to_datetime([None, "2019-01-01"]), "left_on": pd.to_datetime([None, None]),
                         "active": [True, False]})  # fmt: skip
    deals = pd.DataFrame({"rep": ["Ann", "Bob"], "team": "A", "region": "N"})
    told = capacity.tenure(members, reps, {"1": "Ann", "2": "Bob"}, deals, as_of=land().as_of).set_index("rep")
    assert told.loc["Ann", "team"] == "A"
    assert told.loc["Bob", "ended"] == pd.Timestamp("2026-10-31")


def test_needs_of_other_measures_are_in_their_own_unit():
    table = judged({"period": "2026-11", "measure": "new_customers", "amount": 14.0}, n_draws=4000)[0]
    needs = judge.needs(table, {"size": 1.0, "win_rate": 0.5}, land(n_draws=4000)).set_index("aim")
    assert needs.loc[0.5, "amount"] == pytest.approx(14 - 10, abs=1)  # the median of Poisson(10) is 10
    assert needs["deals"].isna().all()


def test_a_team_s_needs_are_counted_by_its_own_rates():
    table = judged({"period": "2026-11", "level": "team", "name": "B", "amount": 65.0})[0]
    rates = {"size": 10.0, "win_rate": 0.2, "conversion_1": 0.25}
    own = {("team", "B"): {"size": 5.0, "win_rate": 0.4, "conversion_1": 0.5}}
    half = judge.needs(table, rates, land(), own=own).set_index("aim").loc[0.5]
    assert (half["amount"], half["deals"], half["pipeline"]) == (10.0, 2, 20.0)  # 40, 50, 60, 70: the median is 55


@pytest.mark.parametrize(("measure", "message"), [
    ("csat", "goals.cannot_unmeasured"), ("market_share", "goals.cannot_market"), ("grr", "goals.cannot_retention"),
])  # fmt: skip
def test_a_measure_whose_chance_cannot_be_told_is_said(measure, message):
    table = judged({"period": "2026Q4", "measure": measure, "amount": 0.5})[0]
    assert [name for name, _ in say.unknown(table, land())] == [message]


def test_without_draws_bookings_cannot_be_told():
    table = judged({"period": "2026Q4", "amount": 5.0}, draws=draws().iloc[:0])[0]
    ((message, values),) = say.unknown(table, land(draws=draws().iloc[:0]))
    assert (message, values["targets"]) == ("goals.cannot_draws", 1)


def test_the_overview_has_a_row_a_scope_and_dashes_for_what_is_not_planned():
    table = judged({"period": "2026-10", "amount": 200.0}, {"period": "2026Q4", "amount": 330.0},
                   {"period": "2026Q4", "level": "team", "name": "A", "amount": 180.0})[0]  # fmt: skip
    told = page.overview(table, land())
    assert told["level"].tolist() == ["company", "team"]
    company, team = told.to_dict("records")
    assert (company["month_attained"], company["quarter_actual"], company["quarter_p"]) == (0.5, 100.0, 0.5)
    assert math.isnan(company["year_target"])
    assert math.isnan(team["month_attained"])
    assert team["quarter_expected"] == 180.0


def test_smart_on_one_row_a_target_with_the_first_reason():
    table, issues, told = judged(
        {"period": "2026-11", "amount": 115.0, "objective": "grow"}, {"period": "2026-12", "amount": 500.0}
    )
    audit = smart.audit(
        table, told, issues, pd.DataFrame(columns=list(parts.MISMATCH)), ground=land(), objectives={"grow"}
    )
    told = smart.compact(audit, table).set_index("id")
    assert told.loc["2026-12:company:bookings:base", list("SMART")].tolist() == ["yes", "yes", "no", "no", "yes"]
    assert told.loc["2026-12:company:bookings:base", "first"] == "a_not_credible"
    assert told.loc["2026-11:company:bookings:base", "failed"] == 0


def test_splits_by_name_are_the_long_table_on_its_side():
    long = pd.DataFrame({"period": "2026-11", "level": "team", "name": ["A", "B"] * 4,
                         "method": np.repeat(["equal", "history", "potential", "equal_chance"], 2),
                         "amount": [5.0, 5.0, 6.0, 4.0, 7.0, 3.0, 8.0, 2.0], "share": 0.5, "p_hit": 0.5})  # fmt: skip
    wide = page.splits(long).set_index("name")
    assert wide.loc["B", ["equal", "history", "potential", "equal_chance"]].tolist() == [5.0, 4.0, 3.0, 2.0]
    assert page.splits(long.iloc[:0]).empty


def test_rows_that_the_import_set_aside_are_named_by_file_row_and_reason():
    row = {"table": "targets", "file": "targets.csv", "row": 4, "rule": "not_a_number", "column": "amount",
           "record": {"period": "2026-11", "level": "rep", "name": "Ann", "measure": "bookings"}}  # fmt: skip
    ((message, values),) = say.rejected([row, {**row, "table": "actions"}])
    assert message == "goals.rejected"
    assert (values["rows"], values["rule"], values["n"]) == ("4", "not_a_number", 1)
    assert values["which"] == "2026-11|rep|Ann|bookings|"


def test_a_name_cannot_break_the_writing_of_a_scope():
    told = scope({"period": "2026", "level": "team", "name": "A;B|C", "measure": "csat", "tier": "base"})
    assert told == "2026|team|A,B/C|csat|base"


def test_versions_that_are_known_only_later_are_not_told():
    rows = targets({"period": "2026Q4", "amount": 1.0}, {"period": "2026Q4", "amount": 2.0, "valid_from": "2027-03-01"})
    assert [len(found) for found in plan.known_versions(rows, ground=land()).values()] == [1]


def test_a_goal_past_the_draws_says_its_growth_or_what_it_would_take_to_tell():
    told = say.far(judged({"period": "2027-2028", "amount": 2880.0})[0])
    assert [message for message, _ in told] == ["goals.far"]

    def young(measure):
        made = facts(measure)
        return made[made["on"] >= pd.Timestamp("2026-03-01")]

    assert [message for message, _ in say.far(judged({"period": "2027-2028", "amount": 9.0}, facts=young)[0])] == [
        "goals.far_few"
    ]
