"""Freezing: the two clocks, the same bytes each time, editions, what is written."""

import datetime as dt
import hashlib
import json
import shutil

import duckdb
import pandas as pd
import pytest

from salesloop import paths, store
from salesloop.book import frozen_periods, open_book
from tests.store.landings import deal, landing, unit


def meta(folder):
    return json.loads((folder / "meta.json").read_text(encoding="utf-8"))


def bytes_of(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def bookings(unit_name, period, month):
    return open_book(unit_name, period).actual("bookings", "company", [pd.Period(month, "M")])


def october(acme):
    """7.5 m won in October; 0.5 m signed on the 31st, entered 3 November; 0.3 m of the 28th, entered 20 November."""
    known = deal("a", "won", "7500000.00", closed_on="2026-10-12", known_at="2026-10-12 03:00")
    signed = {"created": "2026-09-10 02:00"}
    store.land(acme, landing(as_of="2026-10-31", opportunities=[known, deal("b", amount="500000.00", **signed)]))
    entered = deal("b", "won", "500000.00", closed_on="2026-10-31", known_at="2026-11-03 04:00", **signed)
    store.land(acme, landing(as_of="2026-11-05", opportunities=[known, entered]))
    late = deal("c", "won", "300000.00", created="2026-11-20 05:00", closed_on="2026-10-28")
    store.land(
        acme, landing(as_of="2026-12-15", opportunities=[known, entered, late, deal("z", created="2026-12-14 02:00")])
    )


def test_october_keeps_8_0_november_shows_0_3_and_the_year_holds_8_3(acme):
    october(acme)
    for month in ("2026-10", "2026-11"):
        store.freeze(acme, month)
    assert bookings(acme, "2026-10", "2026-10") == (8_000_000.0, 2)
    told = open_book(acme, "2026-11").table("adjustments")
    assert told[["opportunity_id", "period", "kind", "amount"]].to_dict("records") == [
        {"opportunity_id": "c", "period": "2026-10", "kind": "late_win", "amount": 300_000.0}
    ]
    assert told["known_on"].astype(str).tolist() == ["2026-11-20"]
    assert bookings(acme, "2026-11", "2026-10") == (8_300_000.0, 3)
    assert open_book(acme, "2026-10").table("adjustments").empty


def test_on_31_october_7_5_were_known(acme):
    october(acme)
    store.freeze(acme, "2026-10", as_of=dt.date(2026, 10, 31))
    book = open_book(acme, "2026-10", as_of="2026-10-31")
    deals = book.deals().set_index("opportunity_id")
    assert deals.loc[deals["status"] == "won", "amount"].sum() == 7_500_000.0
    assert deals.loc["b", "status"] == "open"
    assert paths.snapshot(acme, "2026-10@2026-10-31").is_dir()


@pytest.mark.parametrize("entered", ["created", "modified_at"])
def test_one_export_after_all_of_it_gives_the_same_months(acme, entered):
    store.land(acme, landing(as_of="2026-12-15", opportunities=[
        deal("a", "won", "7500000.00", closed_on="2026-10-12", modified_at="2026-10-12 03:00"),
        deal("b", "won", "500000.00", closed_on="2026-10-31", modified_at="2026-11-03 04:00"),
        deal("c", "won", "300000.00", closed_on="2026-10-28", **{entered: "2026-11-20 05:00"}),
    ]))  # fmt: skip
    for month in ("2026-10", "2026-11"):
        store.freeze(acme, month)
    assert bookings(acme, "2026-10", "2026-10") == (8_000_000.0, 2)
    assert open_book(acme, "2026-11").table("adjustments")["amount"].tolist() == [300_000.0]


def test_a_deal_lost_in_march_reopened_in_may_won_in_june(acme):
    states = [
        ("2026-02-28", deal("a", amount="100.00", created="2026-02-02 02:00")),
        ("2026-03-31", deal("a", "lost", "100.00", created="2026-02-02 02:00", closed_on="2026-03-20")),
        ("2026-05-31", deal("a", amount="110.00", created="2026-02-02 02:00", known_at="2026-05-12 02:00")),
        ("2026-07-31", deal("a", "won", "120.00", created="2026-02-02 02:00", closed_on="2026-06-18", known_at="2026-06-18 02:00")),
    ]  # fmt: skip
    for day, state in states:
        store.land(acme, landing(as_of=day, opportunities=[state]))
    told = {}
    for month in ("2026-02", "2026-03", "2026-04", "2026-05", "2026-06"):
        store.freeze(acme, month)
        row = open_book(acme, month).table("opportunities").iloc[0]
        told[month] = (row["status"], row["amount"])
    assert told == {
        "2026-02": ("open", 100.0), "2026-03": ("lost", 100.0), "2026-04": ("lost", 100.0), "2026-05": ("open", 110.0),
        "2026-06": ("won", 120.0),
    }  # fmt: skip
    assert bookings(acme, "2026-06", "2026-06") == (120.0, 1)
    may = open_book(acme, "2026-05").table("adjustments")
    assert may[["period", "kind", "amount"]].to_dict("records") == [
        {"period": "2026-03", "kind": "reopened", "amount": 0.0}
    ]
    assert open_book(acme, "2026-06").table("adjustments").empty


def full(acme):
    """A store with two imports, the second full of things that October may not know."""

    def deals(status):
        return [
            deal("a", "won", "10.00", closed_on="2026-10-12", owner_id="r1"), deal("b", amount="20.00", probability=0.4),
            deal("late", *status, created="2026-10-03 02:00"),
        ]  # fmt: skip

    events = [
        {
            "event_id": "1",
            "opportunity_id": "late",
            "at": "2026-10-07 02:00",
            "from_stage": "Qualify",
            "to_stage": "Propose",
        }
    ]
    store.land(acme, landing(
        as_of="2026-11-02", opportunities=deals(("open", "30.00")), stage_events=events,
        reps=[{"rep_id": "r1", "name": "Ann", "started_on": "2020-01-01"}], accounts=[{"account_id": "x", "name": "X"}],
        activities=[{"activity_id": "1", "type": "call", "created_at": "2026-10-30 02:00", "status": "planned"}],
    ))  # fmt: skip
    store.land(acme, landing(
        as_of="2026-12-20",
        opportunities=[*deals(("won", "35.00"))[:2], deal("late", "won", "35.00", created="2026-10-03 02:00", closed_on="2026-11-25"),
                       deal("new", created="2026-11-15 02:00")],
        stage_events=[*events, {"event_id": "2", "opportunity_id": "late", "at": "2026-11-25 02:00", "from_stage": "Propose",
                                "to_stage": "Won"}],
        reps=[{"rep_id": "r1", "name": "Ann Lee", "started_on": "2020-01-01"}], accounts=[{"account_id": "x", "name": "X"}],
        activities=[{"activity_id": "1", "type": "call", "created_at": "2026-10-30 02:00", "status": "done",
                     "done_at": "2026-11-20 02:00"}],
    ))  # fmt: skip


def test_deleting_everything_known_later_gives_the_same_bytes(tmp_path, acme, monkeypatch):
    full(acme)
    folder = store.freeze(acme, "2026-10")
    there = bytes_of(folder)
    other = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "params", other / "params")
    (other / "data" / acme).mkdir(parents=True)
    shutil.copy(paths.store(acme), other / "data" / acme / "store.duckdb")
    with duckdb.connect(str(other / "data" / acme / "store.duckdb")) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            if name[:2] == "v_"
        ]
        gone = 0
        for name in names:
            gone += connection.execute(
                f"DELETE FROM {name} WHERE _known_at >= TIMESTAMP '2026-11-06 16:00'"
            ).fetchall()[0][0]
        connection.execute("DELETE FROM editions")
    monkeypatch.setenv("SALESLOOP_ROOT", str(other))
    assert gone == 5
    assert bytes_of(store.freeze(acme, "2026-10")) == there


