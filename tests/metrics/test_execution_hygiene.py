"""Hygiene rules, warnings and proposed actions on deals made by hand."""

import datetime as dt

import pandas as pd
import pytest

from salesloop import followup
from salesloop.errors import ParameterError, SalesloopError
from salesloop.metrics import execution
from salesloop.metrics.execution import examples
from salesloop.periods import parse_period

END = dt.date(2026, 10, 31)
OCTOBER = parse_period("2026-10")


@pytest.fixture
def rules():
    return followup.hygiene_rules("none")


def company(**tables):
    """Return the tables of the three deals, others as given or empty."""
    have = {"activities": examples.activities(), **tables}
    return lambda name: have.get(name, examples.canonical(name, {}))


def ready(deals=None, limits=None, **tables):
    return execution.prepared(examples.deals() if deals is None else deals, company(**tables), as_of=END, limits=limits)


def test_rules_find_what_they_say(rules):
    found = ready(limits={"main / Offer": 30.0, "main / Visit": 90.0})
    broken = execution.hygiene.violations(rules, found).groupby("rule")["id"].apply(list)
    assert broken["close_date_past"] == ["D2"]  # expected on 30 September
    assert broken["stage_too_long"] == ["D2"]  # since 1 August; D3 is within its limit
    assert broken["untouched"] == ["D2"]  # never touched, open since July; D3 was called on the 5th
    assert broken["no_next_step"] == ["D2"]


def test_days_and_money_stand_beside_each_rule(rules):
    found = execution.hygiene.violations(rules, ready()).set_index("rule")
    assert found.loc["close_date_past", "days"] == 31 and found.loc["close_date_past", "amount"] == 250.0


def test_a_rule_about_what_is_never_filled_in_is_not_judged(rules):
    bare = ready(
        deals=examples.deals().assign(next_step=None, expected_close=pd.NaT),
        activities=examples.canonical("activities", {}),
    )
    table = execution.hygiene.hygiene(rules, bare, execution.hygiene.violations(rules, bare)).set_index("rule")
    assert table.loc[["close_date_past", "no_next_step", "lost_without_reason", "untouched"], "n"].isna().all()
    assert table.loc["no_amount", "n"] == 0  # amounts are kept, and none is missing


def test_an_owner_who_left_is_found_and_one_who_will_leave_is_not(rules):
    reps = examples.canonical("reps", {"rep_id": ["r1", "r2"], "left_on": ["2026-10-15", "2026-12-31"]})
    broken = execution.hygiene.violations(rules, ready(reps=reps))
    assert broken.loc[broken["rule"] == "owner_left", "id"].tolist() == ["D2"]  # r1's open deal


def test_two_spellings_of_one_account_are_one_account(rules):
    accounts = examples.canonical(
        "accounts", {"account_id": ["A1", "A2", "A3"], "name": ["Acme Co., Ltd.", "ＡＣＭＥ", "Other"]}
    )
    broken = execution.hygiene.violations(rules, ready(accounts=accounts))
    assert broken.loc[broken["rule"] == "duplicate_account", "id"].tolist() == ["A2", "A1"]  # D2's money first


def test_pushes_count_moves_to_a_later_month_only():
    events = examples.canonical("stage_events", {
        "event_id": list("abcd"), "opportunity_id": ["D2"] * 4, "at": ["2026-07-01", "2026-08-01", "2026-09-01", "2026-09-20"],
        "expected_close": ["2026-08-10", "2026-08-25", "2026-09-30", "2026-12-01"],
    })  # fmt: skip
    assert execution.features.pushes(events)["D2"] == 2


def test_the_stall_limit_is_the_third_quartile_of_won_stays():
    n = 20
    deals = examples.canonical("opportunities", {"opportunity_id": [f"w{i}" for i in range(n)], "status": ["won"] * n,
                                                 "pipeline": ["main"] * n, "created_at": ["2026-01-01"] * n})  # fmt: skip
    left = pd.Timestamp("2026-01-01") + pd.to_timedelta(range(1, n + 1), unit="D")
    events = examples.canonical("stage_events", {"event_id": [f"e{i}" for i in range(n)], "opportunity_id": deals["opportunity_id"],
                                                 "at": left, "from_stage": ["Offer"] * n, "to_stage": ["Won"] * n})  # fmt: skip
    assert execution.features.stage_limits(events, deals) == {"main / Offer": 15.25}  # quartile of 1..20
    assert execution.features.stage_limits(events.head(19), deals) == {}  # under 20: no limit


