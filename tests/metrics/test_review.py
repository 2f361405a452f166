"""Promises graded against facts; numbers worked by hand."""

import math

import pandas as pd
import pytest

from salesloop.messages import Text
from salesloop.metrics import review

OCT = pd.Period("2026-10", "M")
COLUMNS = ["id", "kind", "made_in", "due", "scope", "measure", "value", "low", "high", "uom", "outcome"]


def promises(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


FORECAST = ("f", "forecast", "2026-09", "2026-10", "company", "bookings", 100.0, 80.0, 120.0, "CNY", None)
TARGET = ("t", "target", "2026-08", "2026-10", "company", "bookings", 130.0, math.nan, math.nan, "CNY", None)
LATER = ("l", "forecast", "2026-09", "2026-11", "company", "bookings", 100.0, 80.0, 120.0, "CNY", None)
GRADED = ("g", "forecast", "2026-08", "2026-09", "company", "bookings", 100.0, 80.0, 120.0, "CNY", "inside")
WHATIF = ("intervention:w", "whatif", "2026-09", "2026-10", "volume:all", "bookings", 20.0, 5.0, 40.0, "CNY", None)
ACTION = ("action:a1", "action", "2026-09", "2026-10", "Ann", "won", 8.0, math.nan, math.nan, "deals", None)
NO_MOVES = pd.DataFrame({"id": [], "done": [], "of": []})


def test_only_what_is_due_and_not_graded_is_asked():
    asked = review.due(promises(FORECAST, TARGET, LATER, GRADED), OCT)
    assert asked["id"].tolist() == ["f", "t"]
    assert asked["months"].tolist() == [[OCT], [OCT]]


def test_a_quarter_falls_due_with_its_last_month():
    quarter = ("q", "target", "2026-09", "2026Q4", "company", "bookings", 1.0, math.nan, math.nan, "CNY", None)
    assert review.due(promises(quarter), OCT).empty
    assert len(review.due(promises(quarter), pd.Period("2026-12", "M"))["months"].iloc[0]) == 3


def graded(*rows, actual=115.0, n=4, moved=NO_MOVES):
    asked = review.due(promises(*rows), OCT)
    return review.grade(asked, lambda *_: (actual, n), forecasts=promises(FORECAST), moved=moved).set_index("id")


def test_forecast_inside_target_missed():
    table = graded(FORECAST, TARGET)
    assert table["outcome"].to_dict() == {"f": "inside", "t": "missed"}
    assert table["error"].to_dict() == {"f": -15.0, "t": 15.0}


def test_what_the_data_do_not_carry_is_not_measurable():
    assert graded(TARGET, actual=math.nan, n=0)["outcome"].tolist() == ["not_measurable"]
    assert graded(ACTION)["outcome"].tolist() == ["not_measurable"]


def test_a_whatif_is_graded_against_the_forecast_issued_before_it():
    row = graded(WHATIF).loc["intervention:w"]
    assert row["actual"] == 15.0
    assert row["realised_se"] == pytest.approx(20 / 1.2815515655446004)
    assert row["outcome"] == "inside"
    assert graded(WHATIF, actual=60.0).loc["intervention:w", "outcome"] == "outside"


def test_an_action_counts_the_deals_that_moved():
    row = graded(ACTION, moved=pd.DataFrame({"id": ["a1"], "done": [5], "of": [8]})).loc["action:a1"]
    assert (row["actual"], row["n"], row["outcome"]) == (5.0, 8, "missed")


def test_page_one_holds_every_kind_and_at_most_seven():
    rows = [
        (f"x{i}", "forecast", "2026-09", "2026-10", f"team:{i}", "bookings", 9.0, 1.0, 2.0, "CNY", None)
        for i in range(9)
    ]
    moved = pd.DataFrame({"id": ["a1"], "done": [8], "of": [8]})
    table = graded(*rows, FORECAST, TARGET, WHATIF, ACTION, moved=moved).reset_index()
    shown = review.page_one(table)
    assert len(shown) == 7
    assert set(shown["kind"]) == {"forecast", "target", "whatif", "action"}
    assert shown["id"].iloc[0] == "f"


def test_grades_are_listed_with_the_companys_forecast_first_and_actions_last():
    team = ("t1", "forecast", "2026-09", "2026-10", "team:East", "bookings", 9e9, 1.0, 2.0, "CNY", None)
    listed = review.in_order(
        graded(team, ACTION, TARGET, FORECAST, moved=pd.DataFrame({"id": ["a1"], "done": [8], "of": [8]})).reset_index()
    )
    assert listed["kind"].tolist() == ["forecast", "forecast", "target", "action"]
    assert listed["scope"].tolist()[:2] == ["company", "team:East"]


def told(promised):
    return graded((*FORECAST[:6], promised, *FORECAST[7:])).reset_index()


def deals():
    rows = []
    for month in pd.period_range("2025-10", "2026-10", freq="M"):
        day = month.start_time
        rows += [(day, "won", day + pd.Timedelta(days=5), 100.0), (day, "lost", day + pd.Timedelta(days=6), 50.0)]
    return pd.DataFrame(rows, columns=["created_at", "status", "closed_on", "amount"])


def test_error_split_names_the_size_when_only_the_size_is_off():
    table = review.error_split(deals(), period=OCT, graded=told(130.0)).set_index("part")["amount"]
    assert table.to_dict() == {
        "volume": 0.0, "timing": 0.0, "conversion": 0.0, "size": 30.0, "adjustments": 0.0, "total": 30.0,
    }  # fmt: skip


def test_error_split_adds_up_to_the_cent():
    more = pd.concat([deals(), deals().tail(1).assign(status="won", amount=33.33)])
    table = review.error_split(more, period=OCT, graded=told(100.01)).set_index("part")["amount"]
    assert round(table[list(review.PARTS)].sum(), 2) == table["total"] == round(100.01 - 133.33, 2)


def test_accuracy_by_lead():
    told = graded(FORECAST, actual=80.0).reset_index()
    row = review.by_lead(told).iloc[0]
    assert (row["lead_months"], row["n"], row["wape"], row["bias"], row["inside"]) == (1, 1, 0.25, 0.25, 1.0)
    assert review.coverage(told) == (1.0, 1)


def test_what_ifs_that_fall_due_together_share_the_surplus_by_what_each_promised():
    second = ("intervention:v", *WHATIF[1:6], 60.0, *WHATIF[7:])
    table = graded(FORECAST, WHATIF, second)
    alone = graded(FORECAST, WHATIF).loc["intervention:w"]
    shared = table.loc[["intervention:w", "intervention:v"]]
    assert shared["actual"].sum() == pytest.approx(alone["actual"])
    assert shared["actual"].iloc[1] == pytest.approx(3 * shared["actual"].iloc[0])
    assert (shared["outcome"] == "inside").tolist() == shared["actual"].between(shared["low"], shared["high"]).tolist()


@pytest.mark.parametrize(
    ("lang", "row"),
    [
        ("en", ["target", "bookings", "company", "Oct 2026", "Aug 2026", "missed", "88.5%", "–", "–"]),
        ("zh", ["目标", "签约额", "公司", "2026年10月", "2026年8月", "未达成", "88.5%", "–", "–"]),
    ],
)
def test_the_figures_table_names_promises_in_words(lang, row):
    shown = review.measured(graded(FORECAST, TARGET).reset_index())
    formats = {name: kind for name, kind in review.FORMATS.items() if name in shown} | review.SHARES
    told = [
        [Text(lang, "CNY").show(one[name], formats[name], "review") for name in shown]
        for one in shown.to_dict("records")
    ]
    assert told[1] == row
    assert "115.0%" in told[0]