def test_threads_do_not_change_a_byte(acme):
    full(acme)
    folder = store.freeze(acme, "2026-11", threads=1)
    one = bytes_of(folder)
    shutil.rmtree(folder)
    assert bytes_of(store.freeze(acme, "2026-11", threads=4)) == one


def test_a_closed_period_never_changes_whatever_is_imported_later(acme):
    full(acme)
    folder = store.freeze(acme, "2026-10")
    there, made = bytes_of(folder), folder.stat().st_mtime_ns
    backdated = deal("old", "won", "99.00", created="2026-10-01 02:00", closed_on="2026-10-02")
    store.land(acme, landing(as_of="2026-12-28", opportunities=[backdated]))
    assert store.freeze(acme, "2026-10").stat().st_mtime_ns == made
    shutil.rmtree(folder)
    assert bytes_of(store.freeze(acme, "2026-10")) == there
    store.freeze(acme, "2026-11")
    told = open_book(acme, "2026-11").table("adjustments")
    assert told[["opportunity_id", "kind", "amount"]].to_dict("records") == [
        {"opportunity_id": "old", "kind": "late_win", "amount": 99.0}
    ]


def test_a_person_may_reopen_a_closed_period(acme):
    full(acme)
    store.freeze(acme, "2026-10")
    store.land(acme, landing(as_of="2026-12-28", opportunities=[
        deal("old", "won", "99.00", created="2026-10-01 02:00", closed_on="2026-10-02")]))  # fmt: skip
    store.reopen(acme, "2026-10")
    assert meta(store.freeze(acme, "2026-10"))["edition"] == 2
    assert bookings(acme, "2026-10", "2026-10") == (109.0, 2)


