"""One fact table a measure, one way to add it up; expected numbers worked by hand."""

import datetime as dt
import math

import pandas as pd
import pytest

from salesloop.book import Book
from salesloop.metrics import measures
from salesloop.metrics.kpi import winrates
from salesloop.metrics.measures import actual, by_month

OCTOBER, NOVEMBER = pd.Period("2026-10", "M"), pd.Period("2026-11", "M")


@pytest.fixture
def book():
    deals = pd.DataFrame(
        {
            "opportunity_id": list("abcd"),
            "account_id": ["x", "x", "y", "z"],
            "owner_id": ["r1", "r1", "r2", "r2"],
            "status": ["won", "won", "lost", "open"],
            "amount": [100.25, 50.5, 70.0, 30.0],
            "closed_on": ["2026-10-03", "2026-10-20", "2026-10-21", None],
            "created_at": ["2026-09-01", "2026-10-01", "2026-10-02", "2026-10-05"],
        }
    )
    members = pd.DataFrame({"rep_id": ["r1", "r2"], "team": ["A", "B"], "region": "N", "from_on": ["2026-01-01"] * 2})
    reps = pd.DataFrame({"rep_id": ["r1", "r2"], "name": ["Ann", "Bo"]})
    feedback = pd.DataFrame(
        {
            "id": list("123"),
            "date": "2026-10-09",
            "respondent": "customer",
            "scale": "nps",
            "score": [10, 9, 3],
            "rep": "Ann",
        }
    )
    tables = {"opportunities": deals, "memberships": members, "reps": reps, "feedback": feedback}
    return Book.from_tables(tables, period="2026-10")


def test_bookings_by_scope(book):
    facts = book.facts("bookings")
    assert actual(facts, "bookings", "company", None, [OCTOBER]) == (150.75, 2)
    assert actual(facts, "bookings", "team", "A", [OCTOBER]) == (150.75, 2)
    assert actual(facts, "bookings", "rep", "Bo", [OCTOBER]) == (0.0, 0)


def test_an_account_is_a_new_customer_once(book):
    assert actual(book.facts("new_customers"), "new_customers", "company", None, [OCTOBER]) == (1.0, 1)


def test_pipeline_created_counts_lost_and_open_deals_by_creation(book):
    assert actual(book.facts("pipeline_created"), "pipeline_created", "company", None, [OCTOBER]) == (150.5, 3)


def test_win_rate_needs_a_closed_deal(book):
    facts = book.facts("win_rate")
    assert actual(facts, "win_rate", "company", None, [OCTOBER]) == (2 / 3, 3)
    assert math.isnan(actual(facts, "win_rate", "company", None, [NOVEMBER])[0])


def test_nps_and_a_measure_the_data_do_not_carry(book):
    assert actual(book.facts("nps"), "nps", "rep", "Ann", [OCTOBER]) == (pytest.approx(100 / 3), 3)
    value, n = actual(book.facts("collected"), "collected", "company", None, [OCTOBER])
    assert math.isnan(value) and n == 0


def test_by_month_has_a_row_for_a_month_with_nothing(book):
    table = by_month(book.facts("bookings"), "bookings", "company", [OCTOBER, NOVEMBER])
    assert table["value"].tolist() == [150.75, 0.0]
    assert by_month(book.facts("win_rate"), "win_rate", "rep", [OCTOBER])["value"].tolist() == [1.0, 0.0]


def test_a_list_of_won_deals_alone_has_no_win_rate():
    won = pd.DataFrame({"status": "won", "closed_on": pd.Timestamp("2026-10-05"), "amount": 1.0, "created_at": pd.NaT,
                        "expected_close": pd.NaT, "rep": "Ann"}, index=range(20))  # fmt: skip
    assert measures.facts("win_rate", deals=won).empty
    assert measures.facts("win_rate", deals=won[:19])["value"].sum() == 19
    found = winrates.win_rates(won, as_of=dt.date(2026, 10, 31))
    assert found["value"].isna().all() and measures.facts("bookings", deals=won)["value"].sum() == 20
