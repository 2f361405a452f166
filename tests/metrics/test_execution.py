"""Pace, activity and actions: numbers worked by hand."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from salesloop import followup
from salesloop.book import Book
from salesloop.messages import Text
from salesloop.metrics import execution
from salesloop.metrics.execution import curve, examples
from salesloop.periods import parse_period

OCTOBER = parse_period("2026-10")
END = dt.date(2026, 10, 31)


def actions(**columns):
    base = {"id": ["a"], "what": ["x"], "deal_set": [None], "measure": [None], "expected_move": [None], "owner": ["Ann"],
            "due": ["2026-10-31"], "created": ["2026-10-01"]}  # fmt: skip
    return examples.canonical("actions", {**base, **{name: [value] for name, value in columns.items()}})


def check(**columns):
    return execution.check_actions(actions(**columns), examples.deals(), examples.activities(), as_of=END).iloc[0]


def facts(days, values, rep="Ann", team="A"):
    on = pd.to_datetime(days).astype("datetime64[us]")
    return pd.DataFrame({"on": on, "value": values, "weight": np.nan, "rep": rep, "team": team, "region": "N"})


def target(period, amount, level="company", name=None, **more):
    row = {
        "period": period,
        "level": level,
        "name": name,
        "measure": "bookings",
        "tier": "base",
        "basis": "amount",
        "amount": amount,
    }
    return {**row, "against": None, "valid_from": None, **more}


def pace_of(found, rows, as_of=END, period=OCTOBER):
    targets = examples.canonical("targets", pd.DataFrame(rows).to_dict("list"))
    table = execution.pace.pace({"bookings": found}, targets, period=period, as_of=as_of, country="US")
    return table.set_index(["horizon", "level"])


def test_an_action_is_done_by_what_the_deals_did_and_not_by_a_tick():
    found = check(deal_set="D1;D2;D3", expected_move="closed")
    assert (found["done"], found["of"], found["verdict"]) == (1, 3, "partly")
    found = check(deal_set="D2;D3", expected_move="跟进")
    assert (found["done"], found["of"], found["move"]) == (1, 2, "touched")  # the call on D3, 5 October
    assert check(deal_set="D1", expected_move="won")["verdict"] == "done"
    assert check(deal_set="D2", expected_move="advanced")["verdict"] == "not_done"  # in its stage since August


def test_what_was_done_before_the_action_does_not_count():
    assert check(deal_set="D1", expected_move="won", created="2026-10-21")["done"] == 0


def test_an_action_is_set_against_deals_that_were_not_in_it():
    found = check(deal_set="D1", expected_move="closed")
    assert found["n_others"] == 2 and found["effect"] == pytest.approx(1.0)  # 1 of 1 against 0 of 2
    assert found["effect_low"] < 0.4  # and one deal proves little


def test_an_action_still_to_come_is_running():
    assert check(deal_set="D2", expected_move="closed", due="2026-11-15")["verdict"] == "running"


def test_deals_can_be_named_where_the_name_is_one_deals_only():
    assert check(deal_set="Pumps", expected_move="won")["done"] == 1


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({}, "no_deals"), ({"deal_set": "D1", "created": None}, "no_created"), ({"deal_set": "D1", "due": None}, "no_due"),
        ({"deal_set": "D1", "due": "2026-09-01"}, "due_before_created"), ({"deal_set": "D1;D9"}, "unknown_deals"),
        ({"measure": "smiles"}, "measure_unknown"),
    ],
)  # fmt: skip
def test_an_action_written_badly_is_named_and_kept(columns, problem):
    found = check(**columns)
    assert found["problem"] == problem and found["id"] == "a"


def test_an_action_on_a_measure_is_held_against_the_days_before():
    deals = examples.deals()
    deals.loc[1, ["status", "closed_on"]] = ["won", pd.Timestamp("2026-09-20")]  # 250 in September, 100 in October
    row = actions(measure="bookings", expected_move="-50%")
    found = execution.check_actions(row, deals, examples.activities(), as_of=END).iloc[0]
    assert found["effect"] == pytest.approx(100 / 250 - 1) and found["verdict"] == "done"


def test_nothing_is_changed_in_what_was_given():
    deals, done = examples.deals(), examples.activities()
    execution.check_actions(actions(deal_set="D1"), deals, done, as_of=END)
    pd.testing.assert_frame_equal(deals, examples.deals())
    pd.testing.assert_frame_equal(done, examples.activities())


def test_pace_sets_attainment_against_working_days():
    found = pace_of(facts(["2026-10-06"], [30.0]), [target("2026-10", 100.0)], as_of=dt.date(2026, 10, 14))
    row = found.loc[("month", "company")]
    # 21 working days in the US in October 2026 (the 12th is Columbus Day); 9 of them up to the 14th
    assert row["attainment"] == pytest.approx(0.3) and row["elapsed_share"] == pytest.approx(9 / 21, abs=1e-6)
    assert row["gap"] == pytest.approx(0.3 - 9 / 21, abs=1e-6)
    assert row["run_rate_needed"] == pytest.approx(70 / 12)


def test_pace_is_over_when_the_month_is():
    row = pace_of(facts(["2026-10-06"], [30.0]), [target("2026-10", 100.0)]).loc[("month", "company")]
    assert row["elapsed_share"] == pytest.approx(1.0) and row["gap"] == pytest.approx(-0.7)
    assert np.isnan(row["run_rate_needed"])


def test_a_habit_of_closing_late_lowers_what_should_be_done_by_mid_month():
    months = pd.period_range("2024-10", "2026-09", freq="M")
    late = facts([m.end_time.normalize() for m in months], [10.0] * len(months))
    shape = curve.habit(late, period=OCTOBER, country="US")
    # 24 months with everything on the last day, shrunk with 6 even months: a fifth of the straight line
    assert shape[10] == pytest.approx(0.2 * 0.5) and shape[-1] == 1.0


def test_targets_add_up_and_the_latest_version_holds():
    rows = [target(f"2026-{m}", 100.0) for m in (10, 11, 12)] + [target("2026-10", 40.0, valid_from="2026-10-02")]
    found = pace_of(facts(["2026-10-06"], [30.0]), rows)
    assert found.loc[("quarter", "company"), "target"] == 240.0
    assert np.isnan(found.loc[("year", "company"), "target"])  # nine months lack one


def test_a_growth_target_counts_from_its_base():
    rows = [target("2026-10", 0.2, basis="growth", against="2025-10")]
    found = pace_of(facts(["2025-10-06", "2026-10-06"], [50.0, 30.0]), rows)
    assert found.loc[("month", "company"), "target"] == pytest.approx(60.0)


def test_the_target_of_a_rate_is_a_mean_over_months_and_no_sum():
    rows = pd.DataFrame([target(f"2026-{m}", v) for m, v in ((10, 0.8), (11, 0.9), (12, 0.7))])
    months = [OCTOBER, OCTOBER + 1, OCTOBER + 2]
    assert execution.pace.target_of(rows, "2026Q4", months, facts([], []), 1, rate=True) == pytest.approx(0.8)
    assert execution.pace.target_of(rows, "2026Q4", months, facts([], []), 1) == pytest.approx(2.4)


def test_a_zero_target_has_no_attainment():
    row = pace_of(facts(["2026-10-06"], [30.0]), [target("2026-10", 0.0)]).loc[("month", "company")]
    assert np.isnan(row["attainment"]) and row["actual"] == 30.0


def test_a_rep_with_a_target_and_no_deal_reached_none_of_it():
    row = pace_of(facts(["2026-10-06"], [30.0]), [target("2026-10", 10.0, "rep", "Bo")])
    row = row[(row["name"] == "Bo")].loc[("month", "rep")]
    assert row["actual"] == 0.0 and row["attainment"] == 0.0 and row["n"] == 0


def test_planned_against_done():
    table = examples.canonical("activities", {
        "activity_id": list("abcde"), "type": ["call", "call", "visit", "call", "call"],
        "status": ["done", "planned", "done", "cancelled", "done"], "account_id": ["A1", "A1", "A2", "A1", None],
        "planned_at": ["2026-10-05", "2026-10-06", "2026-10-07", "2026-10-08", "2026-09-08"],
        "done_at": ["2026-10-05", None, "2026-10-09", None, "2026-09-09"],
    })  # fmt: skip
    found = execution.activity.by_type(table, period=OCTOBER, as_of=END, n_open=2, n_key=1, key_accounts={"A1"})
    rows = found.set_index("type")
    assert rows.loc["call", ["planned", "done_of_planned", "done", "overdue", "before"]].tolist() == [2, 1, 1, 1, 1]
    assert rows.loc["all", "share"] == pytest.approx(2 / 3) and rows.loc["all", "per_open_deal"] == 1.0
    assert rows.loc["all", "per_key_account"] == 1.0  # only the call on A1


def test_a_rep_in_two_teams_at_once_is_named_and_one_who_moved_is_not():
    rows = examples.canonical("memberships", {
        "rep_id": ["r1", "r1", "r2", "r2"], "rep": ["Ann", "Ann", "Bo", "Bo"], "team": ["A", "B", "A", "B"],
        "from_on": ["2026-01-01", "2026-05-01", "2026-01-01", "2026-05-01"], "to_on": ["2026-06-30", None, "2026-04-30", None],
    })  # fmt: skip
    assert execution.members.in_two_teams(rows)["rep"].tolist() == ["Ann"]


def test_what_changed_since_the_look_before():
    pace = pd.DataFrame(
        {"horizon": ["month"], "measure": "bookings", "level": "company", "name": None, "actual": [100.0]}
    )
    now = {
        "pace": pace,
        "warnings": pd.DataFrame({"id": ["D1", "D2"], "amount": [5.0, 7.0]}),
        "actions": pd.DataFrame(),
    }
    then = {"pace": pace.assign(actual=60.0), "warnings": pd.DataFrame({"id": ["D1", "D3"], "amount": [5.0, 1.0]})}
    found = execution.since.changed(now, then, score=0.5, score_before=0.4, currency="CNY").set_index("what")
    assert found.loc["bookings", "change"] == 40.0 and found.loc["at_risk", "change"] == 6.0
    assert found.loc["warnings_new", "now"] == 1 and found.loc["warnings_gone", "now"] == 1
    kind = execution.say.SINCE["change"]
    row = found.loc["hygiene_score"].to_dict()
    assert [Text(lang, "CNY").row(row, "change", kind) for lang in ("en", "zh")] == ["+10.0 pp", "+10.0 个百分点"]
    assert execution.since.changed(now, {}, score=0.5, score_before=0.4, currency="CNY").empty


def test_earlier_looks_are_found_and_later_ones_are_not(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    from salesloop.results import Stage

    for day in ("2026-10-07", "2026-10-14"):
        folder = tmp_path / "reports" / "memory" / "2026-10" / "checkins" / day / "results"
        stage = Stage("execution", Book.from_tables({}, period="2026-10", as_of=dt.date.fromisoformat(day)), folder)
        stage.value("hygiene_score", 0.5, uom="share")
        stage.save()
    found = followup.look_before("memory", OCTOBER, dt.date(2026, 10, 14), "execution")
    assert followup.day_of(found) == "2026-10-07" and followup.value_of(found, "hygiene_score") == 0.5
    assert followup.look_before("memory", OCTOBER, dt.date(2026, 10, 7), "execution") is None
    assert followup.month_before("memory", OCTOBER, "execution") is None and followup.tables_of(None, "pace") == {}