def test_the_score_is_the_share_of_open_deals_that_break_no_rule(rules):
    found = ready()
    assert execution.hygiene.score(found["deals"], execution.hygiene.violations(rules, found), rules) == (
        0.5,
        2,
    )  # D3 is clean


def test_a_unit_may_have_rules_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    file = tmp_path / "params" / "north" / "hygiene.yml"
    file.parent.mkdir(parents=True)
    file.write_text(
        "big:\n  table: deals\n  where: {status: open}\n  when: {amount: '>= 200'}\n  warn: true\n", encoding="utf-8"
    )
    own = followup.hygiene_rules("north")
    assert [rule.name for rule in own] == ["big"]
    assert execution.hygiene.violations(own, ready())["id"].tolist() == ["D2"]


def test_everything_wrong_with_a_rule_file_is_named_at_once():
    content = {"a": {"table": "desks", "when": {"amount": "about 5"}, "colour": "red"}, "b": {"table": "deals"}}
    with pytest.raises(SalesloopError) as error:
        execution.conditions.read_rules(content)
    for words in ("a.table", "a.when.amount", "a.colour", "b"):
        assert words in str(error.value)
    assert ParameterError is not None


def test_one_warning_a_deal_the_most_urgent_first(rules):
    found = ready(limits={"main / Offer": 30.0})
    warned = execution.warn.warnings(execution.hygiene.violations(rules, found))
    assert warned["id"].tolist() == ["D2"]
    row = warned.iloc[0]
    assert (row["rule"], row["also"], row["step"]) == ("close_date_past", 2, "new_date")  # and too long, and untouched


def proposed(rules, checked=None):
    warned = execution.warn.warnings(execution.hygiene.violations(rules, ready()))
    none = execution.check_actions(
        examples.canonical("actions", {}), examples.deals(), examples.activities(), as_of=END
    )
    say = lambda message, **values: f"{message}:{values['rule']}:{values['n']}"  # noqa: E731
    return execution.warn.propose(
        warned, none if checked is None else checked, examples.deals(), period=OCTOBER, describe=say
    )


def test_an_action_is_proposed_where_money_waits(rules):
    row = proposed(rules).iloc[0]
    assert (row["id"], row["deal_set"], row["expected_move"], row["owner"]) == ("2026-10-01", "D2", "dated", "Ann")
    assert row["due"] == pd.Timestamp("2026-11-30") and row["amount"] == 250.0
    assert row["what"] == "execution.action:close_date_past:1"


def test_what_fell_due_undone_is_proposed_again_and_what_runs_is_left_alone(rules):
    def checked(due):
        rows = {
            "id": ["old"],
            "deal_set": ["D2"],
            "expected_move": ["closed"],
            "owner": ["Ann"],
            "due": [due],
            "created": ["2026-10-01"],
        }
        return execution.check_actions(
            examples.canonical("actions", rows), examples.deals(), examples.activities(), as_of=END
        )

    again = proposed(rules, checked("2026-10-31"))
    assert again["carried"].tolist() == ["old"] and again["expected_move"].tolist() == ["closed"]
    assert proposed(rules, checked("2026-11-30")).empty


def test_what_an_owner_left_behind_is_the_managers_to_hand_over(rules):
    reps = examples.canonical("reps", {"rep_id": ["r1"], "left_on": ["2026-10-15"]})
    warned = execution.warn.warnings(execution.hygiene.violations(rules, ready(reps=reps)))
    none = execution.check_actions(
        examples.canonical("actions", {}), examples.deals(), examples.activities(), as_of=END
    )
    made = execution.warn.propose(
        warned, none, examples.deals(), period=OCTOBER, describe=lambda message, **values: message
    )
    assert made["owner"].tolist() == ["Max"] and made["rule"].tolist() == ["owner_left"]


def test_proposed_actions_come_back_through_the_door(rules, tmp_path, monkeypatch):
    from salesloop import sources
    from salesloop.params import UnitConfig

    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    folder = tmp_path / "params" / "north" / "plan"
    folder.mkdir(parents=True)
    execution.warn.plan_rows(proposed(rules), dt.date(2026, 11, 6)).to_csv(
        folder / "actions.csv", index=False, encoding="utf-8-sig"
    )
    back = sources.plan("north", UnitConfig(unit="north")).tables["actions"].to_pandas()
    assert (
        back["id"].tolist() == ["2026-10-01"]
        and back["deal_set"].tolist() == ["D2"]
        and back["owner"].tolist() == ["Ann"]
    )
    assert str(back["due"].iloc[0])[:10] == "2026-11-30" and str(back["created"].iloc[0])[:10] == "2026-11-06"