def test_open_books_have_editions_until_they_close(acme):
    first = landing(as_of="2026-11-02", opportunities=[deal("a", amount="1.00")])
    store.land(acme, first)
    told = meta(store.freeze(acme, "2026-10"))
    assert (told["edition"], told["books_open"], told["books_open_until"], told["cut_off"]) == (
        1,
        True,
        "2026-11-06",
        "2026-11-02",
    )
    store.land(acme, first)
    assert meta(store.freeze(acme, "2026-10"))["edition"] == 1
    store.land(acme, landing(as_of="2026-11-04", opportunities=[deal("a", "won", "1.00", closed_on="2026-10-30")]))
    told = meta(store.freeze(acme, "2026-10"))
    assert (told["edition"], told["books_open"]) == (2, True)
    assert bookings(acme, "2026-10", "2026-10") == (1.0, 1)
    store.land(acme, landing(as_of="2026-11-09", opportunities=[deal("b", created="2026-11-08 02:00")]))
    told = meta(store.freeze(acme, "2026-10"))
    assert (told["edition"], told["books_open"], told["books_open_until"]) == (3, False, None)
    store.land(acme, landing(as_of="2026-11-30", opportunities=[deal("c", created="2026-11-28 02:00")]))
    assert meta(store.freeze(acme, "2026-10"))["edition"] == 3


def test_what_is_written_is_what_the_notes_say(acme):
    full(acme)
    folder = store.freeze(acme, "2026-11")
    told = meta(folder)
    assert {name: row["sha256"] for name, row in told["tables"].items()} == {
        file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.parquet")
    }
    assert frozen_periods(acme) == [pd.Period("2026-11", "M")]
    assert [file.name for file in folder.parent.iterdir()] == ["2026-11"]  # no leftovers beside it
    assert told["known_until"] == "2026-12-07" and told["period_end"] == "2026-11-30"


def test_the_day_of_an_import_that_states_none_leaves_no_trace(tmp_path, acme, monkeypatch):
    given = landing(
        opportunities=[deal("a", "won", "5.00", closed_on="2021-03-02", created="2021-01-04 02:00"), deal("b", created="2021-04-15 02:07")],
        accounts=[{"account_id": "x"}], fx_rates=[{"month": "2021-01", "currency": "USD", "rate_to_home": 7.0}],
    )  # fmt: skip
    told = []
    for root, today in (("one", dt.date(2026, 11, 24)), ("two", dt.date(2027, 3, 1))):
        monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path / root))
        monkeypatch.setattr("salesloop.store.staging._today", lambda _, today=today: today)
        unit(tmp_path / root)
        store.land(acme, given)
        assert store.import_log(acme)["as_of"].astype(str).tolist() == [str(today)]
        told.append(bytes_of(store.freeze(acme, "2021-03")))
    assert told[0] == told[1]


