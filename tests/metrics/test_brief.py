"""The numbers of page one, gathered from results that may be missing; worked by hand."""

import json
import math

import pandas as pd
import pytest

from salesloop.metrics import brief
from tests.metrics.brief_parts import NONE, OCT, ROW, Saved, facts, numbers, plan, stated


def test_without_anything_there_are_no_numbers_and_the_headline_says_so():
    shown = numbers()
    assert shown.empty
    assert brief.headline(NONE, shown.reset_index(), period=OCT) == ("brief.headline.nothing", {"period": "2026-10"})


def test_bookings_stand_against_the_same_month_of_last_year_and_the_plan_s_last_word():
    told = numbers(
        plan=plan(("2026-10", "company", None, "bookings", "base", "amount", 200.0, "2026-01-01"),
                  ("2026-10", "company", None, "bookings", "base", "amount", 250.0, "2026-02-01"),
                  ("2026-10", "team", "N", "bookings", "base", "amount", 9.0, "2026-02-01"),
                  ("2026-10", "company", None, "bookings", "stretch", "amount", 400.0, "2026-02-01")),
        bookings=facts(m2025_10=[60.0, 40.0], m2026_09=[1.0], m2026_10=[100.0, 90.01]),
    ).loc["bookings"]  # fmt: skip
    assert (told["value"], told["n"], told["change"], told["against"], told["target"]) == (
        190.01,
        2,
        90.01,
        "2025-10",
        250.0,
    )
    assert told["verdict"] == "noise"  # 90 against 1.96 * sqrt(100^2 + 90^2 + 60^2 + 40^2) = 300
    assert json.loads(told["trail"])[-2:] == [1.0, 190.01]


def test_a_young_company_is_compared_with_the_month_before_and_its_first_month_with_nothing():
    assert numbers(bookings=facts(m2026_09=[5.0], m2026_10=[5.0])).loc["bookings", "against"] == "2026-09"
    first = numbers(bookings=facts(m2026_10=[5.0])).loc["bookings"]
    assert first["against"] is None
    assert math.isnan(first["change"])


def test_many_small_deals_prove_what_few_large_ones_do_not():
    # 100 x 1 against 50 x 1: 50 > 1.96 * sqrt(150) = 24.0; 2 x 50 against 1 x 50: 50 < 1.96 * sqrt(7500) = 169.7
    many = numbers(bookings=facts(m2026_09=[1.0] * 50, m2026_10=[1.0] * 100))
    few = numbers(bookings=facts(m2026_09=[50.0], m2026_10=[50.0, 50.0]))
    assert (many.loc["bookings", "verdict"], few.loc["bookings", "verdict"]) == ("clear", "noise")


def test_the_win_rate_is_of_twelve_months_against_the_twelve_before():
    # 3 of 5 won: Wilson 95 % 23-88 %
    told = numbers(win_rate=facts(m2025_06=[1.0, 0.0], m2025_11=[1.0, 1.0], m2026_10=[1.0, 0.0, 0.0])).loc[
        "win_rate_rolling"
    ]
    assert (told["value"], told["n"]) == (0.6, 5)
    assert (round(told["low"], 2), round(told["high"], 2)) == (0.23, 0.88)
    assert told["change"] == pytest.approx(0.1)
    assert (told["verdict"], told["against"]) == ("noise", "twelve_before")


def test_the_win_rate_is_the_performance_stage_s_where_there_is_one():
    scorecard = pd.DataFrame([{"measure": "win_rate", "value": 0.52, "n": 276, "low": 0.46, "high": 0.58, "change": 0.01,
                               "verdict": "no_change", "window": 6}])  # fmt: skip
    told = numbers({"kpi": Saved(tables={"scorecard": scorecard})}, win_rate=facts(m2026_10=[1.0])).loc["win_rate"]
    assert (told["value"], told["n"], told["about"], told["against"], told["verdict"]) == (
        0.52, 276, "2026-05/2026-10", "2025-11/2026-04", "noise"
    )  # fmt: skip


def test_the_forecast_stands_with_its_range_to_the_cent():
    told = {"value": 81.37, "low": 60.12, "high": 99.99, "n": 40, "confidence": 0.8, "uom": "CNY"}
    shown = numbers({"forecast": Saved({"bookings_next": told})}, bookings=facts(m2026_10=[1.0])).loc["bookings_next"]
    assert (shown["value"], shown["low"], shown["high"], shown["about"], shown["verdict"]) == (
        81.37,
        60.12,
        99.99,
        "2026-11",
        "ahead",
    )


@pytest.mark.parametrize(
    ("rows", "measure", "about"),
    [
        ([("2026Q4", *ROW, 9.0, 3.0, 0.6, ""), ("2026", *ROW, 9.0, 3.0, 0.1, "")], "p_hit_quarter", "2026Q4"),
        ([("2026Q3", *ROW, 9.0, 3.0, 0.6, ""), ("2026", *ROW, 9.0, 3.0, 0.1, "")], "p_hit_year", "2026"),
        ([("2026-11", *ROW, 9.0, None, 0.6, "")], "p_hit_month", "2026-11"),
    ],
)
def test_the_odds_are_of_what_is_not_over_yet(rows, measure, about):
    shown = numbers({"goals": stated(*rows)}, bookings=facts(m2026_10=[1.0]))
    assert shown.loc[measure, "about"] == about


def test_the_score_of_customers_comes_with_its_own_window():
    scores = pd.DataFrame([{"measure": "nps", "scope_kind": "company", "window": "2026-08/2026-10", "change": -4.0,
                            "verdict": "noise", "against": "2026-05/2026-07"}])  # fmt: skip
    told = {"value": 25.0, "low": 6.0, "high": 44.0, "n": 60, "confidence": 0.95, "uom": "score"}
    shown = numbers({"feedback": Saved({"nps": told}, {"scores": scores})}).loc["nps"]
    assert (shown["value"], shown["n"], shown["about"], shown["verdict"]) == (25.0, 60, "2026-08/2026-10", "noise")
