"""Sheets for the teams' meetings: whose rows stand on which, what is said, what is left out."""

import datetime as dt

import pandas as pd
import pytest

from salesloop import followup
from salesloop.metrics import execution
from salesloop.metrics.execution import examples, sheets

DAY = dt.date(2026, 10, 14)


def members(rows):
    columns = ["rep_id", "rep", "team", "from_on", "to_on"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(from_on=pd.to_datetime(frame["from_on"]), to_on=pd.to_datetime(frame["to_on"]))


def pace_rows(*rows):
    made = []
    for level, name, horizon, target, actual, share in rows:
        made.append({"level": level, "name": name, "horizon": horizon, "period": "2026-10", "measure": "bookings", "target": target,
                     "actual": actual, "attainment": actual / target, "elapsed_share": share, "gap": actual / target - share,
                     "run_rate_needed": 1.0, "uom": "CNY"})  # fmt: skip
    return pd.DataFrame(made)


def warned(n, team="A"):
    return pd.DataFrame({"id": [f"D{i}" for i in range(n)], "name": [f"Deal {i}" for i in range(n)], "rule": "untouched", "also": 0.0,
                         "amount": [float(n - i) for i in range(n)], "days": 40.0, "rep": "Ann", "team": team, "stage": "Offer",
                         "step": "get_in_touch"})  # fmt: skip


def actions(verdicts):
    n = len(verdicts)
    return pd.DataFrame({"id": [f"a{i}" for i in range(n)], "what": "Call them", "move": "touched", "owner": "Ann",
                         "due": pd.Timestamp("2026-10-31"), "done": 1.0, "of": 2, "verdict": verdicts})  # fmt: skip


NOTHING = pd.DataFrame()


def test_who_is_in_which_team_follows_the_record_of_that_day():
    told = members([
        ("r1", "Ann", "A", "2026-01-01", "2026-09-30"), ("r1", "Ann", "B", "2026-10-01", None),
        ("r2", "Bo", "A", None, None), ("r3", "Cy", "A", "2026-11-01", None), ("r4", "Di", "A", "2026-01-01", "2026-10-13"),
        ("r5", "Ed", "A", "2026-01-01", None), ("r5", "Ed", "C", "2026-06-01", None),
    ])  # fmt: skip
    assert sheets.teams_now(told, examples.deals(), as_of=DAY).to_dict() == {"Ann": "B", "Bo": "A", "Ed": "C"}


def test_without_a_record_the_latest_deal_tells_the_team():
    deals = examples.deals().assign(team=["A", "B", "A"])
    latest = deals.sort_values("created_at").drop_duplicates("rep", keep="last").set_index("rep")["team"].to_dict()
    assert sheets.teams_now(members([]), deals, as_of=DAY).to_dict() == latest


def test_a_team_gets_its_own_rows_and_what_is_nobodys_stands_apart():
    pace = pace_rows(("team", "A", "month", 100.0, 40.0, 0.5), ("team", "A", "quarter", 300.0, 40.0, 0.2),
                     ("team", "A", "year", 900.0, 40.0, 0.2), ("rep", "Ann", "month", 50.0, 40.0, 0.5),
                     ("rep", "Zoe", "month", 50.0, 40.0, 0.5))  # fmt: skip
    found = pd.concat([warned(2), warned(1, team=None)], ignore_index=True)
    whole = sheets.tables(pace, found, actions(["done", "not_done"]), NOTHING, pd.Series({"Ann": "A"}))
    told = whole["targets"][["team", "line", "horizon"]].values.tolist()
    own = [["A", "team", "month"], ["A", "team", "quarter"], ["A", "Ann", "month"]]
    assert told == [*own, ["no_team", "Zoe", "month"]]
    assert whole["actions"]["id"].tolist() == ["a1", "a0"]  # undone first
    assert whole["warnings"]["team"].tolist() == ["A", "A", "no_team"]
    table = sheets.summary(whole)
    assert table["team"].tolist() == ["A", "no_team"]
    row = table.set_index("team").loc["A"]
    assert (row["attainment"], row["n_open_actions"], row["n_done"], row["n_warnings"], row["amount"]) == (
        0.4,
        1,
        1,
        2,
        3.0,
    )


def test_a_page_carries_so_many_lines_and_says_how_many_it_leaves_out():
    whole = sheets.tables(NOTHING, warned(11), actions(["done"] * 8), NOTHING, pd.Series({"Ann": "A"}))
    cut = sheets.cut(whole)
    assert (len(cut["warnings"]), len(cut["actions"])) == (10, 6) and cut["warnings"]["deal"].iloc[0] == "Deal 0"
    said = sheets.said(sheets.summary(whole), whole, NOTHING, "")["A"]
    assert said[-1] == ("execution.sheet.left_out", {"n": 3})
    assert said[0][0] == "execution.sheet.no_figure"


@pytest.mark.parametrize(
    ("words", "shown"), [("x" * 60, "x" * 46 + "…"), ("长" * 60, "长" * 23 + "…"), ("a\n b", "a b"), (None, None)]
)
def test_words_are_cut_to_a_line(words, shown):
    assert sheets._short(words) == shown


def test_a_check_in_tells_each_team_what_changed_for_it():
    before, now = warned(3), pd.concat([warned(2), warned(1, team="B").assign(id="E1")], ignore_index=True)
    table = execution.since.changed(
        {"warnings": now}, {"warnings": before}, score=0.5, score_before=0.4, currency="CNY"
    )
    rows = table.set_index(["what", "scope"])["now"]
    assert (rows["warnings_new", "company"], rows["warnings_gone", "company"]) == (1, 1)
    assert (rows["warnings_new", "B"], rows["warnings_gone", "A"]) == (1, 1)
    whole = sheets.tables(NOTHING, now, actions([]), NOTHING, pd.Series(dtype=object))
    said = sheets.said(sheets.summary(whole), whole, table, "2026-10-07")
    assert said["B"][2] == ("execution.sheet.since_warnings", {"day": "2026-10-07", "change": pytest.approx(float("nan"), nan_ok=True),
                                                              "new": 1.0, "gone": 0})  # fmt: skip


def test_a_deal_left_over_twice_is_proposed_once():
    deals = examples.deals()
    live = deals.loc[deals["status"] == "open", "opportunity_id"].iloc[0]
    checked = actions(["not_done", "partly"]).assign(
        left=live, due=pd.to_datetime(["2026-09-30", "2026-10-31"]), move="closed"
    )
    found = execution.warn.warnings(pd.DataFrame(columns=["kind", "warn", *execution.warn.WARNINGS]))
    made = execution.warn.propose(
        found, checked, deals, period=pd.Period("2026-10"), describe=lambda message, **values: message
    )
    assert made["carried"].tolist() == ["a1"]


def test_a_region_that_is_one_team_is_shown_once():
    pace = pace_rows(("company", None, "month", 300.0, 50.0, 0.5), ("region", "South", "month", 100.0, 40.0, 0.5),
                     ("region", "East", "month", 200.0, 10.0, 0.5), ("team", "South", "month", 100.0, 40.0, 0.5),
                     ("team", "East", "month", 90.0, 10.0, 0.5)).assign(n=3)  # fmt: skip
    told = execution.pace.overview(pace)
    assert told[["level", "name"]].fillna("").values.tolist() == [
        ["company", ""], ["region", "East"], ["team", "South"], ["team", "East"]
    ]  # fmt: skip


def test_what_is_written_down_once_it_is_done_is_no_plan():
    days = ["2026-10-05 10:00", "2026-10-06 10:00"]
    rows = {"activity_id": ["a", "b", "c"], "type": ["call", "call", "visit"], "status": ["done", "done", "planned"],
            "planned_at": [*days, "2026-10-07 10:00"], "done_at": [*days, None]}  # fmt: skip
    acts = examples.canonical("activities", rows)
    told = execution.activity.by_type(
        acts, period=pd.Period("2026-10"), as_of=dt.date(2026, 10, 31), n_open=1, n_key=0
    ).set_index("type")
    assert told["planned"].to_dict() == {"call": 0.0, "visit": 1.0, "all": 1.0} and told.loc["call", "done"] == 2.0


def test_what_a_check_in_proposes_is_not_taken_for_the_months():
    deals = examples.deals()
    live = deals.loc[deals["status"] == "open", "opportunity_id"].iloc[0]
    checked = actions(["not_done"]).assign(left=live, due=pd.Timestamp("2026-09-30"), move="closed")
    found = execution.warn.warnings(pd.DataFrame(columns=["kind", "warn", *execution.warn.WARNINGS]))
    given = {"period": pd.Period("2026-10"), "describe": lambda message, **values: message}
    assert execution.warn.propose(found, checked, deals, **given, as_of=DAY)["id"].tolist() == ["2026-10-14-01"]
    assert execution.warn.propose(found, checked, deals, **given, as_of=dt.date(2026, 10, 31))["id"].tolist() == [
        "2026-10-01"
    ]


def test_an_action_of_ours_is_told_in_every_readers_language_and_one_of_theirs_as_they_wrote_it():
    rules = followup.hygiene_rules("none")
    told = actions(["done"] * 3).assign(
        what=["nobody in touch for 30 days: Ann (2)", "30 天无人跟进：Ann（2 个）", "Call: Ann (2)"]
    )
    assert followup.with_topics(told, rules)["topic"].tolist() == ["untouched", "untouched", "Call: Ann (2)"]


def test_a_unit_without_teams_has_one_sheet_with_the_company_on_it():
    pace = pace_rows(("company", None, "month", 100.0, 40.0, 0.5), ("rep", "Ann", "month", 50.0, 40.0, 0.5))
    whole = sheets.tables(pace, warned(1, team=None), actions([]), NOTHING, pd.Series(dtype=object))
    assert whole["targets"][["team", "line"]].values.tolist() == [["no_team", "company"], ["no_team", "Ann"]]
    said = sheets.said(sheets.summary(whole), whole, NOTHING, "")
    assert list(said) == ["no_team"] and said["no_team"][0] == ("execution.sheet.no_team", {})
