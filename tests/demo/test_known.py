"""What is known when: nothing after the day, and an earlier day looks the same ever after."""

import datetime as dt

import pandas as pd
import pytest

from salesloop.book import Book
from salesloop.demo import DEFAULT, Company
from salesloop.schema import TABLES

DAY = dt.date(2026, 3, 12)
PAST = {
    "created_at", "at", "done_at", "modified_at", "last_activity_at", "stage_entered_at", "closed_on", "first_response_at", "converted_at",
    "closed_at", "ordered_on", "paid_on", "said_at", "date", "from_on", "started_on", "left_on", "to_on", "created",
}  # fmt: skip


@pytest.fixture(scope="module")
def company():
    return Company(DEFAULT)


def test_nothing_later_is_known(company):
    end = pd.Timestamp(DAY) + pd.Timedelta(days=1)
    for name, frame in company.tables(DAY).items():
        for column in TABLES[name].of_type("date", "time"):
            if column in PAST and column in frame:
                assert not (pd.to_datetime(frame[column]) >= end).any(), (name, column)


def test_an_earlier_day_looks_the_same_whenever_it_is_looked_at(company):
    then = Company(DEFAULT, months=28)
    assert then.today < DAY + dt.timedelta(days=40)
    day = dt.date(2026, 2, 20)
    before, after = then.tables(day), company.tables(day)
    for name in before:
        if name != "feedback":
            pd.testing.assert_frame_equal(before[name], after[name], obj=name)


def test_later_days_only_add(company):
    early, late = company.tables(dt.date(2026, 3, 31)), company.tables(dt.date(2026, 4, 30))
    for name in (
        "opportunities",
        "leads",
        "stage_events",
        "activities",
        "orders",
        "payments",
        "feedback",
        "forecast_calls",
    ):
        key = list(TABLES[name].key)
        old, new = (pd.MultiIndex.from_frame(found[name][key].astype(str)) for found in (early, late))
        assert old.isin(new).all(), name


def test_a_win_that_was_entered_late_is_open_until_then(company):
    found = company.tables(only=["opportunities", "stage_events"])
    deals, events = found["opportunities"], found["stage_events"]
    won = events[events["to_stage"] == "Closed Won"].merge(deals[["opportunity_id", "closed_on"]], on="opportunity_id")
    won = won[(won["at"].dt.normalize() - won["closed_on"]).dt.days.between(1, 6) & (won["closed_on"] > "2024-06-01")]
    one = won.iloc[0]
    signed, entered = one["closed_on"].date(), one["at"].date()

    def state(*days):
        until = days[1] if len(days) > 1 else None
        frame = company.tables(days[0], known_until=until, only=["opportunities"])["opportunities"]
        return frame.set_index("opportunity_id").loc[one["opportunity_id"]]

    assert state(signed)["status"] == "open"
    assert state(entered)["status"] == "won"
    assert state(entered)["closed_on"].date() == signed
    assert state(signed, entered)["status"] == "won", "known by then, and true on the day it was signed"


def test_the_book_takes_the_tables(company):
    book = Book.from_tables(company.tables(dt.date(2026, 9, 30)), period="2026-09")
    deals = book.deals()
    assert deals[["rep", "team", "region"]].notna().all().all()
    value, n = book.actual("bookings", "company", [pd.Period("2026-08", "M")])
    assert value > 500_000
    assert n > 5
    whole = sum(
        book.actual("bookings", f"team:{team}", [pd.Period("2026-08", "M")])[0] for team in deals["team"].unique()
    )
    assert whole == pytest.approx(value, abs=0.01)