def test_leftovers_of_a_crash_are_cleared(acme):
    full(acme)
    left = paths.snapshot(acme, ".2026-10.123")
    left.mkdir(parents=True)
    store.freeze(acme, "2026-10")
    assert not left.exists()


def test_tie_out_adds_up_to_the_cent(tmp_path, acme):
    unit(tmp_path, plan_rates={2026: {"USD": 7.0}})
    given = landing(as_of="2026-11-09", opportunities=[
        deal("a", "won", "10.10", closed_on="2026-10-05"), deal("b", "won", "20.20", closed_on="2026-10-06", currency="USD"),
        deal("c", "won", "30.30", closed_on="2026-10-06", currency="XTS"), deal("d", amount="40.40", created="2026-11-02 02:00"),
        deal("e", "won", "50.50", closed_on="2027-01-06"), deal("f", amount="60.60", created="2026-11-08 02:00"),
    ])  # fmt: skip
    given.files[0].source_total, given.files[0].read, given.files[0].rejected = "221.10", 7, 1
    store.land(acme, given)
    told = meta(store.freeze(acme, "2026-10"))
    assert [(row["line"], row["n"], row["amount"]) for row in told["tie_out"]] == [
        ("source", 7, "221.10"), ("rejected_at_the_door", -1, "-9.00"), ("known_later", -1, "-60.60"),
        ("created_after_period", -1, "-40.40"), ("won_after_cut_off", -1, "-50.50"), ("currency_without_rate", -1, "-30.30"),
        ("currency", 0, "121.20"), ("ours", 2, "151.50"),
    ]  # fmt: skip
    assert told["set_aside"] == [{"rule": "won_after_cut_off", "n": 1, "amount": "50.50", "after": "2026-11-09"}]
    assert told["without_rate"] == [{"currency": "XTS", "n": 1, "amount": "30.30"}]
    assert bookings(acme, "2026-10", "2026-10") == (151.5, 2)  # 10.10 + 7 x 20.20


def test_a_win_dated_ahead_counts_once_its_day_has_come(acme):
    ahead = deal("a", "won", "5.00", closed_on="2026-11-20")
    store.land(acme, landing(as_of="2026-11-02", opportunities=[ahead, deal("b")]))
    assert meta(store.freeze(acme, "2026-10"))["set_aside"][0]["n"] == 1
    assert "a" not in set(open_book(acme, "2026-10").table("opportunities")["opportunity_id"])
    store.land(acme, landing(as_of="2026-12-10", opportunities=[ahead, deal("b", amount="1.00")]))
    store.freeze(acme, "2026-11")
    assert bookings(acme, "2026-11", "2026-11") == (5.0, 1)


def test_rules_across_rows_are_counted(acme):
    store.land(acme, landing(
        as_of="2026-11-30",
        opportunities=[deal("a", "won", closed_on="2026-08-05", owner_id="r9"), deal("b", amount="-1.00", owner_id="r1")],
        reps=[{"rep_id": "r1", "name": "Ann"}],
        memberships=[{"rep_id": "r1", "team": "A", "from_on": "2026-01-01", "to_on": "2026-06-30"},
                     {"rep_id": "r1", "team": "B", "from_on": "2026-06-01"}],
    ))  # fmt: skip
    broken = ["closed_before_created", "memberships_overlap", "negative_amount", "owner_unknown", "won_without_amount"]
    assert meta(store.freeze(acme, "2026-10"))["rules"] == {rule: {"n": 1, "severity": "warn"} for rule in broken}


def test_deals_of_hundreds_of_millions_stay_exact(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    name = unit(tmp_path, "large", plan_rates={2026: {"USD": 7.1}})
    won = {"closed_on": "2026-09-12"}
    deals = [deal("a", "won", "320000000.01", **won), deal("b", "won", "1000000000.10", currency="USD", **won)]
    moved = {
        "event_id": "e",
        "opportunity_id": "a",
        "at": "2026-09-10 02:00",
        "to_stage": "Won",
        "amount": "320000000.01",
    }
    store.land(name, landing(as_of="2026-09-30", opportunities=deals, stage_events=[moved]))
    store.freeze(name, "2026-09")
    assert bookings(name, "2026-09", "2026-09") == (320_000_000.01 + 7_100_000_000.71, 2)
